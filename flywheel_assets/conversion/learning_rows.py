"""What a model of conversion learns from: the data set of the intervals that are closed."""

import pyarrow as pa

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.errors import TrainingError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.training.classifier.newest_rows import newest_rows

TABLE = conversion_dataset.TABLE


def learning_examples(flywheel: Flywheel) -> pa.Table:
    """The rows of conversion_dataset of the closed intervals, as :func:`newest_rows` has them, in the order of their
    start and of session_id.

    Raises TrainingError without rows, and where an interval lacks a column because it was made by another definition.
    """
    intervals = [flywheel.calendar.key(key) for key in reversed(flywheel.warehouse.keys(TABLE.name))]
    nothing = f"{TABLE.name} has no rows of a closed interval to learn from. Make it first: flywheel run"
    return newest_rows(filter(flywheel.closed, intervals), lambda interval: _rows(flywheel, interval), nothing)


def _rows(flywheel: Flywheel, interval: Interval) -> pa.Table | None:
    if not flywheel.warehouse.rows(TABLE.name, interval):
        return None
    names = [column.name for column in flywheel.columns(TABLE)]
    found = flywheel.warehouse.read(TABLE.name, interval)
    missing = [name for name in names if name not in found.columns]
    if missing:
        raise TrainingError(
            f"{TABLE.name} of interval {interval.key} has no column {', '.join(missing)}: it was made by another "
            "conversion.toml or events.toml. Make it again: flywheel run"
        )
    return flywheel.engine.collect(found.select(names).order_by("timestamp_unix", "session_id"))
