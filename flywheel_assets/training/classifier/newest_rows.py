"""The rows that a model learns from: those of the newest intervals that have any."""

from collections.abc import Callable, Iterable

import pyarrow as pa

from flywheel_assets.errors import TrainingError
from flywheel_assets.intervals import Interval

MOST_ROWS = 1_000_000
"""More take long and gain little."""

INTERVAL = "interval_start"
"""The key of a row's interval."""


def newest_rows(
    newest_first: Iterable[Interval], rows_of: Callable[[Interval], pa.Table | None], nothing: str
) -> pa.Table:
    """The rows of intervals with INTERVAL, oldest first; of more than MOST_ROWS those of the newest intervals.
    ``rows_of``: None for an interval that cannot be learnt from. Raises TrainingError, which says ``nothing``, without
    rows."""
    parts, rows = list[pa.Table](), 0
    for interval in newest_first:
        if rows >= MOST_ROWS:
            break
        found = rows_of(interval)
        if found is not None and len(found):
            parts.insert(0, found.append_column(INTERVAL, pa.repeat(interval.key, len(found))))
            rows += len(found)
    if not parts:
        raise TrainingError(nothing)
    return pa.concat_tables(parts)
