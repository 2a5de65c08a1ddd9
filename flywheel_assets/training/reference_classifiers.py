"""What a network has to beat: two scikit-learn classifiers on the same rows, weighted and calibrated alike."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.training.network_grid import Task

LOGISTIC = "multinomial logistic regression"
BOOSTING = "gradient boosting"

MOST_ROWS = 100_000
"""Fitted on at most so many training rows, drawn by seed: more costs minutes and gains little."""


def fit_reference_classifiers(
    task: Task, rows: pd.DataFrame, weights: Mapping[str, float], seed: int
) -> Iterator[tuple[str, Any, "Probabilities"]]:
    """The name of each, the fitted classifier, and the function from a table with the task's features to its
    probabilities in the task's order. Fitted on the training part, and on what is set aside for early stopping, which
    these don't need."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    training = rows[rows["part"] != "validation"]
    if len(training) > MOST_ROWS:
        training = training.sample(MOST_ROWS, random_state=seed)
    features = training[list(task.features)].to_numpy(np.float64)
    labels, row_weights = training[task.label].to_numpy(), training[task.label].map(weights).to_numpy(np.float64)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    yield LOGISTIC, *_fitted(logistic, task, features, labels, {"logisticregression__sample_weight": row_weights})
    boosting = HistGradientBoostingClassifier(random_state=seed)
    yield BOOSTING, *_fitted(boosting, task, features, labels, {"sample_weight": row_weights})


class Probabilities:
    """A fitted classifier's probabilities, its columns in ``order``; 0 for a label that it has not seen."""

    def __init__(self, classifier: Any, order: tuple[str, ...]) -> None:
        self._classifier = classifier
        self._columns = [order.index(label) for label in classifier.classes_]
        self._labels = len(order)

    def __call__(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        from threadpoolctl import threadpool_limits

        found = np.zeros((len(features), self._labels))
        with threadpool_limits(1):  # as the network is timed
            found[:, self._columns] = self._classifier.predict_proba(features)
        return found


def _fitted(
    classifier: Any, task: Task, features: npt.NDArray[np.float64], labels: Any, weights: dict[str, Any]
) -> tuple[Any, Probabilities]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # OpenMP's threads spin while they wait: on a busy machine much of the time
        classifier.fit(features, labels, **weights)
    return classifier, Probabilities(classifier, task.order)
