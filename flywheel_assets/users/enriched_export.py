"""enriched_export: sessions with both labels and the times that people read."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.tables.labels import probability_column


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
