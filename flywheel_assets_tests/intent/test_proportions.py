import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from flywheel_assets.intent.proportions import detectable, difference_range, users_per_arm
from flywheel_assets.tables.significance import CRITICAL_95, wilson


@given(st.integers(1, 5000), st.data())
def test_a_proportion_s_interval_ends_where_a_score_test_rejects(users: int, data: st.DataObject) -> None:
    counted = data.draw(st.integers(0, users))
    low, high = wilson(counted, users)

    def score(proportion: float) -> float:
        return abs(counted / users - proportion) - CRITICAL_95 * math.sqrt(proportion * (1 - proportion) / users)

    rate, close = counted / users, 1e-9
    assert low == pytest.approx(brentq(score, 0, rate * (1 - close)) if counted else 0, abs=1e-6)
    assert high == pytest.approx(brentq(score, rate + close * (1 - rate), 1) if counted < users else 1, abs=1e-6)


def test_of_no_users_nothing_is_known() -> None:
    assert wilson(0, 0) == (0, 1)


def test_the_interval_of_a_difference_is_that_of_newcombe_s_example() -> None:
    assert difference_range(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(st.integers(1, 50), st.integers(1, 50))
def test_where_nobody_converts_the_interval_of_a_difference_holds_0(users: int, users_before: int) -> None:
    low, high = difference_range(0, users, 0, users_before)
    assert -1 <= low < 0 < high <= 1


def test_users_per_arm_are_those_of_the_example_of_r_s_power_prop_test() -> None:
    assert users_per_arm(0.5, 0.75, level=0.05, power=0.9) == 77  # n = 76.65


def test_with_so_many_users_a_z_test_finds_the_effect_as_often_as_planned() -> None:
    users = users_per_arm(0.05, 0.065, level=0.04, power=0.8)
    random = np.random.default_rng(1)
    control, arm = random.binomial(users, 0.05, 20_000), random.binomial(users, 0.065, 20_000)
    pooled = (control + arm) / (2 * users)
    z = (arm - control) / users / np.sqrt(pooled * (1 - pooled) * 2 / users)
    assert (np.abs(z) > 2.0537).mean() == pytest.approx(0.8, abs=0.01)


@given(st.floats(0.001, 0.9), st.integers(50, 100_000))
def test_the_detectable_proportion_is_the_smallest_that_needs_no_more_users(rate: float, users: int) -> None:
    found = detectable(rate, users, 0.04, 0.8)
    if found is None:
        assert users_per_arm(rate, 1.0, 0.04, 0.8) > users
    else:
        less = found - (1 - rate) / 10_000
        assert users_per_arm(rate, found, 0.04, 0.8) <= users
        assert less <= rate or users_per_arm(rate, less, 0.04, 0.8) >= users
