"""Labelled data to train on in seconds: sessions of three qualities, that one can tell apart by their counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training.network import Schedule
from flywheel_assets.training.training_data import LabelledRows, TrainingData, training_data
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS, USER_LABELS

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12", "2024-02-26")
"""The last one validates."""

SMALL_GRID = ((), (4,))


def quickly(rows: int, hidden_units: tuple[int, ...]) -> Schedule:
    """In place of `grid.schedule`: not much is learnt, and soon."""
    return Schedule(epochs=4, patience_epochs=2, batch_rows=64, learning_rate=0.1)


def labelled_sessions(users: int = 60, keys: tuple[str, ...] = KEYS, **changes: Any) -> TrainingData:
    """Six sessions a user and interval; pageviews are Poisson around 2, 10 and 30, leads around 0, 0.2 and 1. Every
    second user is engaged, and their sessions better; one in five comes in the last interval only. ``changes`` are
    arguments of `data_of`."""
    random = np.random.default_rng(1)
    rows = []
    for key in keys:
        for user in range(users):
            if user % 5 == 0 and key != keys[-1]:
                continue
            qualities = random.choice(3, 6, p=(0.1, 0.3, 0.6) if user % 2 else (0.6, 0.3, 0.1))
            counts = random.poisson(np.array([[2, 0], [10, 0.2], [30, 1]])[qualities])
            rows += [
                (f"u{user}.{key}.{n}", f"u{user}", key, *count, SESSION_LABELS[quality])
                for n, (quality, count) in enumerate(zip(qualities, counts, strict=True))
            ]
    sessions = pd.DataFrame(
        rows, columns=["session_id", "user_id", "interval_start", *FEATURES, "session_quality_label"]
    )
    visited = sessions[["user_id", "interval_start"]].drop_duplicates()
    engaged = visited["user_id"].str[1:].astype(int) % 2
    arguments = {
        "sessions": sessions,
        "users": visited.assign(user_flywheel_label=engaged.map(dict(enumerate(USER_LABELS)))),
        "features": FEATURES,
        "orders": (SESSION_LABELS, USER_LABELS),
        "source": "a test",
    }
    return data_of(**(arguments | changes))


def data_of(
    sessions: pd.DataFrame,
    users: pd.DataFrame,
    features: Sequence[str] = FEATURES,
    orders: tuple[Sequence[str], Sequence[str]] = (SESSION_LABELS, USER_LABELS),
    source: str = "a test",
    outcome_features: Sequence[str] = (),
) -> TrainingData:
    """Both tables as what the two models learn from."""
    return training_data(
        (
            LabelledRows(SESSION_MODEL, sessions, tuple(orders[0]), tuple(features), tuple(outcome_features)),
            LabelledRows(USER_MODEL, users, tuple(orders[1])),
        ),
        source,
    )


def otherwise_validated(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, but those that validate have features without measure, and one label."""
    validates = rows["part"] == "validation"
    return rows.assign(
        **{feature: rows[feature].where(~validates, 1e6) for feature in FEATURES},
        session_quality_label=rows["session_quality_label"].where(~validates, SESSION_LABELS[0]),
    )
