"""Fitting a model to labelled rows: a small grid of networks, class weights, and the smallest that is good enough.

Three parts of the rows: ``training`` is fitted on, ``stopping`` (a tenth of the training users) says when to stop,
``validation`` judges the grid, and later gives the figures and the temperature.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log as ln
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.registry.keras_import import import_keras
from flywheel_assets.registry.originals import Originals
from flywheel_assets.registry.spec import ModelSpec
from flywheel_assets.training.metrics import positions, probabilities_in_order, row_losses
from flywheel_assets.training.network import Log, Rows, Schedule, fit_network

Grid = Sequence[tuple[int, ...]]
GRID: Grid = ((), (16,), (32,), (32, 32), (64, 64))
"""Units of the hidden layers. Without any, the network is a multinomial logistic regression."""

QUICK_GRID: Grid = ((16,), (32, 32))
"""For a first look: half of the time, and most often as good."""

STOPPING_SHARE = 0.1

LARGEST_RATIO = 10.0
"""Of the largest class weight to the smallest."""

STEPS_AN_EPOCH, LARGEST_BATCH = 200, 4096
EPOCHS, EPOCHS_OF_MANY_ROWS = 40, 15
LEARNING_RATE, LEARNING_RATE_WITHOUT_LAYERS = 1e-2, 1e-1
"""Without a hidden layer there is one optimum, and its weights are large: on 60,487 simulated sessions 0.1 came to the
log loss of scikit-learn's logistic regression (0.292), 0.01 to 0.339."""


@dataclass(frozen=True)
class Task:
    """A model to train, its labels from worst to best, and the columns it reads."""

    spec: ModelSpec
    order: tuple[str, ...]
    features: tuple[str, ...]

    @property
    def label(self) -> str:
        return self.spec.label

    @property
    def name(self) -> str:
        """The network's, which is part of a model's version."""
        return Path(self.spec.files.network).stem


@dataclass(frozen=True)
class Point:
    """One network of the grid: its log loss on the validation rows, and that mean's standard error."""

    hidden_units: tuple[int, ...]
    parameters: int
    log_loss: float
    standard_error: float


