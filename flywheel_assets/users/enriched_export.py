"""enriched_export: sessions with both labels and the times that people read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.sessions import session_predictions
from flywheel_assets.sessions.session_predictions import SESSION_LABEL, SESSION_PROBABILITY, SESSION_VERSION
from flywheel_assets.tables.columns import FEATURE, INTERVAL, INTERVAL_DATES, OTHERS, SESSION_ID, UNIX, USER_ID, UTC
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import probability_column
from flywheel_assets.tables.verdict import Check, Verdict, none_of, same_count
from flywheel_assets.users import user_labels
from flywheel_assets.users.user_labels import USER_LABEL, USER_PROBABILITY, USER_VERSION

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


CONSERVATION = Check("conservation", "One row per trimmed session.", blocking=True)
NO_MISSING_LABEL = Check("no_missing_label", "Every session has its own label and its user's.", blocking=True)
SAME_GENERATION = Check(
    "same_generation", "The export and all it rests on were made from the present tables (warning)."
)
CHECKS = (CONSERVATION, NO_MISSING_LABEL, SAME_GENERATION)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "interval number": str(interval.number),
        "reporting timezone": flywheel.settings.reporting_timezone,
        "user export": str(flywheel.settings.user_export).lower(),
    }


TABLE = Table(
    "enriched_export",
    "session",
    "One file per interval for the dashboard: each session with its label, its user's label and readable times.",
    (session_predictions.TABLE, user_labels.TABLE),
    (
        SESSION_ID,
        USER_ID,
        FEATURE,
        OTHERS,
        SESSION_LABEL,
        USER_LABEL,
        SESSION_PROBABILITY,
        USER_PROBABILITY,
        SESSION_VERSION,
        USER_VERSION,
        UNIX,
        UTC,
        Column("timestamp_mst", "timestamp", "Wall clock of the reporting timezone at the start, without a zone."),
        INTERVAL,
        INTERVAL_DATES,
    ),
    checks=CHECKS,
    parameters=_parameters,
    companions=lambda flywheel: ("user_export",) if flywheel.settings.user_export else (),
)


def enriched_export(
    predictions: ir.Table,
    user_labels: ir.Table,
    interval: Interval,
    session_labels: Sequence[str],
    flywheel_labels: Sequence[str],
    timezone: str,
) -> ir.Table:
    """Each session of ``predictions`` once, with its user's label, probabilities and model version. Columns as in the
    contract: what was landed, labels, probabilities, versions, times, ``Interval`` and ``Interval_Dates``."""
    users = user_labels.drop("sessions").rename(_user="user_id")
    joined = predictions.left_join(users, predictions.user_id == users["_user"])
    labels = ["session_quality_label", "user_flywheel_label"]
    labels += [probability_column(label) for label in [*session_labels, *flywheel_labels]]
    labels += ["session_model_version", "user_model_version"]
    times = ["timestamp_unix", "timestamp_utc"]
    landed = [name for name in predictions.columns if name not in {*labels, *times}]
    return joined.select(
        *landed,
        *labels,
        *times,
        timestamp_mst=wall_clock(joined.timestamp_unix, interval, timezone),
        Interval=ibis.literal(interval.number, "int32"),
        Interval_Dates=ibis.literal(interval.dates),
    )


def user_export(user_labels: ir.Table, interval: Interval) -> ir.Table:
    """user_labels with ``Interval`` and ``Interval_Dates``."""
    return user_labels.mutate(
        Interval=ibis.literal(interval.number, "int32"), Interval_Dates=ibis.literal(interval.dates)
    )


def wall_clock(unix: ir.IntegerValue, interval: Interval, timezone: str) -> ir.TimestampValue:
    """The clock on the wall of a timezone at an instant of the interval, as a timestamp without a zone: parquet would
    turn a zoned one back into UTC, and a BI tool would show that."""
    offsets = utc_offsets(timezone, interval.start_unix, interval.end_unix)
    seconds: ir.IntegerValue = ibis.literal(offsets[0][1], "int64")
    for from_unix, offset in offsets[1:]:
        seconds = (unix >= from_unix).ifelse(offset, seconds)
    # Not as_timestamp: Ibis takes it to have no zone, DuckDB gives it one, and the file would have UTC.
    return ibis.timestamp("1970-01-01") + (unix + seconds).as_interval("s")


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows`` and ``missing_labels``."""
    missing = table.session_quality_label.isnull() | table.user_flywheel_label.isnull()
    return {"rows": table.count(), "missing_labels": missing.sum().coalesce(0)}


def verdicts(row: Mapping[str, Any], trimmed_sessions: int, stale: Mapping[str, str]) -> list[Verdict]:
    """All checks; ``stale``: per table that is not of the generation of its sources, why."""
    rows = int(row["rows"])
    return [
        same_count(CONSERVATION.name, rows, trimmed_sessions, "sessions here and in trimmed_sessions"),
        none_of(
            NO_MISSING_LABEL.name, "sessions without their own or their user's label", int(row["missing_labels"]), rows
        ),
        Verdict(
            SAME_GENERATION.name,
            not stale,
            "; ".join(f"{table}: {why}" for table, why in stale.items()) or "all tables belong to one generation",
            "WARN",
            {"stale_tables": len(stale)},
        ),
    ]
