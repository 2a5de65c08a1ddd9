import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from flywheel_assets.registry.calibration_map import LEAST, CalibrationMap, log_odds
from flywheel_assets.training.classifier.calibration import choose, fit_map, log_loss, out_of_fold


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities, and outcomes of them."""
    draw = np.random.default_rng(seed)
    truth = draw.beta(1, 4, count)
    return truth, draw.random(count) < truth


def sharpened(truth: np.ndarray, factor: float = 3.0) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-factor * log_odds(truth))))


def test_probabilities_that_are_right_stay_as_they_are() -> None:
    truth, target = drawn(20_000)
    chosen, calibrated = choose(truth, target, np.arange(20_000) % 5)

    assert chosen == CalibrationMap()
    np.testing.assert_allclose(calibrated, np.clip(truth, LEAST, 1 - LEAST))


def test_probabilities_that_lean_too_far_get_a_line() -> None:
    truth, target = drawn(5_000)
    chosen, calibrated = choose(sharpened(truth), target, np.arange(5_000) % 5)

    assert chosen.method == "sigmoid"
    assert chosen.slope == pytest.approx(1 / 3, abs=0.03)
    assert log_loss(target, calibrated) < log_loss(target, sharpened(truth)) - 0.02


def test_probabilities_that_are_wrong_in_no_straight_way_get_steps() -> None:
    truth, target = drawn(40_000)
    bent = np.where(truth < 0.2, truth / 4, 0.05 + (truth - 0.2) ** 3)
    chosen, calibrated = choose(bent, target, np.arange(40_000) % 5)

    assert chosen.method == "isotonic"
    assert abs(log_loss(target, calibrated) - log_loss(target, truth)) < 0.003


def test_steps_are_not_tried_on_few_positives() -> None:
    truth, target = drawn(2_000)
    bent = np.where(truth < 0.2, truth / 4, 0.05 + (truth - 0.2) ** 3)

    assert choose(bent, target, np.arange(2_000) % 5)[0].method != "isotonic"


def test_a_line_is_that_of_a_logistic_regression_on_the_log_odds() -> None:
    truth, target = drawn(20_000)
    score = sharpened(truth)
    ours = fit_map("sigmoid", score, target)
    other = LogisticRegression(C=np.inf).fit(log_odds(score)[:, None], target)

    np.testing.assert_allclose(ours(score), other.predict_proba(log_odds(score)[:, None])[:, 1], atol=2e-3)


def test_steps_are_those_of_isotonic_regression() -> None:
    truth, target = drawn(30_000)
    score = truth**2
    ours = fit_map("isotonic", score, target)(score)
    other = IsotonicRegression(out_of_bounds="clip").fit(score, target).predict(score)

    assert np.abs(ours - other).mean() < 0.005
    assert (np.diff(ours[np.argsort(score)]) >= 0).all()


def test_each_row_is_calibrated_by_a_map_that_has_not_seen_it() -> None:
    truth, target = drawn(300)
    fold = np.arange(300) % 3
    found = out_of_fold("sigmoid", truth, target, fold)
    other = fit_map("sigmoid", truth[fold != 1], target[fold != 1])

    np.testing.assert_array_equal(found[fold == 1], other(truth[fold == 1]))


def test_log_loss_is_that_of_scikit_learn() -> None:
    truth, target = drawn(500)

    assert log_loss(target, truth) == pytest.approx(sklearn_log_loss(target, truth))
    assert np.isfinite(log_loss(target, np.where(target, 0.0, 1.0)))


@pytest.mark.parametrize("method", ["none", "sigmoid", "isotonic"])
def test_a_map_is_the_same_after_the_manifest_and_never_falls(method: str) -> None:
    truth, target = drawn(3_000)
    made = fit_map(method, sharpened(truth), target)  # type: ignore[arg-type]
    again = CalibrationMap.from_json(made.to_json())
    grid = np.linspace(0, 1, 1001)

    np.testing.assert_array_equal(again(grid), made(grid))
    assert (np.diff(made(grid)) >= 0).all()
    assert made(grid).min() >= LEAST
