"""What outcomes say of the rankings: tenths, probabilities, sentences; nothing of too few."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent import intent_calibration, intent_performance, intent_probability
from flywheel_assets.intent.intent_disagreements import intent_disagreements
from flywheel_assets.intent.pooled_outcomes import MODEL, MOST_EVENTS, RULES, PooledOutcomes, deciles
from flywheel_assets.registry.bootstrap import Estimate

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("score", pa.float64()),
        ("most_events", pa.int64()),
        ("probability", pa.float64()),
        ("converted", pa.bool_()),
    ]
)


def outcomes(users: int, seed: int, model: bool = False) -> pa.Table:
    """Users whose chance rises with the score, and whose events say nothing."""
    draw = np.random.default_rng(seed)
    score = np.round(draw.uniform(1, 100, users), 2)
    chance = 0.4 * (score / 100) ** 2
    return pa.table(
        {
            "user_id": [f"u{n}" for n in range(users)],
            "score": score,
            "most_events": draw.integers(0, 100, users),
            "probability": pa.array(chance if model else [None] * users, pa.float64()),
            "converted": draw.random(users) < chance,
        },
        schema=SCHEMA,
    )


def rows_of(*rows: tuple[float, bool]) -> PooledOutcomes:
    """Users of one interval by score and whether they converted."""
    lines = [
        {"user_id": f"u{n}", "score": score, "most_events": 1, "probability": None, "converted": converted}
        for n, (score, converted) in enumerate(rows)
    ]
    return PooledOutcomes.of([pa.Table.from_pylist(lines, schema=SCHEMA)])


@given(st.lists(st.integers(0, 5), max_size=60))
def test_tenths_have_the_same_size_but_for_one_and_never_rank_a_lower_value_higher(values: list[int]) -> None:
    score = np.array(values, float)
    found = deciles(score, np.arange(len(values)))
    sizes = np.bincount(found, minlength=10)
    assert sizes.sum() == len(values)
    assert sizes.max() - sizes.min() <= 1
    for one, other in zip(*np.triu_indices(len(values), 1), strict=True):
        assert not (score[one] > score[other] and found[one] > found[other])


def test_every_user_of_every_interval_is_in_a_tenth_of_each_ranking() -> None:
    pooled = PooledOutcomes.of([outcomes(300, 1), outcomes(307, 2, model=True), outcomes(0, 3)])
    rows = intent_calibration.intent_calibration(pooled)
    users = {r: sum(row["users"] for row in rows if row["ranking"] == r) for r in (RULES, MODEL, MOST_EVENTS)}
    assert users == {RULES: 607, MODEL: 307, MOST_EVENTS: 607}
    assert intent_calibration.verdicts(rows, pooled)[0].passed
    assert not intent_calibration.verdicts(rows[1:], pooled)[0].passed
    best = rows[0]
    assert best["low"] < best["rate"] < best["high"]
    assert best["rate"] == best["conversions"] / best["users"]


def test_an_interval_is_held_against_probabilities_from_before_it() -> None:
    early, late = outcomes(600, 1), outcomes(600, 2)
    changed = late.set_column(4, "converted", pa.array(np.roll(late["converted"].to_numpy(), 7)))
    expected = PooledOutcomes.of([early, late]).expected
    assert (PooledOutcomes.of([early, changed]).expected == expected).all()
    known = PooledOutcomes.of([early]).map_of(RULES)
    assert known is not None
    assert expected[600:] == pytest.approx(known(late["score"].to_numpy()))


def test_each_whole_score_has_a_probability_that_never_falls() -> None:
    pooled = PooledOutcomes.of([outcomes(500, 4), outcomes(500, 5)])
    rows = intent_probability.intent_probability(pooled)
    assert [row["score"] for row in rows] == list(range(1, 101))
    assert sum(row["users"] for row in rows) == 1000
    assert intent_probability.verdicts(rows, pooled)[0].passed
    known = [row["probability"] for row in rows]
    assert known == sorted(known)
    assert known[95] == pytest.approx(0.38, abs=0.1)
    rows[50]["probability"] = 0.0
    assert not intent_probability.verdicts(rows, pooled)[0].passed


def test_rules_that_find_who_converts_are_better_than_counting_and_the_model_no_better_than_its_own_order() -> None:
    pooled = PooledOutcomes.of([outcomes(600, n, model=True) for n in range(2)])
    rules, model, most = intent_performance.intent_performance(pooled)
    assert rules["auc_low"] < rules["auc"] < rules["auc_high"]
    assert rules["auc"] > 0.65 > 0.55 > most["auc"]
    assert rules["verdict"].startswith("The rules are better than counting events: AUC +0.")
    assert model["verdict"].startswith("The model is no better than the rules, beyond noise: AUC +0.000 (+0.000 to")
    assert most["auc_difference"] is None
    assert rules["calibration_error"] < 0.1
    assert intent_performance.verdicts([rules, model, most])[0].passed


def test_rules_that_are_no_better_than_counting_warn() -> None:
    assert intent_performance.verdict(RULES, Estimate(-0.02, -0.03, -0.01)).startswith(
        "The rules are worse than counting events: AUC -0.020"
    )
    row = {"ranking": RULES, "auc": 0.6, "auc_difference_low": -0.01, "verdict": "No better"}
    (verdict,) = intent_performance.verdicts([row])
    assert (verdict.state, verdict.summary) == ("warned", "No better")


@pytest.mark.parametrize(
    "rows",
    [[], [(50.0, True)], [(50.0, False)] * 100, [(50.0, True)] * 100, [(float(n), n < 19) for n in range(100)]],
    ids=["nobody", "one user", "no conversion", "all converted", "19 conversions"],
)
def test_too_few_outcomes_are_said_and_give_no_figures(rows: list[tuple[float, bool]]) -> None:
    pooled = rows_of(*rows)
    found: list[dict[str, Any]] = intent_performance.intent_performance(pooled)
    assert {row["auc"] for row in found} == {None}
    converted = sum(one for _, one in rows)
    assert found[0]["verdict"].startswith(f"Too few outcomes to judge: {converted} of {len(rows)} users converted; 20")
    assert intent_performance.verdicts(found)[0].passed
    assert {row["probability"] for row in intent_probability.intent_probability(pooled)} == {None}
    assert {row["mean_probability"] for row in intent_calibration.intent_calibration(pooled)} <= {None}
    assert len(intent_disagreements(pooled)) == 4


def test_users_whom_only_one_ranking_puts_first_are_counted_with_what_became_of_them() -> None:
    """Of 20 users the rules rank the first two first, the model the second and the third."""
    score = [90.0, 80.0, *([10.0] * 18)]
    probability = [0.1, 0.9, 0.8, *([0.05] * 17)]
    lines = [
        {
            "user_id": f"u{n}",
            "score": score[n],
            "most_events": 1,
            "probability": probability[n],
            "converted": n in (1, 2),
        }
        for n in range(20)
    ]
    found = intent_disagreements(PooledOutcomes.of([pa.Table.from_pylist(lines, schema=SCHEMA)]))
    assert {row["highest_tenth_of"]: (row["users"], row["conversions"]) for row in found} == {
        "both": (1, 1),
        "rules only": (1, 0),
        "model only": (1, 1),
        "neither": (17, 0),
    }
