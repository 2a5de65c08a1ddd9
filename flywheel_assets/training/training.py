"""Training both models from labelled sessions, and writing their six artefacts.

A dense network after a MinMaxScaler, twice. The scaler clips: a count beyond those of the training is taken for the
largest of them, so that a bot's session cannot drive the network where nothing was ever learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from flywheel_assets.registry.files import SESSION_FILES, USER_FILES, ModelFiles
from flywheel_assets.registry.originals import Originals
from flywheel_assets.registry.quiet_keras import import_keras
from flywheel_assets.simulation.training_data import TrainingData, labelled_shares
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.network import Report, Rows, Schedule, fit_network


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. ``epochs`` are the most; training stops early when validation no longer gains."""

    files: ModelFiles
    label: str
    hidden_units: tuple[int, ...]
    epochs: int


SESSION_RECIPE = Recipe(SESSION_FILES, "session_quality_label", (32, 32), 12)
"""As right as two layers of 64, which score half as many sessions a second."""

USER_RECIPE = Recipe(USER_FILES, "user_flywheel_label", (64, 64), 40)

PATIENCE_EPOCHS = 5
BATCH_ROWS = 1024
LEARNING_RATE = 3e-3
"""Decays to 0 along a cosine; with it the validation log loss came within 0.001 of the best possible classifier's,
without any feature made by hand for the heavy tails of counts."""


def train_models(
    data: TrainingData, features: Sequence[str], session_order: Sequence[str], seed: int, report: Report
) -> tuple[Originals, Originals, pd.DataFrame]:
    """The session model, the user model, and the shares of *predicted* session labels that the latter learnt from.

    The same arguments give the same weights on the same machine. ``report`` gets a line a model and epoch.
    """
    keras = import_keras()
    import tensorflow as tf  # after Keras, which silences it

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    session = _fit(SESSION_RECIPE, data.sessions, list(features), report)
    predicted = predicted_labels(session, data.sessions)
    shares = labelled_shares(data, predicted, tuple(session_order))
    share_columns = [share_column(label) for label in session_order]
    user = _fit(USER_RECIPE, shares, share_columns, report)
    return session, user, shares


def predicted_labels(model: Originals, table: pd.DataFrame) -> "pd.Series[str]":
    """The model's label of each row of a table with its features."""
    probabilities = model.probabilities(table[list(model.features)].to_numpy(np.float64))
    return pd.Series(np.array(model.labels)[probabilities.argmax(axis=1)], index=table.index)


def save_model(directory: Path, files: ModelFiles, model: Originals) -> None:
    """The model's three artefacts, replacing those in ``directory``."""
    import joblib

    directory.mkdir(parents=True, exist_ok=True)
    model.network.save(directory / files.network)
    joblib.dump(model.scaler, directory / files.scaler)
    joblib.dump(model.encoder, directory / files.encoder)


def _fit(recipe: Recipe, table: pd.DataFrame, features: list[str], report: Report) -> Originals:
    from sklearn.preprocessing import LabelEncoder, MinMaxScaler

    training, validation = (table[table["part"] == part] for part in ("training", "validation"))
    scaler = MinMaxScaler(clip=True).fit(training[features])
    encoder = LabelEncoder().fit(training[recipe.label])
    learnt, watched = (
        Rows(scaler.transform(part[features]).astype(np.float32), encoder.transform(part[recipe.label]))
        for part in (training, validation)
    )
    name = Path(recipe.files.network).stem
    report(f"{name}: {len(training):,} training rows, at most {recipe.epochs} epochs")
    network = fit_network(
        name,
        recipe.hidden_units,
        len(encoder.classes_),
        learnt,
        watched,
        "validation users",
        Schedule(recipe.epochs, PATIENCE_EPOCHS, BATCH_ROWS, LEARNING_RATE),
        report,
    )
    return Originals(network, scaler, encoder)
