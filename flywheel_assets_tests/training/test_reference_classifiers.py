import numpy as np
import pytest

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training import reference_classifiers
from flywheel_assets.training.network_grid import Task
from flywheel_assets.training.reference_classifiers import BOOSTING, LOGISTIC, Probabilities, fit_reference_classifiers
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS
from flywheel_assets_tests.labelled import labelled_sessions, otherwise_validated

TASK = Task(SESSION_MODEL, SESSION_LABELS, FEATURES)
ALIKE = dict.fromkeys(SESSION_LABELS, 1.0)


def test_both_tell_the_labels_apart_in_the_order_from_worst_to_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_classifiers, "MOST_ROWS", 300)
    found = list(fit_reference_classifiers(TASK, labelled_sessions(users=30)["session"].rows, ALIKE, seed=1))

    assert [name for name, _, _ in found] == [LOGISTIC, BOOSTING]
    for _, _, score in found:
        probabilities = score(np.array([[1.0, 0], [10, 0], [40, 2]]))
        assert [*probabilities.argmax(axis=1)] == [0, 1, 2]
        assert probabilities.sum(axis=1) == pytest.approx(1)


def test_rows_that_validate_have_no_say_in_what_is_fitted_to_the_others() -> None:
    rows = labelled_sessions(users=20)["session"].rows
    asked = rows[list(FEATURES)].to_numpy(float)
    found, other = (
        [score(asked) for _, _, score in fit_reference_classifiers(TASK, given, ALIKE, seed=1)]
        for given in (rows, otherwise_validated(rows))
    )

    for one, two in zip(found, other, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_label_that_weighs_more_is_given_more_probability() -> None:
    rows = labelled_sessions(users=20)["session"].rows
    rows = rows.assign(pageviews=1.0)  # so that there is little else to go by
    heavy = ALIKE | {SESSION_LABELS[0]: 10.0}
    asked = rows[list(FEATURES)].to_numpy(float)
    alike, leaning = (
        [score(asked)[:, 0].mean() for _, _, score in fit_reference_classifiers(TASK, rows, weights, seed=1)]
        for weights in (ALIKE, heavy)
    )

    assert all(more > less + 0.05 for less, more in zip(alike, leaning, strict=True))


class Known:
    classes_ = ("good", "bad")

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return np.tile([0.9, 0.1], (len(features), 1))


def test_a_label_that_a_classifier_never_saw_has_probability_0() -> None:
    assert Probabilities(Known(), ("bad", "middling", "good"))(np.zeros((1, 1))).tolist() == [[0.1, 0, 0.9]]
