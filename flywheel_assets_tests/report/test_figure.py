"""What the charts share: labels that do not overlap, names that fit, round ticks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.report.figure import nice_step, shortened, spread


@given(st.lists(st.floats(0, 100), max_size=20).map(sorted), st.floats(0.1, 10))
def test_spread_labels_keep_their_order_and_distance_within_the_bounds(wanted: list[float], gap: float) -> None:
    placed = spread(wanted, gap, 0, 100)
    apart = min(gap, 100 / len(wanted)) if wanted else gap
    assert all(b - a >= apart - 1e-6 for a, b in pairwise(placed))
    assert all(-1e-6 <= p <= 100 + 1e-6 for p in placed)


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([1.0, 5.0, 9.0], 2, 0, 10) == [1.0, 5.0, 9.0]
    assert spread([5.0, 5.0], 2, 0, 10) == [5.0, 7.0]


def test_a_long_name_keeps_its_two_ends() -> None:
    assert shortened("label with a long name 199", narrow=True) == "label wit…me 199"
    assert shortened("Very Low Quality", narrow=True) == "Very Low Quality"


@pytest.mark.parametrize(("least", "step"), [(0.2, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (130, 200), (501, 1000)])
def test_ticks_are_at_round_numbers(least: float, step: float) -> None:
    assert nice_step(least) == step
