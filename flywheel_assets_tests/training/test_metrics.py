import numpy as np
import pytest

from flywheel_assets.training.metrics import (
    calibration_error,
    evaluate,
    label_calibration_errors,
    label_reliability,
    reliability,
    row_losses,
    transition_shares,
)


def test_figures_of_four_observations_that_one_can_check_by_eye() -> None:
    probabilities = np.array([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.8, 0.2]])
    figures = evaluate(np.array([0, 0, 1, 1]), probabilities, ("bad", "good"))

    assert figures.observations == 4
    assert figures.accuracy == 0.75
    assert figures.confusion == ((2, 0), (1, 1))
    assert figures.precision == pytest.approx((2 / 3, 1))
    assert figures.recall == (1, 0.5)
    assert figures.f1 == pytest.approx((0.8, 2 / 3))
    assert figures.log_loss == pytest.approx(-np.log([0.8, 0.8, 0.6, 0.2]).mean())


def test_a_label_given_for_certain_loses_nothing_and_no_less() -> None:
    certain = np.array([[1, 0], [np.nextafter(np.float32(1), np.float32(2)), 0], [0, 1]], np.float32)

    assert [f"{loss:.4f}" for loss in row_losses(np.array([0, 0, 0]), certain)] == ["0.0000", "0.0000", "87.3365"]


def test_a_label_that_is_never_predicted_has_precision_and_f1_of_0() -> None:
    figures = evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]), ("bad", "good"))

    assert figures.precision == (0.5, 0)
    assert figures.f1[1] == 0


def test_no_observations_cannot_be_evaluated() -> None:
    with pytest.raises(ValueError, match="no observations"):
        evaluate(np.array([], np.int64), np.zeros((0, 2)), ("bad", "good"))


def test_confidence_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    confidence = np.repeat([0.5, 1.0], 10)
    hit = np.array([True, False] * 5 + [True] * 10)

    assert calibration_error(confidence, hit) == pytest.approx(0)


def test_confidence_too_high_by_a_tenth_has_that_calibration_error() -> None:
    assert calibration_error(np.full(100, 0.9), np.arange(100) % 5 > 0) == pytest.approx(0.1)


def test_transition_shares_are_of_the_users_who_left_from_a_label() -> None:
    shares = transition_shares(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), 3)

    np.testing.assert_allclose(shares[:2], [[1 / 3, 2 / 3, 0], [0, 1, 0]])
    assert np.isnan(shares[2]).all()


def test_macro_f1_counts_labels_alike_as_scikit_learn_has_it() -> None:
    from sklearn.metrics import f1_score

    random = np.random.default_rng(1)
    true, probabilities = random.integers(0, 2, 50), random.dirichlet((5, 3, 1), 50)
    expected = f1_score(true, probabilities.argmax(axis=1), labels=[0, 1, 2], average="macro", zero_division=0)

    assert evaluate(true, probabilities, ("bad", "middling", "good")).macro_f1 == pytest.approx(expected)


def test_reliability_has_ten_bins_of_equal_mass_from_the_least_probability_up() -> None:
    bins = reliability(np.linspace(1, 0, 100), np.linspace(1, 0, 100) > 0.5)

    assert [one.rows for one in bins] == [10] * 10
    assert [one.share for one in bins] == [0] * 5 + [1] * 5
    assert bins[0].probability == pytest.approx(np.linspace(1, 0, 100)[-10:].mean())
    assert len(reliability(np.array([0.1, 0.2]), np.array([True, False]))) == 2


def test_each_label_has_the_calibration_error_of_its_own_probability() -> None:
    true = np.tile([0, 1], 50)
    probabilities = np.tile([0.2, 0.5, 0.3], (100, 1))

    assert label_calibration_errors(true, probabilities) == pytest.approx((0.3, 0, 0.3))
    assert [bins[0].share for bins in label_reliability(true, probabilities)] == pytest.approx([0.5, 0.5, 0])
