"""A dry run of landing: what would become of one file. Writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.landed_sessions import repeat_figures
from flywheel_assets.landing.rows import QUARANTINE_REASON, invalid_rows, started, strays, valid_rows
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.settings import interval_advice
from flywheel_assets.warehouse.engine import Engine, parquet_schema
from flywheel_assets.warehouse.file_index import LandedFile, objection
from flywheel_assets.warehouse.listing import damage

CLOCK_ERRORS = 0.001
"""No setting is proposed for the sake of the earliest and the latest sessions up to this share: their clocks may be
wrong."""


@dataclass(frozen=True)
class DryRun:
    """``columns``: name and Arrow type, as in the file. ``file``: as the index would have it, with its rows by interval
    or the problem that sets it aside. ``rows``: all; ``sessions``: those that would land; ``repeated``: rows that would
    be left out for a later one of their session; ``quarantined``: the others, by reason. ``days``: of the first and the
    last session that has a time, in an interval or not; None when fewer than half of the rows have one. ``advice``:
    settings that would let more rows land."""

    columns: Mapping[str, str]
    file: LandedFile
    rows: int = 0
    sessions: int = 0
    repeated: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    days: tuple[date, date] | None = None
    advice: tuple[str, ...] = ()

    @property
    def objection(self) -> str:
        """Why the file should not land as it is: it is set aside, or fewer than half of its rows would land. Empty for
        one that can land."""
        few = f"{'little' if self.sessions else 'nothing'} would land: {self.sessions:,} of {self.rows:,} rows"
        return objection(self.file, self.rows, self.sessions + self.repeated, few)


def dry_run(path: Path, landing: Landing, engine: Engine, minimums: Mapping[str, float]) -> DryRun:
    """What landing would make of the file under the rules of ``landing``. Raises LandingError when there is no such
    file."""
    if not path.is_file():
        raise LandingError(f"there is no file at {path}")
    there = landing.at(path.absolute().parent.resolve())
    file = there.look_at(path.name)
    columns = {} if not file.schema_digest else parquet_schema(path)
    damaged = None if file.problem else damage(path, path.name)
    if damaged:
        file = replace(file, rows={}, problem=damaged)
    if file.problem:
        return DryRun(columns, file)
    rules = landing.rules
    how = rules.session_id_pattern, rules.time_column
    rows = there.read([file])
    placed = started(rows, *how)
    calendar = rules.calendar
    inside = placed.filter(
        placed.timestamp_unix >= calendar.number(1).start_unix,
        placed.timestamp_unix < calendar.number(calendar.count).end_unix,
    )
    valid = valid_rows(inside, minimums)
    landed = _row(engine, valid.aggregate(**repeat_figures(valid)))
    reasons = _by_reason(engine, strays(rows, calendar, *how)) | _by_reason(engine, invalid_rows(inside, minimums))
    starts, total = _starts(engine, placed), sum(file.rows.values())
    if starts and starts.count * 2 < total:
        starts = None  # ids without a time: digits of a UUID that look like one are chance
    return DryRun(
        columns,
        file,
        rows=total,
        sessions=landed["ids"],
        repeated=landed["rows"] - landed["ids"],
        quarantined=reasons,
        days=(calendar.day_at(starts.first), calendar.day_at(starts.last)) if starts else None,
        advice=tuple(
            interval_advice(calendar, starts.earliest, starts.latest, "sessions")
            if starts
            else _column_advice(columns, rules)
        ),
    )


@dataclass(frozen=True)
class _Starts:
    """Unix seconds: of the first session and the last, and the same without the share that may be clock errors."""

    count: int
    first: int
    earliest: int
    latest: int
    last: int


def _starts(engine: Engine, placed: ir.Table) -> _Starts | None:
    """None where no row has a time."""
    start = placed.timestamp_unix
    row = _row(engine, placed.aggregate(count=start.count(), first=start.min(), last=start.max()))
    if not row["count"]:
        return None
    timed, few = placed.select("timestamp_unix").filter(start.notnull()), int(row["count"] * CLOCK_ERRORS)
    earliest, latest = (
        _row(engine, timed.order_by(order("timestamp_unix")).limit(1, offset=few))["timestamp_unix"]
        for order in (ibis.asc, ibis.desc)
    )
    return _Starts(earliest=earliest, latest=latest, **row)


def _column_advice(columns: Mapping[str, str], rules: LandingRules) -> list[str]:
    """The column to take times from, where a column is of timestamps and none is named yet."""
    times = [name for name, dtype in columns.items() if dtype.startswith("timestamp")]
    if rules.time_column or not times:
        return []
    return [f"to take the start of a session from a column, set FLYWHEEL_SESSION_TIME_COLUMN={times[0]}"]


def _row(engine: Engine, expression: ir.Table) -> dict[str, Any]:
    (row,) = engine.collect(expression).to_pylist()
    return row


def _by_reason(engine: Engine, rows: ir.Table) -> dict[str, int]:
    counted = rows.group_by(QUARANTINE_REASON).aggregate(rows=rows.count()).order_by(QUARANTINE_REASON)
    return {row[QUARANTINE_REASON]: row["rows"] for row in engine.collect(counted).to_pylist()}
