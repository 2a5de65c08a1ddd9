"""Points: curves, decay, caps, and rounding that adds up."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent.intent_scores import decimals
from flywheel_assets.intent.rules import Rule
from flywheel_assets.intent.scoring import curve, score, shared
from flywheel_assets_tests.intent.rules import KINDS, few, proposed

Column = list[float]


def visits(**numbers: float | bool) -> Rule:
    return Rule("visits", "all", "pricing_visits", **{"points": 30.0, "half_at": 2.0, **numbers})  # type: ignore[arg-type]


def features(counts: Column, days: Column | None = None) -> dict[str, np.ndarray]:
    return {
        "pricing_visits": np.array(counts, float),
        "days_since_pricing_visits": np.array(days if days is not None else [0.0] * len(counts), float),
    }


def points(rule: Rule, counts: Column, days: Column | None = None) -> list[int]:
    return score(features(counts, days), few(rule), KINDS).points[:, 0].tolist()


def test_half_at_gives_half_of_the_points_and_twice_that_three_quarters() -> None:
    assert points(visits(), [0, 2, 4, 6]) == [0, 1500, 2250, 2625]


def test_a_falling_rule_gives_all_of_its_points_for_0_and_half_at_half_at() -> None:
    assert points(visits(falls=True), [0, 2, 4]) == [3000, 1500, 750]


def test_points_halve_with_every_half_life_since_the_last_event() -> None:
    assert points(visits(half_life_days=7.0), [2, 2, 2], [0, 7, 14]) == [1500, 750, 375]


def test_without_any_event_there_are_no_points_whatever_the_decay() -> None:
    assert points(visits(half_life_days=7.0), [0], [np.nan]) == [0]


def test_below_its_floor_a_feature_gives_nothing_and_above_its_ceiling_no_more() -> None:
    rule = visits(floor=2.0, ceiling=4.0)
    assert points(rule, [1, 2, 4, 100]) == [0, 1500, 2250, 2250]


def test_null_gives_nothing_even_to_a_falling_rule() -> None:
    assert curve(visits(falls=True), np.array([np.nan])).tolist() == [0.0]


def test_a_trait_gives_the_points_of_its_value_and_none_for_others() -> None:
    rule = Rule("country", "all", "country", values={"DE": 5.0, "US": -2.0})
    found = score({"country": np.array(["DE", "US", "FR", None], object)}, few(rule, floor=-9.0), KINDS)
    assert found.points[:, 0].tolist() == [500, -200, 0, 0]


def test_a_cap_is_shared_in_proportion() -> None:
    assert shared(np.array([[30.0, 60.0, 0.0]]), 0.0, 45.0).tolist() == [[1500, 3000, 0]]


def test_largest_remainders_get_the_hundredths_that_rounding_leaves() -> None:
    assert shared(np.array([[10.0, 10.0, 10.0]]), 0.0, 10.0).tolist() == [[334, 333, 333]]


def test_the_score_is_held_between_floor_and_ceiling_and_the_clamp_says_by_how_much() -> None:
    found = score(features([0.0, 40.0]), few(visits(points=200.0, half_at=1.0), cap=200.0), KINDS)
    assert found.score.tolist() == [100, 10_000]
    assert found.clamp.tolist() == [100, -10_000]


def test_a_tier_begins_at_its_lowest_score() -> None:
    rule = visits(points=100.0, half_at=1.0)
    found = score(features([1.0, 0.99]), few(rule), KINDS)
    assert found.score.tolist() == [5000, 4965]
    assert found.tier.tolist() == [0, 1]


def test_a_tier_may_begin_at_a_score_that_no_float_is() -> None:
    rules = replace(few(visits()), tiers=(("High", 50.0), ("Low", 1.1)), floor=1.1)
    found = score(features([0.0]), rules, KINDS)
    assert (found.score.tolist(), found.tier.tolist()) == ([110], [1])


def test_points_beyond_their_column_are_an_error_and_no_other_number() -> None:
    assert decimals(np.array([-9_999_999, 9_999_999])).to_pylist() == [Decimal("-99999.99"), Decimal("99999.99")]
    with pytest.raises(ValueError, match=r"beyond the 7 digits of decimal\(7, 2\): 100,000.00"):
        decimals(np.array([0, -10_000_000]))


raw = st.lists(st.floats(-50, 50, allow_nan=False), min_size=1, max_size=5)


@given(st.lists(raw.filter(lambda r: len(r) == 3), min_size=1, max_size=4), st.floats(0, 60), st.floats(-60, 0))
def test_shared_points_sum_to_the_limited_sum_and_each_is_within_a_hundredth_of_its_share(
    rows: list[Column], cap: float, floor: float
) -> None:
    found = shared(np.array(rows), floor, cap)
    for exact, rounded in zip(rows, found.tolist(), strict=True):
        total = sum(map(Fraction, exact))
        limited = min(max(total, Fraction(floor)), Fraction(cap))
        assert abs(sum(rounded) - limited * 100) <= Fraction(501, 1000)
        factor = limited / total if total else Fraction(1)
        if abs(total) > Fraction(1, 1000):
            for value, hundredths in zip(exact, rounded, strict=True):
                assert abs(Fraction(value) * factor * 100 - hundredths) < Fraction(1001, 1000)


@pytest.fixture(scope="module")
def users() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    made: dict[str, np.ndarray] = {}
    for kind in KINDS:
        made[kind] = rng.poisson(rng.gamma(0.7, 3.0, 4000)).astype(float)
        made[f"days_since_{kind}"] = np.where(made[kind] > 0, rng.integers(0, 90, 4000), np.nan)
    made["days_since_event"] = rng.integers(0, 90, 4000).astype(float)
    made["active_days"] = rng.integers(1, 60, 4000).astype(float)
    return made


def test_points_and_clamp_sum_to_the_score_of_every_user(users: dict[str, np.ndarray]) -> None:
    found = score(users, proposed(), KINDS)
    assert (found.points.sum(axis=1) + found.clamp == found.score).all()
    assert found.score.min() >= 100
    assert found.score.max() <= 10_000


def test_the_same_user_has_the_same_score_whoever_else_is_scored(users: dict[str, np.ndarray]) -> None:
    alone = {name: column[17:18] for name, column in users.items()}
    assert score(alone, proposed(), KINDS).points.tolist() == [score(users, proposed(), KINDS).points[17].tolist()]


def test_more_of_a_feature_never_moves_the_score_against_its_rules_direction(users: dict[str, np.ndarray]) -> None:
    rules = proposed()
    before = score(users, rules, KINDS).score
    for rule in rules.rules:
        more = users | {rule.feature: users[rule.feature] + 1}
        change = score(more, rules, KINDS).score - before
        assert (change * rule.direction >= 0).all(), rule.name
    for kind in KINDS:
        later = users | {f"days_since_{kind}": users[f"days_since_{kind}"] + 5}
        change = score(later, rules, KINDS).score - before
        assert (change <= 0).all() or kind == rules.outcome


def test_points_are_those_of_an_independent_computation(users: dict[str, np.ndarray]) -> None:
    """User by user, in exact fractions, as the file's heading describes the rules."""
    rules, found = proposed(), score(users, proposed(), KINDS)
    for user in range(0, 4000, 400):
        given_points = []
        for rule in rules.rules:
            part = 2.0 ** (-users[rule.feature][user] / rule.half_at)
            value = rule.points * (part if rule.falls else 1 - part)
            if rule.half_life_days:
                days = users[f"days_since_{rule.feature}"][user]
                value *= 0.0 if np.isnan(days) else 2.0 ** (-days / rule.half_life_days)
            given_points.append(value)
        total = 0.0
        for group in rules.groups:
            total += round(
                min(max(sum(given_points[i] for i in rules.of_group(group.name)), group.floor), group.cap), 2
            )
        assert found.score[user] / 100 == pytest.approx(min(max(total, 1), 100), abs=1e-9)
