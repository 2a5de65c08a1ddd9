"""New points of rules: what outcomes say, in the rules' directions, as an edit that leaves the rest of a file alone."""

from dataclasses import replace
from difflib import ndiff

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_assets.errors import IntentError, TrainingError
from flywheel_assets.intent.rules import Rule
from flywheel_assets.intent.rules_text import rules_text
from flywheel_assets.intent.suggested_points import fitted_points, suggest, with_points
from flywheel_assets.intent.user_features import numeric_features
from flywheel_assets_tests.intent.outcomes import simulated_rows
from flywheel_assets_tests.intent.rules import FILE, KINDS, few, proposed

VISITS, DEMOS = Rule("visits", "all", "pricing_visits", 20.0, 3.0), Rule("demos", "all", "demo_requests", 20.0)


def drawn(weights: list[float], users: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Raw points of as many rules, from 0 to 20, and who converts by these weights per point."""
    draw = np.random.default_rng(seed)
    raw = draw.uniform(0, 20, (users, len(weights)))
    return raw, draw.random(users) < 1 / (1 + np.exp(3 - raw @ np.array(weights)))


def test_a_rule_that_says_more_than_it_gives_gets_more_and_their_sum_stays() -> None:
    visits, demos = fitted_points([VISITS, DEMOS], *drawn([0.2, 0.02], 5_000))
    assert visits > 30 > 8 > demos >= 0
    assert visits + demos == pytest.approx(40, abs=1)


def test_few_outcomes_change_little_and_many_much() -> None:
    little, much = (fitted_points([VISITS, DEMOS], *drawn([0.2, 0.02], users))[0] for users in (60, 5_000))
    assert 20 <= little < 30 < much


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3), st.integers(0, 99))
def test_points_are_whole_and_never_change_their_sign(weights: list[float], seed: int) -> None:
    rules = [VISITS, DEMOS, Rule("bought", "all", "purchases", -10.0)]
    raw, converted = drawn(weights, 400, seed)
    raw[:, 2] /= -2
    converted[:2] = [True, False]
    found = fitted_points(rules, raw, converted)
    assert all(point == int(point) for point in found)
    assert found[0] >= 0 <= found[1]
    assert found[2] <= 0


def test_a_suggestion_is_judged_on_the_last_intervals_and_says_why() -> None:
    rules = few(VISITS, replace(DEMOS, points=60.0), cap=80.0)
    found = suggest(simulated_rows(rules, KINDS), rules, KINDS)
    points = {rule.name: rule.points for rule in found.rules.rules}
    assert points["visits"] > 20
    assert points["demos"] < 60
    assert max(points.values()) <= 80
    assert found.difference.low > 0
    assert found.after.value - found.before.value == pytest.approx(found.difference.value)
    assert "convert where it gives half of its points or more" in found.why["visits"]


def test_rules_by_the_values_of_a_trait_keep_theirs() -> None:
    country = Rule("country", "all", "country", values={"DE": 5.0})
    raw, converted = drawn([0.2, 0.1], 500)
    assert fitted_points([VISITS, country], raw, converted)[1] == 0.0


def test_too_few_outcomes_suggest_nothing() -> None:
    rules = few(VISITS, DEMOS)
    with pytest.raises(TrainingError, match="too few outcomes"):
        suggest(simulated_rows(rules, KINDS, users=30), rules, KINDS)


def test_only_the_numbers_of_points_change_in_the_file() -> None:
    text, before = rules_text(KINDS), proposed()
    new = {"pricing_visits": 41.0, "recency": 7.0, "after_purchases": -20.0}
    after = replace(before, rules=tuple(replace(r, points=new.get(r.name, r.points)) for r in before.rules))
    written = with_points(text, FILE, before, after, KINDS, numeric_features(KINDS), ["country"])
    changes = [line for line in ndiff(text.splitlines(), written.splitlines()) if line[0] in "+-"]
    assert changes == [
        "- points = 30   # strong when repeated; a single visit is curiosity",
        "+ points = 41   # strong when repeated; a single visit is curiosity",
        "- points = 10       # half of the group",
        "+ points = 7       # half of the group",
        "- points = -15          # about what one strong sign gives",
        "+ points = -20          # about what one strong sign gives",
    ]


def test_a_rule_written_in_another_form_is_left_to_its_author() -> None:
    text, before = rules_text(KINDS), proposed()
    text = text.replace("[rules.recency]\n", "[rules]\nrecency.feature = 'days_since_event'\nrecency.falls = true\n")
    text = text.replace(
        'group = "activity"\nfeature = "days_since_event"\nfalls = true      # fewer days are better\n', ""
    )
    text = text.replace(
        "points = 10       # half of the group\nhalf_at = 7", "recency.points = 10\nrecency.half_at = 7", 1
    )
    text = text.replace(
        'reason = "Who was here lately', 'recency.group = "activity"\nrecency.reason = "Who was here lately'
    )
    after = replace(before, rules=tuple(replace(r, points=7.0) if r.name == "recency" else r for r in before.rules))
    with pytest.raises(IntentError, match="the points of recency cannot be replaced; expected each rule as"):
        with_points(text, FILE, before, after, KINDS, numeric_features(KINDS), ["country"])
