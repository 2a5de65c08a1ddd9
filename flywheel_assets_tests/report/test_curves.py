"""Curves in their box, and the numbers on their axes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.report.curves import BOX, MOST_TICKS, Curve, share, ticks


def test_the_corners_of_the_axes_are_the_corners_of_the_box() -> None:
    curve = Curve("", "", "", "", [(0, 0), (0.4, 0.2)], [(0, 0.2)], 0.4, 0.2, True, [(0.2, 0, 0.2)], (0.4, 0))
    assert curve.line == f"0,{BOX[1]} {BOX[0]},0"
    assert curve.dashed == "0,0"
    assert curve.circles == [(0, BOX[1]), (BOX[0], 0)]
    assert curve.bars == [(BOX[0] / 2, BOX[1], 0)]
    assert curve.ring == (BOX[0], BOX[1])
    assert curve.x_ticks[0] == (0, "0%")
    assert curve.x_ticks[-1] == (BOX[0], "40%")


@given(st.floats(0.001, 1))
def test_an_axis_has_a_few_round_numbers_from_0_to_its_end(high: float) -> None:
    found = ticks(high)
    assert found[0] == 0
    assert found[-1] <= high + 1e-9
    assert len(found) <= MOST_TICKS + 1
    assert high < 0.005 or len(found) > 1
    assert len({share(value) for value in found}) == len(found)


@pytest.mark.parametrize(("value", "text"), [(0.05, "5%"), (0.005, "0.5%"), (1, "100%"), (0.2, "20%")])
def test_a_share_on_an_axis_has_no_needless_zero(value: float, text: str) -> None:
    assert share(value) == text
