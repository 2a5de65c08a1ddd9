"""Verdicts on landed_sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.landing.landed_sessions import invalid_reason
from flywheel_assets.tables.contract import Column
from flywheel_assets.tables.verdict import Check, Verdict, share

HIGHEST_QUARANTINE_RATE = 0.01
LOWEST_VOLUME, HIGHEST_VOLUME = 0.5, 2.0
VOLUME_INTERVALS = 6
"""Volume is held against the median of at most this many intervals before."""

CONTRACT = Check(
    "contract", "Columns and types are the contract's, every row is valid, one row a session.", blocking=True
)
QUARANTINE_RATE = Check("quarantine_rate", "At most 1 % of the interval's rows were invalid.")
VOLUME = Check(
    "volume", "Between half and twice the median sessions of up to six previous intervals with data (warning)."
)
INTERVAL_CLOSED = Check("interval_closed", "The interval was over when it was materialized (warning).")
LANDED_FILES = Check(
    "landed_files", "No landed file was set aside, and each of their rows belongs to an interval (warning)."
)
CHECKS = (CONTRACT, QUARANTINE_RATE, VOLUME, INTERVAL_CLOSED, LANDED_FILES)


def figures(table: ir.Table, interval: Interval, minimums: Mapping[str, float]) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``sessions`` (distinct ids), ``invalid`` rows and ``outside`` the interval."""
    unix = table.timestamp_unix
    outside = (unix < interval.start_unix) | (unix >= interval.end_unix) | unix.isnull()
    return {
        "rows": table.count(),
        "sessions": table.session_id.nunique(),
        "invalid": invalid_reason(table, minimums).notnull().sum().coalesce(0),
        "outside": outside.sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column]) -> Verdict:
    """Fails on a column missing or of another type, an invalid row, one outside the interval, a session twice."""
    wrong = wrong_columns(schema, columns)
    repeated = int(row["rows"]) - int(row["sessions"])
    faults = [*wrong]
    faults += [f"{row['invalid']:,} invalid rows"] if row["invalid"] else []
    faults += [f"{row['outside']:,} rows outside the interval"] if row["outside"] else []
    faults += [f"{repeated:,} rows of a session that has another"] if repeated else []
    return Verdict(
        CONTRACT.name,
        not faults,
        "; ".join(faults) or f"{row['rows']:,} valid rows, one a session",
        numbers={
            "rows": int(row["rows"]),
            "wrong_columns": len(wrong),
            "invalid_rows": int(row["invalid"]),
            "rows_outside": int(row["outside"]),
            "repeated_rows": repeated,
        },
    )


def wrong_columns(schema: sch.Schema, columns: Sequence[Column]) -> list[str]:
    """What the columns of a table lack of the contract's, one clause each; empty when they keep it."""
    return [
        f"column {c.name} is {schema.get(c.name, 'missing')}, expected {c.dtype}"
        for c in columns
        if c.name not in schema or not _is_of(schema[c.name], c.dtype)
    ]


def quarantine_rate(quarantined: int, kept: int) -> Verdict:
    """Fails when over 1 % of the interval's rows were invalid."""
    rate = share(quarantined, quarantined + kept)
    return Verdict(
        QUARANTINE_RATE.name,
        rate <= HIGHEST_QUARANTINE_RATE,
        f"{quarantined:,} of {quarantined + kept:,} rows were invalid ({rate:.2%}) and are in quarantine",
        numbers={"quarantined_rows": quarantined, "rows": kept, "quarantine_rate": rate},
    )


def volume(rows: int, previous: Sequence[int]) -> Verdict:
    """Warns when the sessions are under half or over twice the median of the ``previous`` counts (empty intervals
    aside). Passes, and says so, when there is none."""
    some = [n for n in previous if n]
    if not some:
        return Verdict(
            VOLUME.name, True, "no previous interval has data, so there is no verdict", "WARN", {"rows": rows}
        )
    usual = median(some)
    return Verdict(
        VOLUME.name,
        LOWEST_VOLUME <= rows / usual <= HIGHEST_VOLUME,
        f"{rows:,} sessions, {rows / usual:.2f} times the median of the {len(some)} intervals before, {usual:,.0f}",
        "WARN",
        {"rows": rows, "median_before": float(usual), "ratio": rows / usual},
    )


def interval_closed(interval: Interval, now: datetime) -> Verdict:
    """Warns when the interval is still open, so that more of its sessions may land."""
    closed = interval.closed(now)
    ends = interval.end.isoformat(timespec="minutes")
    summary = f"the interval ended {ends}" if closed else f"the interval is open until {ends}: more sessions may land"
    return Verdict(INTERVAL_CLOSED.name, closed, summary, "WARN")


def landed_files(used: int, problems: Sequence[str]) -> Verdict:
    """Warns of landed files that are set aside, or have rows of no interval: whatever interval those are of, they are
    missing."""
    return Verdict(
        LANDED_FILES.name,
        not problems,
        "; ".join(problems) or f"all landed files can be used, {used:,} of them for this interval",
        "WARN",
        {"files_used": used, "files_with_problems": len(problems)},
    )


def _is_of(found: dt.DataType, expected: str) -> bool:
    if expected == "any":
        return True
    wanted = dt.dtype(expected)
    if isinstance(wanted, dt.Timestamp) and isinstance(found, dt.Timestamp):
        return found.timezone == wanted.timezone
    return found.copy(nullable=True) == wanted
