"""landed_sessions: the valid sessions of an interval, one row per session, and whether any is left out."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.ingest import event_sessions
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import COVERAGE
from flywheel_assets.landing.rows import invalid_reason
from flywheel_assets.tables.columns import FEATURE, LANDED, OTHERS, SESSION_ID, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, all_usable, share
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


MADE_FROM = "flywheel.landed_files"
"""The note in landed_sessions that lists the files it was made from."""

HIGHEST_QUARANTINE_RATE = 0.01
LOWEST_VOLUME, HIGHEST_VOLUME = 0.5, 2.0
VOLUME_INTERVALS = 6
"""Volume is compared with the median of at most this many previous intervals."""

CONTRACT = Check(
    "contract", "Columns and types match the contract; every row is valid; one row per session.", blocking=True
)
QUARANTINE_RATE = Check("quarantine_rate", "At most 1 % of the interval's rows were invalid.")
VOLUME = Check(
    "volume", "Between half and twice the median sessions of up to six previous intervals with data (warning)."
)
INTERVAL_CLOSED = Check("interval_closed", "The interval had closed when it was materialized (warning).")
LANDED_FILES = Check(
    "landed_files", "No landed file was set aside, and each of their rows belongs to an interval (warning)."
)
CHECKS = (CONTRACT, QUARANTINE_RATE, VOLUME, COVERAGE, INTERVAL_CLOSED, LANDED_FILES)

LANDING = Table(
    "landing",
    "session",
    "The folder where parquet lands: one row per session, with session_id, user_id, the features and any other "
    "columns. Somebody else writes it; Flywheel only reads.",
    (),
    (SESSION_ID, USER_ID, FEATURE, OTHERS),
    fingerprint=lambda flywheel, interval: flywheel.index.fingerprint(interval),
    news=lambda flywheel, interval: flywheel.index.news(interval, flywheel.landed_from(interval) or ()),
)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    time_column = flywheel.settings.session_time_column
    return {
        "interval": f"{interval.start:%Y-%m-%dT%H:%MZ} to {interval.end:%Y-%m-%dT%H:%MZ}",
        "features": ", ".join(_feature(name, minimum) for name, minimum in flywheel.minimums.items()),
        "session id pattern": flywheel.settings.session_id_pattern or "default",
        "column names": ", ".join(f"{t} is {o}" for t, o in flywheel.landing.rules.names.items()) or "ours",
        **({"session time column": time_column} if time_column else {}),
    }


def _feature(name: str, minimum: float) -> str:
    """A feature with what of its minimum decides which rows are valid: the sign."""
    return name if minimum >= 0 else f"{name} (also negative)"


def present_form(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters of a table as :data:`TABLE` gives them today. Earlier versions wrote the whole minimum of each
    feature, as in ``leads from 0``, which another fit changes."""
    with_minimum = r"(.+) from (-?\d+(?:[.]\d+)?(?:e[-+]\d+)?)"
    features = [re.fullmatch(with_minimum, feature) for feature in parameters["features"].split(", ")]
    if not all(features):
        return parameters
    return {**parameters, "features": ", ".join(_feature(f[1], float(f[2])) for f in features if f)}


TABLE = Table(
    "landed_sessions",
    "session",
    "The sessions of the interval, as they landed or as events make them: valid rows, one per session_id. Invalid rows "
    "go to quarantine.",
    (LANDING, event_sessions.TABLE),
    LANDED,
    checks=CHECKS,
    parameters=_parameters,
    model_parameters=lambda flywheel: () if flywheel.stated_features else ("features",),
    present_form=present_form,
)


def repeat_figures(rows: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates ``rows`` and ``ids``, different ones: when they are equal no session has two rows, which is nearly
    always so. Ranking every row instead runs out of memory at 10 M rows under 1 GB. Not of hashes: DuckDB's collide
    among 10 M ids."""
    return {"rows": rows.count(), "ids": rows.session_id.nunique() + _some_null(rows.session_id)}


def one_row_a_session(rows: ir.Table) -> ir.Table:
    """Of several rows of a session the one from the file that wins stays, and in that file the later row."""
    counted = rows.group_by("session_id").aggregate(row_count=rows.count())
    repeated = counted.filter(counted.row_count > 1).select("session_id")
    once = rows.anti_join(repeated, "session_id")
    many = rows.semi_join(repeated, "session_id")
    order = ibis.window(group_by="session_id", order_by=[many[PRECEDENCE].desc(), many[ROW].desc()])
    ranked = many.mutate(_rank=ibis.row_number().over(order))
    return once.union(ranked.filter(ranked["_rank"] == 0).drop("_rank"))


def landed_sessions(rows: ir.Table, features: Sequence[str]) -> ir.Table:
    """The table of the contract from valid rows, one per session: ids, features in their order, whatever else was
    landed, then ``timestamp_unix`` and ``timestamp_utc``."""
    first = ["session_id", "user_id", *features]
    ours = {*first, FILE, ROW, PRECEDENCE, "timestamp_unix"}
    others = [name for name in rows.columns if name not in ours]
    return rows.select(
        *first, *others, "timestamp_unix", timestamp_utc=rows.timestamp_unix.as_timestamp("s").cast("timestamp('UTC')")
    )


def _some_null(column: ir.StringValue) -> ir.IntegerScalar:
    """1 where the column has a null, which counts as no different value; else 0."""
    return column.isnull().any().fill_null(False).cast("int64")


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
    """Fails on a missing column, a wrong type, an invalid row, a row outside the interval, or a repeated session."""
    wrong = wrong_columns(schema, columns)
    repeated = int(row["rows"]) - int(row["sessions"])
    faults = [*wrong]
    faults += [f"{row['invalid']:,} invalid rows"] if row["invalid"] else []
    faults += [f"{row['outside']:,} rows outside the interval"] if row["outside"] else []
    faults += [f"{repeated:,} further rows of a session already counted"] if repeated else []
    return Verdict(
        CONTRACT.name,
        not faults,
        "; ".join(faults) or f"{row['rows']:,} valid rows, one per session",
        numbers={
            "rows": int(row["rows"]),
            "wrong_columns": len(wrong),
            "invalid_rows": int(row["invalid"]),
            "rows_outside": int(row["outside"]),
            "repeated_rows": repeated,
        },
    )


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
    aside). Without such counts it passes, and says so."""
    some = [n for n in previous if n]
    if not some:
        return Verdict(
            VOLUME.name, True, "no previous interval has data, so there is no verdict", "WARN", {"rows": rows}
        )
    usual = median(some)
    return Verdict(
        VOLUME.name,
        LOWEST_VOLUME <= rows / usual <= HIGHEST_VOLUME,
        f"{rows:,} sessions, {rows / usual:.2f} times the median of the previous {len(some)} intervals, {usual:,.0f}",
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
    return all_usable(LANDED_FILES.name, "all landed files", used, "sessions", problems)
