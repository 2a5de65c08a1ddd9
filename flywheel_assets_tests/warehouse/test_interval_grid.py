"""One warehouse holds one grid of intervals."""

from datetime import date
from pathlib import Path

import pytest

from flywheel_assets.errors import SettingsError
from flywheel_assets.intervals import Calendar
from flywheel_assets.warehouse.interval_grid import hold_to_grid

MADE = Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "UTC")


@pytest.mark.parametrize(
    "other",
    [
        Calendar(date(2024, 1, 1), date(2034, 1, 1), 1, "UTC"),
        Calendar(date(2024, 1, 1), date(2034, 1, 1), 4, "UTC"),
        Calendar(date(2024, 1, 8), date(2034, 1, 1), 2, "UTC"),
        Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "America/New_York"),
    ],
    ids=["shorter", "longer", "a week later", "another timezone"],
)
def test_another_grid_is_refused_and_both_are_named(tmp_path: Path, other: Calendar) -> None:
    hold_to_grid(tmp_path, MADE)
    with pytest.raises(SettingsError) as error:
        hold_to_grid(tmp_path, other)
    assert "holds intervals of 2 weeks from 2024-01-01, UTC" in str(error.value)
    assert f"ask for {other.weeks} weeks from {other.first_day}, {other.timezone}" in str(error.value)
    assert "FLYWHEEL_WAREHOUSE_DIR" in str(error.value)


def test_the_same_grid_may_begin_earlier_and_end_elsewhere(tmp_path: Path) -> None:
    hold_to_grid(tmp_path, MADE)
    hold_to_grid(tmp_path, MADE)
    hold_to_grid(tmp_path, Calendar(date(2023, 12, 18), date(2030, 1, 1), 2, "UTC"))