def with_stopping(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """``rows`` with the part ``stopping`` for the training rows of a tenth of their users, at least of one; which
    users, is said by a hash of seed and user, whatever the order of the rows."""
    training = rows["part"] == "training"
    users = rows.loc[training, "user_id"].unique()
    ranked = sorted(users, key=lambda user: hashlib.blake2b(f"{seed} {user}".encode()).digest())
    aside = training & rows["user_id"].isin(ranked[: -(-len(users) // round(1 / STOPPING_SHARE))])
    return rows.assign(part=rows["part"].where(~aside, "stopping"))


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """How much a row of each label counts in the loss, 1 for the mean row.

    The balanced weights n / (C n_c) (King and Zeng 2001, as scikit-learn has them), to a power that keeps the largest
    at 10 times the smallest where the labels are more unequal than that: a few rows would else drive the fit. Weights
    move probabilities towards rare labels, as if these were less rare than they are; a temperature does not undo it.
    """
    ratio = max(counts.values()) / min(counts.values())
    power = min(1.0, ln(LARGEST_RATIO) / ln(ratio)) if ratio > 1 else 1.0
    raw = {label: (sum(counts.values()) / (len(counts) * count)) ** power for label, count in counts.items()}
    mean = sum(raw[label] * count for label, count in counts.items()) / sum(counts.values())
    return {label: weight / mean for label, weight in raw.items()}


def fit_grid(
    task: Task, rows: pd.DataFrame, weights: Mapping[str, float], grid: Grid, seed: int, log: Log
) -> tuple[Originals, list[Point]]:
    """The chosen network, and what the grid came to. ``rows`` have the three parts."""
    validation = rows[rows["part"] == "validation"]
    fitted, points = [], []
    for hidden_units in grid:
        model = fit(task, rows, weights, hidden_units, seed, log)
        fitted.append(model)
        losses = row_losses(
            positions(validation[task.label], task.order), probabilities_in_order(model, validation, task.order)
        )
        error = standard_error(losses, validation["user_id"])
        points.append(Point(hidden_units, model.network.count_params(), float(losses.mean()), error))
        log(f"{task.name}, hidden layers {layers(hidden_units)}: validation log loss {losses.mean():.4f}")
    chosen = smallest_as_good(points)
    log(f"{task.name}: chosen hidden layers {layers(chosen.hidden_units)}, {chosen.parameters:,} parameters")
    return fitted[points.index(chosen)], points


def smallest_as_good(points: Sequence[Point]) -> Point:
    """The one-standard-error rule (Breiman et al. 1984): of the networks whose log loss is at most that of the best
    and its standard error, the one with the fewest parameters."""
    best = min(points, key=lambda point: point.log_loss)
    good = [point for point in points if point.log_loss <= best.log_loss + best.standard_error]
    return min(good, key=lambda point: point.parameters)


def fit(
    task: Task,
    rows: pd.DataFrame,
    weights: Mapping[str, float],
    hidden_units: tuple[int, ...],
    seed: int,
    log: Log,
) -> Originals:
    """One network of the grid. The same arguments give the same weights on the same machine."""
    from sklearn.preprocessing import LabelEncoder, MinMaxScaler

    keras = import_keras()
    import tensorflow as tf  # after Keras, which silences it

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    features = list(task.features)
    training, stopping = (rows[rows["part"] == part] for part in ("training", "stopping"))
    scaler = MinMaxScaler(clip=True).fit(training[features])
    encoder = LabelEncoder().fit(task.order)
    scaled = scaler.transform(training[features])
    means, deviations = scaled.mean(axis=0), scaled.std(axis=0)
    deviations[deviations == 0] = 1
    learnt, watched = (
        Rows(
            ((scaler.transform(part[features]) - means) / deviations).astype(np.float32),
            encoder.transform(part[task.label]),
            part[task.label].map(weights).to_numpy(np.float32),
        )
        for part in (training, stopping)
    )
    network = fit_network(
        task.name,
        hidden_units,
        len(task.order),
        learnt,
        watched,
        "users set aside",
        schedule(len(training), hidden_units),
        lambda line: log(f"{line} (hidden layers {layers(hidden_units)})"),
    )
    _fold_in(network, means, deviations)
    return Originals(network, scaler, encoder)


def _fold_in(network: Any, means: npt.NDArray[np.float64], deviations: npt.NDArray[np.float64]) -> None:
    """Has a network that learnt from (x - mean) / deviation take x as it is: the first layer's weights change, and
    nothing that it says. Counts have long tails, which a min-max scaler presses against 0; a network that learns there
    is slow to grow the weights it needs (validation log loss 0.475 without a hidden layer, where logistic regression
    on standardized features had 0.292)."""
    layer = network.layers[0]
    weights, bias = (values.astype(np.float64) for values in layer.get_weights())
    layer.set_weights([weights / deviations[:, None], bias - (means / deviations) @ weights])


def schedule(rows: int, hidden_units: tuple[int, ...]) -> Schedule:
    """About 200 steps per epoch, in batches of a power of two from 64 to 4,096 rows; 40 epochs, 15 for the largest
    batches. Patience is half of them: while the learning rate is high, an epoch often gains nothing, and later ones do.
    """
    batch = int(2 ** np.clip(round(np.log2(max(rows, 1) / STEPS_AN_EPOCH)), 6, np.log2(LARGEST_BATCH)))
    epochs = EPOCHS if batch < LARGEST_BATCH else EPOCHS_OF_MANY_ROWS
    rate = LEARNING_RATE if hidden_units else LEARNING_RATE_WITHOUT_LAYERS
    return Schedule(epochs, epochs // 2, batch, rate, steps_at_once=16)


def standard_error(values: npt.NDArray[np.float64], users: "pd.Series[str]") -> float:
    """Of the mean of ``values``, which are alike within a user: a user's values count as one cluster (Liang and Zeger
    1986). For users with one value each it is the usual one; infinite for a single user."""
    sums = np.bincount(pd.factorize(users)[0], values - values.mean())
    clusters = len(sums)
    return float(np.sqrt((sums**2).sum() * clusters / (clusters - 1)) / len(values)) if clusters > 1 else float("inf")


def layers(hidden_units: tuple[int, ...]) -> str:
    """``(32, 16)`` -> ``32 > 16``."""
    return " > ".join(map(str, hidden_units)) or "none"
