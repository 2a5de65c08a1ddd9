"""The sessions that a proposal makes of a file, by way of the text of its mapping."""

from datetime import date
from pathlib import Path
from typing import Any

from flywheel_assets.ingest.cutting import Cutting, cut_events
from flywheel_assets.ingest.events import TIME, events
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.ingest.named_files import readable
from flywheel_assets.ingest.proposal import Proposal
from flywheel_assets.ingest.session_features import sessions
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Calendar
from flywheel_assets.warehouse.engine import Engine

CALENDAR = Calendar(date(2010, 1, 4), date(2030, 1, 1), 2, "UTC")


def cut(engine: Engine, file: Path, proposal: Proposal, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """By session id, of the file alone, at a pause over 30 minutes. ``folder``: where the mapping is written."""
    path = (folder or file.parent) / "events.toml"
    path.write_text(proposal.events_toml())
    mapping = read_mapping(path, [feature.name for feature in proposal.features])
    assert mapping == proposal.mapping
    with readable([file]) as paths:
        rows = events(engine.read(paths), mapping)
        (span,) = engine.collect(rows.aggregate(first=rows[TIME].min(), last=rows[TIME].max())).to_pylist()
        start, end = span["first"] // SECOND, span["last"] // SECOND + 1
        cutting = Cutting.between(CALENDAR, start, end, 30, bool(mapping.session))
        found = engine.collect(sessions(cut_events(rows, mapping, cutting, start), mapping)).to_pylist()
    return {row["session_id"]: row for row in found}
