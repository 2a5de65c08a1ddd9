"""AUC, lift and calibration, beside scikit-learn and figures by hand."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from flywheel_assets.training import ranking_metrics
from flywheel_assets.training.metrics import calibration_error
from flywheel_assets.training.ranking_metrics import (
    AUC,
    AVERAGE_PRECISION,
    BRIER_SKILL,
    CALIBRATION_ERROR,
    LIFT,
    ScoreProbability,
    measure,
)

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_metrics, "draws_for", lambda rows: 40)


@given(ROWS)
def test_metrics_with_ties_are_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    converted, score = np.array([r[0] for r in rows]), np.array([r[1] / 6 for r in rows])
    assume(0 < converted.sum() < len(rows))
    found = measure(converted, score, np.arange(len(rows)), is_probability=True)
    assert found[AUC].value == pytest.approx(roc_auc_score(converted, score))
    assert found[AVERAGE_PRECISION].value == pytest.approx(average_precision_score(converted, score))
    base = converted.mean()
    assert found[BRIER_SKILL].value == pytest.approx(1 - brier_score_loss(converted, score) / (base * (1 - base)))
    assert found[CALIBRATION_ERROR].value == pytest.approx(calibration_error(score, converted))


def test_lift_is_the_rate_of_the_first_tenth_by_the_base_rate_and_ties_at_the_cut_count_in_part() -> None:
    converted = np.array([True, False, True, False] + [False] * 16)
    score = np.array([9.0, 5.0, 5.0, 5.0] + [1.0] * 16)
    found = measure(converted, score, np.arange(20))[LIFT]
    assert found.value == pytest.approx(((1 + 1 / 3) / 2) / (2 / 20))  # of two places one goes to the three at 5


def test_rows_of_one_user_are_drawn_together_so_that_copies_of_rows_narrow_no_interval() -> None:
    draw = np.random.default_rng(0)
    score = draw.normal(size=300)
    converted = draw.random(300) < 1 / (1 + np.exp(-score))
    once = measure(converted, score, np.arange(300))[AUC].estimate
    again = measure(np.tile(converted, 5), np.tile(score, 5), np.tile(np.arange(300), 5))[AUC].estimate
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_two_rankings_are_compared_on_the_same_draws() -> None:
    draw = np.random.default_rng(0)
    score, converted, user = draw.random(100), draw.random(100) < 0.3, draw.integers(0, 60, 100)
    user = np.unique(user, return_inverse=True)[1]
    same = measure(converted, score, user)[AUC].less(measure(converted, 2 * score + 1, user)[AUC])
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


@given(ROWS)
def test_probabilities_by_score_never_fall_and_are_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    converted, score = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    at = np.linspace(-1, 7, 33)
    found = ScoreProbability.fit(score, converted)(at)
    assert (np.diff(found) >= 0).all()
    oracle = IsotonicRegression(out_of_bounds="clip").fit(score, converted)
    assert found == pytest.approx(oracle.predict(at))


def test_a_level_has_no_fewer_rows_than_asked_for_and_the_highest_scores_share_one() -> None:
    score = np.arange(1000.0)
    converted = score >= 995
    found = ScoreProbability.fit(score, converted, least=100)
    assert len(found.levels) == 10
    assert found(np.array([999.0, 1.0])).tolist() == [0.05, 0.0]
    assert ScoreProbability.fit(score[:7], converted[-7:], least=100)(score[:7]).tolist() == [5 / 7] * 7
