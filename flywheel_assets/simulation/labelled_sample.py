"""Simulated sessions with their true labels, to train on: drawn from a world, and trimmed as every interval is."""

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import ibis
import pandas as pd
import pyarrow as pa

from flywheel_assets.intervals import Calendar
from flywheel_assets.registry.holdout import SIMULATED
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.sessions.trimmed_sessions import threshold_aggregates, thresholds, too_small, trimmed_sessions
from flywheel_assets.settings import SETTINGS
from flywheel_assets.simulation.best_possible import sections
from flywheel_assets.simulation.sample import generate
from flywheel_assets.simulation.world import FEATURES, World
from flywheel_assets.training.sources import Source
from flywheel_assets.training.training_data import LabelledRows, TrainingData, training_data
from flywheel_assets.users.user_model import USER_MODEL

TRIM_QUANTILE = Decimal(SETTINGS["FLYWHEEL_TRIM_QUANTILE"][0])
"""The default, whatever this process is set to: the same arguments give the same data."""


def sample_source(world: World, users: int, intervals: int, seed: int, out: str = "") -> Source:
    """What `flywheel models train` learns from without data of a team's own. ``out``: its option, none for ''."""
    command = f"flywheel models train --sample {out} --users {users} --intervals {intervals}".replace("  ", " ")
    return Source(labelled_sample(world, users, intervals, seed), command, partial(sections, world, seed))


def labelled_sample(world: World, users: int, intervals: int, seed: int) -> TrainingData:
    """The same arguments give the same data. Sessions without a true label, those of bots, are left out after trimming,
    so that they move thresholds as they do in use."""
    first_day = date(2023, 1, 2)
    calendar = Calendar(first_day, first_day + timedelta(weeks=2 * intervals - 1), 2, "UTC")
    sessions, states = [], []
    for sample in generate(world, list(calendar), users, seed):
        labelled = _trimmed(sample.sessions).join(sample.session_truth, "session_id", join_type="inner")
        sessions.append(labelled.to_pandas().assign(interval_start=sample.interval.key))
        states.append(sample.user_truth.to_pandas())
    rows = (
        LabelledRows(SESSION_MODEL, pd.concat(sessions, ignore_index=True), world.session_labels, FEATURES),
        LabelledRows(USER_MODEL, pd.concat(states, ignore_index=True), world.user_labels),
    )
    return training_data(rows, SIMULATED)


def _trimmed(sessions: pa.Table) -> pa.Table:
    if too_small(sessions.num_rows, TRIM_QUANTILE):
        return sessions
    engine = ibis.duckdb.connect()
    table = ibis.memtable(sessions)
    aggregates = threshold_aggregates(table, FEATURES, TRIM_QUANTILE, sessions.num_rows)
    figures = engine.to_pyarrow(aggregates).to_pylist()[0]
    return engine.to_pyarrow(trimmed_sessions(table, thresholds(figures, FEATURES, TRIM_QUANTILE, sessions.num_rows)))
