from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.experiments import DESIGNS, says_different
from flywheel_assets.intent.cuped import differences
from flywheel_assets.intent.sequential import LEVEL, bounds, looked_at, spent


@pytest.mark.parametrize("design", [DESIGNS[2], DESIGNS[4]], ids=lambda design: design[0])
def test_of_1000_experiments_without_a_difference_at_most_50_say_different(design: tuple[Any, ...]) -> None:
    wrong = sum(says_different(seed, *design[1:]) for seed in range(1000))
    assert 10 <= wrong <= 50


def test_without_bounds_for_every_look_many_more_would() -> None:
    """The same simulation, with the bound of one look at each of five: it does find what it should."""
    wrong = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        arms = random.integers(0, 2, 1000)
        converted = np.maximum.accumulate(random.random((1000, 5)) < 0.05, axis=1)
        found = differences(converted, arms, np.ones((1000, 1)), 2)
        wrong += bool((np.abs(found.difference / found.error) > 1.96).any())
    assert wrong / 300 > 0.1


def test_an_effect_is_found() -> None:
    hits = sum(says_different(seed, 4000, (0.5, 0.5), 4, 0.05, lift=0.25) for seed in range(300))
    assert hits / 300 > 0.8


def test_one_look_is_a_z_test() -> None:
    limit = bounds(np.eye(1), [True], [100, 100], 1)[0]
    assert limit == pytest.approx(NormalDist().inv_cdf(1 - LEVEL / 2), abs=0.03)


def test_looks_at_unrelated_outcomes_have_the_bounds_of_their_parts_of_the_level() -> None:
    limits = bounds(np.eye(3), [True] * 3, [50, 50], 3)
    kept = 1.0
    for look, limit in enumerate(limits, 1):
        kept *= 1 - 2 * (1 - NormalDist().cdf(limit))
        assert 1 - kept == pytest.approx(spent(look / 3), abs=0.004)


def test_two_arms_beside_a_control_have_dunnett_s_bound() -> None:
    """For equal arms and a two-sided level of 0.05 Dunnett (1964) has 2.21; the level here is 0.04."""
    limit = bounds(np.eye(1), [True], [100, 100, 100], 1)[0]
    random = np.random.default_rng(5).standard_normal((400_000, 3))
    largest = np.abs(random[:, 1:] - random[:, :1]).max(axis=1) / np.sqrt(2)
    assert (largest > limit).mean() == pytest.approx(LEVEL, abs=0.002)


def test_a_later_look_changes_no_earlier_bound() -> None:
    correlation = np.array([[1, 0.8, 0.6], [0.8, 1, 0.7], [0.6, 0.7, 1]])
    every = bounds(correlation, [True] * 3, [40, 60], 5)
    for looks in (1, 2):
        first = bounds(correlation[:looks, :looks], [True] * looks, [40, 60], 5)
        assert first.tolist() == every[:looks].tolist()


def test_a_look_with_too_few_users_spends_nothing() -> None:
    limits = bounds(np.eye(2), [False, True], [50, 50], 2)
    assert limits[0] == np.inf
    assert limits[1] == pytest.approx(NormalDist().inv_cdf(1 - LEVEL / 2), abs=0.03)


def test_a_look_at_what_has_not_changed_has_one_bound_more_and_no_error() -> None:
    assert np.isfinite(bounds(np.ones((3, 3)), [True] * 3, [50, 50], 3)[1:]).all()


def test_an_arm_without_users_or_a_look_without_conversions_is_not_yet_different() -> None:
    converted = np.zeros((60, 3), bool)
    converted[:30, 2] = True
    arms = np.array([0, 1] * 30)
    assert looked_at(converted, arms, np.ones((60, 1)), 3, 3).since == (None, None)
    assert looked_at(converted, arms, np.ones((60, 1)), 2, 3).enough == (False, False, True)
    assert looked_at(converted, np.ones(60, int), np.ones((60, 1)), 2, 3).since == (None,)
    assert looked_at(converted[:0], arms[:0], np.ones((0, 1)), 2, 3).since == (None,)


def test_the_level_leaves_room_for_chance() -> None:
    assert binom.sf(50, 1000, LEVEL) < 0.06
    assert spent(1.0) == pytest.approx(LEVEL)
