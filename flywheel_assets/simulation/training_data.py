"""Labelled sessions to train on: drawn from a world, trimmed as every interval is, and split by user."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from flywheel_assets.intervals import Calendar
from flywheel_assets.sessions.trimmed_sessions import threshold_aggregates, thresholds, too_small, trimmed_sessions
from flywheel_assets.simulation.sample import generate
from flywheel_assets.simulation.world import FEATURES, World
from flywheel_assets.training.labelled import SIMULATED, LabelledData
from flywheel_assets.training.labelled_data import labelled_data
from flywheel_assets.users.user_distributions import user_distributions

Part = Literal["training", "validation", "held-out"]
PARTS: dict[Part, float] = {"training": 0.70, "validation": 0.15, "held-out": 0.15}
"""The share of users in each part. All sessions of a user, of every interval, are in one part."""

TRIM_QUANTILE = Decimal("0.999")


@dataclass(frozen=True)
class TrainingData:
    """``sessions``: ``session_id``, ``user_id``, ``interval_start``, FEATURES, ``session_quality_label`` and ``part``,
    a row a trimmed session. ``users``: ``user_id``, ``interval_start`` and ``user_flywheel_label``, a row a user and
    interval, also for users without sessions. Labels are the true ones."""

    sessions: pd.DataFrame
    users: pd.DataFrame


def draw_training_data(world: World, users: int, intervals: int, seed: int) -> TrainingData:
    """The same arguments give the same data. Sessions without a true label, those of bots, are left out after trimming,
    so that they move thresholds as they do in use."""
    first_day = date(2023, 1, 2)
    calendar = Calendar(first_day, first_day + timedelta(weeks=2 * intervals - 1), 2, "UTC")
    sessions, states = [], []
    for sample in generate(world, list(calendar), users, seed):
        labelled = _trimmed(sample.sessions).join(sample.session_truth, "session_id", join_type="inner")
        sessions.append(labelled.to_pandas().sort_values("session_id").assign(interval_start=sample.interval.key))
        states.append(sample.user_truth.to_pandas())
    table = pd.concat(sessions, ignore_index=True)
    parts = _parts(np.sort(table["user_id"].unique()), seed)
    table["part"] = table["user_id"].map(parts)
    columns = ["session_id", "user_id", "interval_start", *FEATURES, "session_quality_label", "part"]
    return TrainingData(table[columns], pd.concat(states, ignore_index=True))


def labelled_sample(world: World, users: int, intervals: int, seed: int) -> LabelledData:
    """The same sessions and true labels, split by time, for a candidate that is trained on the sample."""
    drawn = draw_training_data(world, users, intervals, seed)
    orders = world.session_labels, world.user_labels
    return labelled_data(drawn.sessions, drawn.users, FEATURES, orders, SIMULATED)


def labelled_shares(data: TrainingData, predicted: "pd.Series[str]", labels: tuple[str, ...]) -> pd.DataFrame:
    """What the user model learns from: the rows of :func:`predicted_shares` with their ``user_flywheel_label``; those
    without one are left out."""
    shares = predicted_shares(data.sessions, predicted, labels)
    return shares.merge(data.users, on=["interval_start", "user_id"], validate="one_to_one")


def predicted_shares(sessions: pd.DataFrame, predicted: "pd.Series[str]", labels: tuple[str, ...]) -> pd.DataFrame:
    """``user_id``, ``interval_start``, ``sessions``, ``share_<label>`` of the ``predicted`` session labels (one a row
    of ``sessions``) and ``part``; a row a user and interval with sessions, in the order of interval and user."""
    keys = ["interval_start", "user_id"]
    predictions = sessions[[*keys, "part"]].assign(session_quality_label=predicted)
    shares = []
    for interval_start, rows in predictions.groupby("interval_start"):
        table = user_distributions(ibis.memtable(rows[["user_id", "session_quality_label"]]), labels)
        shares.append(ibis.duckdb.connect().to_pandas(table).assign(interval_start=interval_start))
    parts = predictions[[*keys, "part"]].drop_duplicates()
    return pd.concat(shares).merge(parts, on=keys).sort_values(keys, ignore_index=True)


def _trimmed(sessions: pa.Table) -> pa.Table:
    if too_small(sessions.num_rows, TRIM_QUANTILE):
        return sessions
    engine = ibis.duckdb.connect()
    table = ibis.memtable(sessions)
    figures = engine.to_pyarrow(threshold_aggregates(table, FEATURES, TRIM_QUANTILE)).to_pylist()[0]
    return engine.to_pyarrow(trimmed_sessions(table, thresholds(figures, FEATURES)))


def _parts(user_ids: np.ndarray, seed: int) -> dict[str, Part]:
    ranks = np.random.default_rng([seed, len(user_ids)]).permutation(len(user_ids)) / len(user_ids)
    bounds = np.cumsum(list(PARTS.values()))[:-1]
    parts = np.array(list(PARTS))[np.searchsorted(bounds, ranks, "right")]
    return dict(zip(user_ids, parts, strict=True))
