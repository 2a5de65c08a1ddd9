"""Which intervals a model learns from."""

from pathlib import Path

import pyarrow as pa
import pytest

from flywheel_assets.errors import TrainingError
from flywheel_assets.intervals import Interval
from flywheel_assets.training.classifier import newest_rows as module
from flywheel_assets.training.classifier.newest_rows import INTERVAL, newest_rows
from flywheel_assets_tests.projects import Project


def test_the_newest_intervals_with_rows_are_taken_until_they_are_enough_and_come_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    keys = ("2024-02-26", "2024-02-12", "2024-01-29", "2024-01-15", "2024-01-01")
    intervals = Project(tmp_path).intervals(*keys)
    rows = {keys[0]: 2, keys[1]: None, keys[2]: 0, keys[3]: 2, keys[4]: 2}

    def rows_of(interval: Interval) -> pa.Table | None:
        count = rows[interval.key]
        return None if count is None else pa.table({"n": range(count)})

    assert newest_rows(intervals, rows_of, "")[INTERVAL].to_pylist() == [keys[3]] * 2 + [keys[0]] * 2
    with pytest.raises(TrainingError, match="nothing yet"):
        newest_rows(intervals[1:3], rows_of, "nothing yet")
