"""One of a candidate's models: chosen from the grid, calibrated, and compared with what it has to beat."""

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.registry.compilation import compiled
from flywheel_assets.registry.originals import Originals
from flywheel_assets.registry.scorer import Scorer
from flywheel_assets.training.calibration import build_in, temperature, tempered
from flywheel_assets.training.metrics import (
    Evaluation,
    ReliabilityBin,
    evaluate,
    label_calibration_errors,
    label_reliability,
    positions,
    probabilities_in_order,
    row_losses,
)
from flywheel_assets.training.network import Log
from flywheel_assets.training.network_grid import (
    Grid,
    Point,
    Task,
    class_weights,
    fit,
    fit_grid,
    smallest_as_good,
    standard_error,
)
from flywheel_assets.training.reference_classifiers import fit_reference_classifiers

NETWORK = "network"
TIMED_ROWS, TIMINGS = 20_000, 3


@dataclass(frozen=True)
class Measured:
    """A classifier on the validation rows, calibrated. ``label_calibration_errors`` are of each label against the rest.

    ``loss_gap`` is its log loss less that of the network that was chosen, with the standard error of that difference.
    ``size_bytes`` is the compiled scorer's, or the pickle's; the time is the median of three runs on one thread."""

    name: str
    evaluation: Evaluation
    label_calibration_errors: tuple[float, ...]
    temperature: float
    size_bytes: int
    microseconds_a_row: float
    loss_gap: float = 0.0
    gap_error: float = 0.0


@dataclass(frozen=True)
class ModelFigures:
    """How a model came about and what it does on the validation rows. ``classifiers`` are the network and the
    reference classifiers; ``unseen_users`` evaluates the network on users without training rows, None where there are
    none; ``without_outcome`` is the same network fitted without the ``outcome_features``, None where none are."""

    grid: tuple[Point, ...]
    chosen: Point
    class_weights: Mapping[str, float]
    log_loss_uncalibrated: float
    classifiers: tuple[Measured, ...]
    reliability: tuple[tuple[ReliabilityBin, ...], ...]
    unseen_users: Evaluation | None
    outcome_features: tuple[str, ...]
    without_outcome: Measured | None

    @property
    def network(self) -> Measured:
        return self.classifiers[0]


@dataclass(frozen=True)
class TrainedModel:
    """A model with its task and figures. ``rows`` are all rows of its data, with features, ``part`` and the label, null
    where there is none; ``fitted`` are those with a label, some of them set aside for early stopping."""

    task: Task
    model: Originals
    figures: ModelFigures
    rows: pd.DataFrame
    fitted: pd.DataFrame

    @property
    def validation(self) -> pd.DataFrame:
        """The rows that it is judged on, and those beside them without a label."""
        return self.rows[self.rows["part"] == "validation"].reset_index(drop=True)


def train_model(
    task: Task, rows: pd.DataFrame, outcome_features: tuple[str, ...], grid: Grid, seed: int, log: Log
) -> tuple[Originals, ModelFigures]:
    """``rows`` have ``user_id``, the task's features and label, and the parts of `fitting`."""
    counts = rows.loc[rows["part"] == "training", task.label].value_counts()
    weights = class_weights({label: int(counts[label]) for label in task.order})
    model, points = fit_grid(task, rows, weights, grid, seed, log)
    chosen = smallest_as_good(points)
    validation = _Validation(task, rows)

    network, probabilities = validation.network(model)
    classifiers = [network]
    log(f"{task.name}: temperature {network.temperature:.3f}; fitting the reference classifiers")
    for name, classifier, score in fit_reference_classifiers(task, rows, weights, seed):
        size = len(pickle.dumps(classifier))
        measured, others = validation.measured(name, score(validation.features), size, score)
        classifiers.append(validation.with_gap(measured, others, probabilities))
        log(f"{task.name}, {name}: validation log loss {measured.evaluation.log_loss:.4f}")
    return model, ModelFigures(
        grid=tuple(points),
        chosen=chosen,
        class_weights=weights,
        log_loss_uncalibrated=chosen.log_loss,
        classifiers=tuple(classifiers),
        reliability=label_reliability(validation.true, probabilities),
        unseen_users=validation.on_unseen_users(probabilities),
        outcome_features=outcome_features,
        without_outcome=_without(outcome_features, task, rows, weights, chosen, seed, log),
    )


def _without(
    outcome_features: tuple[str, ...],
    task: Task,
    rows: pd.DataFrame,
    weights: Mapping[str, float],
    chosen: Point,
    seed: int,
    log: Log,
) -> Measured | None:
    others = tuple(name for name in task.features if name not in outcome_features)
    if len(others) in (0, len(task.features)):
        return None
    log(f"{task.name}: once more without {', '.join(outcome_features)}, to be measured and not kept")
    fewer = replace(task, features=others)
    model = fit(fewer, rows, weights, chosen.hidden_units, seed, log)
    return _Validation(fewer, rows).network(model)[0]


class _Validation:
    """The rows that classifiers are measured on."""

    def __init__(self, task: Task, rows: pd.DataFrame) -> None:
        self.task = task
        self.rows = rows[rows["part"] == "validation"]
        self.unseen = ~self.rows["user_id"].isin(rows.loc[rows["part"] != "validation", "user_id"]).to_numpy()
        self.features = self.rows[list(task.features)].to_numpy(np.float64)
        self.true = positions(self.rows[task.label], task.order)

    def network(self, model: Originals) -> tuple[Measured, npt.NDArray[np.float64]]:
        """The network with its temperature built in, measured as it is served: compiled."""
        by = temperature(self.true, probabilities_in_order(model, self.rows, self.task.order))
        if by != 1.0:
            build_in(model, by)
        content = compiled(model, {})
        scorer = Scorer(model.info(self.task.spec, self.task.order), content)
        columns = [model.labels.index(label) for label in self.task.order]
        probabilities = scorer.score(self.features)[1][:, columns].astype(float)
        return self._of(NETWORK, probabilities, by, len(content), scorer.score), probabilities

    def measured(
        self, name: str, probabilities: npt.NDArray[np.float64], size: int, score: Callable[[Any], Any]
    ) -> tuple[Measured, npt.NDArray[np.float64]]:
        """A classifier at its own temperature, so that it is compared fairly; and its probabilities then."""
        by = temperature(self.true, probabilities)
        calibrated = tempered(probabilities, by)
        return self._of(name, calibrated, by, size, score), calibrated

    def with_gap(
        self, measured: Measured, probabilities: npt.NDArray[np.float64], network: npt.NDArray[np.float64]
    ) -> Measured:
        gaps = row_losses(self.true, probabilities) - row_losses(self.true, network)
        return replace(measured, loss_gap=float(gaps.mean()), gap_error=standard_error(gaps, self.rows["user_id"]))

    def on_unseen_users(self, probabilities: npt.NDArray[np.float64]) -> Evaluation | None:
        if not self.unseen.any():
            return None
        return evaluate(self.true[self.unseen], probabilities[self.unseen], self.task.order)

    def _of(
        self, name: str, probabilities: npt.NDArray[np.float64], by: float, size: int, score: Callable[[Any], Any]
    ) -> Measured:
        return Measured(
            name,
            evaluate(self.true, probabilities, self.task.order),
            label_calibration_errors(self.true, probabilities),
            by,
            size,
            _microseconds_a_row(score, self.features[:TIMED_ROWS]),
        )


def _microseconds_a_row(score: Callable[[Any], Any], features: npt.NDArray[np.float64]) -> float:
    seconds = []
    for _ in range(TIMINGS):
        started = time.perf_counter()
        score(features)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds) / len(features) * 1e6)
