"""A dry run of landing: what would become of one file. Writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.files import damage
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.index import LandedFile
from flywheel_assets.landing.landed_sessions import repeat_figures
from flywheel_assets.landing.rows import QUARANTINE_REASON, invalid_rows, started, strays
from flywheel_assets.warehouse.engine import Engine, parquet_schema


@dataclass(frozen=True)
class DryRun:
    """``columns``: name and Arrow type, as in the file. ``file``: as the index would have it, with its rows by interval
    or the problem that sets it aside. ``quarantined``: rows by reason. ``may_repeat``: a session may be there twice."""

    columns: Mapping[str, str]
    file: LandedFile
    quarantined: Mapping[str, int]
    may_repeat: bool


def dry_run(path: Path, landing: Landing, engine: Engine, minimums: Mapping[str, float]) -> DryRun:
    """What landing would make of the file under the rules of ``landing``. Raises LandingError when there is no such
    file."""
    if not path.is_file():
        raise LandingError(f"there is no file at {path}")
    there = landing.at(path.absolute().parent.resolve())
    file = there.look_at(path.name)
    columns = {} if not file.schema_digest else parquet_schema(path)
    damaged = None if file.problem else damage(there.folder, path.name)
    if damaged:
        file = replace(file, rows={}, problem=damaged)
    if file.problem:
        return DryRun(columns, file, {}, False)
    rules = landing.rules
    rows = there.read([file])
    placed = started(rows, rules.session_id_pattern)
    placed = placed.filter(placed.timestamp_unix.notnull())
    calendar = rules.calendar
    inside = placed.filter(
        placed.timestamp_unix >= calendar.number(1).start_unix,
        placed.timestamp_unix < calendar.number(calendar.count).end_unix,
    )
    reasons = _by_reason(engine, strays(rows, calendar, rules.session_id_pattern))
    reasons |= _by_reason(engine, invalid_rows(inside, minimums))
    figures = engine.collect(rows.aggregate(**repeat_figures(rows))).to_pylist()[0]
    return DryRun(columns, file, reasons, figures["rows"] != figures["ids"])


def _by_reason(engine: Engine, rows: ir.Table) -> dict[str, int]:
    counted = rows.group_by(QUARANTINE_REASON).aggregate(rows=rows.count()).order_by(QUARANTINE_REASON)
    return {row[QUARANTINE_REASON]: row["rows"] for row in engine.collect(counted).to_pylist()}
