"""What a model of conversion learns from: the data set of the intervals that are closed."""

import pyarrow as pa

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.errors import TrainingError
from flywheel_assets.flywheel import Flywheel

MOST_ROWS = 1_000_000
"""More take long and gain little: the newest intervals are taken."""

INTERVAL = "interval_start"
"""The key of a row's interval."""


def learning_examples(flywheel: Flywheel) -> pa.Table:
    """The rows of conversion_dataset of every closed interval that has any, oldest first, in the order of their start
    and of session_id, with INTERVAL beside the columns of the contract. Of more than MOST_ROWS the newest intervals.

    Raises TrainingError without rows, and where an interval lacks a column because it was made by another definition.
    """
    names = [column.name for column in flywheel.columns(conversion_dataset.TABLE)]
    table, parts, rows = conversion_dataset.TABLE.name, list[pa.Table](), 0
    for interval in reversed([flywheel.calendar.key(key) for key in flywheel.warehouse.keys(table)]):
        if rows >= MOST_ROWS:
            break
        if not flywheel.closed(interval) or not flywheel.warehouse.rows(table, interval):
            continue
        found = flywheel.warehouse.read(table, interval)
        missing = [name for name in names if name not in found.columns]
        if missing:
            raise TrainingError(
                f"{table} of interval {interval.key} has no column {', '.join(missing)}: it was made by another "
                "conversion.toml or events.toml. Make it again: flywheel run"
            )
        content = flywheel.engine.collect(found.select(names).order_by("timestamp_unix", "session_id"))
        parts.insert(0, content.append_column(INTERVAL, pa.repeat(interval.key, content.num_rows)))
        rows += content.num_rows
    if not parts:
        raise TrainingError(f"{table} has no rows of a closed interval to learn from. Make it first: flywheel run")
    return pa.concat_tables(parts)
