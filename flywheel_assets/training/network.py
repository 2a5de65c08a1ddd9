"""Fitting one dense network behind a MinMaxScaler: what the shipped models and every candidate have in common."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.keras_import import import_keras

Log = Callable[[str], None]


def without_epochs(log: Log) -> Log:
    """Passes all lines on but those of epochs: one training has hundreds, which in a log bury what came of them."""
    return lambda line: None if re.match(r"\w+: epoch \d+ of at most ", line) else log(line)


@dataclass(frozen=True)
class Rows:
    """What a network reads: ``features`` scaled, ``labels`` as positions, and how much each row counts; None: alike."""

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Schedule:
    """``epochs`` are the most: after ``patience_epochs`` without gain it ends. The learning rate of Adam decays to 0
    along a cosine over all of them. ``steps_at_once`` run inside TensorFlow without coming back to Python."""

    epochs: int
    patience_epochs: int
    batch_rows: int
    learning_rate: float
    steps_at_once: int = 1


def fit_network(
    name: str,
    hidden_units: tuple[int, ...],
    labels: int,
    training: Rows,
    watched: Rows,
    watched_are: str,
    schedule: Schedule,
    log: Log,
) -> Any:
    """A softmax network fitted on ``training``, with the weights of the epoch whose log loss on the ``watched`` rows
    was least. ``log`` gets one line per epoch, which calls the watched rows what ``watched_are``. Keras' seed is the
    caller's to set."""
    keras = import_keras()
    network = _network(keras, name, training.features.shape[1], hidden_units, labels)
    steps = schedule.epochs * -(-len(training.labels) // schedule.batch_rows)
    network.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(schedule.learning_rate, steps)),
        loss="sparse_categorical_crossentropy",
        steps_per_execution=schedule.steps_at_once,
    )

    def show(epoch: int, logs: dict[str, float]) -> None:
        log(
            f"{name}: epoch {epoch + 1} of at most {schedule.epochs}, log loss {logs['loss']:.4f}, "
            f"on {watched_are} {logs['val_loss']:.4f}"
        )

    watching = (watched.features, watched.labels)
    network.fit(
        training.features,
        training.labels,
        sample_weight=training.weights,
        validation_data=watching if watched.weights is None else (*watching, watched.weights),
        batch_size=schedule.batch_rows,
        epochs=schedule.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=schedule.patience_epochs, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=show),
        ],
    )
    return network


def _network(keras: Any, name: str, features: int, hidden_units: tuple[int, ...], labels: int) -> Any:
    """Every layer is named, since names are part of the version and Keras counts unnamed ones per process."""
    hidden = [
        keras.layers.Dense(units, "relu", name=f"hidden_{number}") for number, units in enumerate(hidden_units, 1)
    ]
    output = keras.layers.Dense(labels, "softmax", name="probabilities")
    return keras.Sequential([keras.Input((features,), name="features"), *hidden, output], name=name)
