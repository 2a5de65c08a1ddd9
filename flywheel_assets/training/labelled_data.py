"""From labelled sessions and users to what both models learn from: split by time, checked, with a fingerprint."""

import hashlib
from collections.abc import Sequence

import pandas as pd

from flywheel_assets.errors import LabelError
from flywheel_assets.registry.bundle import ModelInfo, check_fit
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.labelled import LabelledData

VALIDATION_SHARE = 0.2
"""Of the intervals with sessions; at least one validates, and at least one trains."""


def labelled_data(
    sessions: pd.DataFrame,
    users: pd.DataFrame,
    features: Sequence[str],
    orders: tuple[Sequence[str], Sequence[str]],
    source: str,
    outcome_features: Sequence[str] = (),
) -> LabelledData:
    """``sessions``: ``session_id``, ``user_id``, ``interval_start``, features and ``session_quality_label``, null where
    nobody labelled; an interval has at least one that somebody did (:func:`in_labelled_intervals`). ``users``:
    ``user_id``, ``interval_start`` and ``user_flywheel_label``. Other columns have no nulls; in any order, the same
    rows always give the same data. ``orders``: of the session labels and of the user labels, worst to best; those that
    nobody has are left out.

    Raises LabelError for fewer than two intervals, for one label only, and for a label that only the validating
    intervals have; ArtefactError for labels that no two models could have."""
    keys = tuple(sorted(sessions["interval_start"].unique()))
    training = training_intervals(keys)
    users = users[users["interval_start"].isin(keys)]
    columns = ["session_id", "user_id", "interval_start", *features, "session_quality_label"]
    sorted_sessions = sessions[columns].sort_values(["interval_start", "session_id"], ignore_index=True)
    sorted_sessions = sorted_sessions.astype(dict.fromkeys(features, "float64"))
    given = sorted_sessions["session_quality_label"]
    one_null = [label if labelled else None for label, labelled in zip(given, given.notna(), strict=True)]
    sorted_sessions["session_quality_label"] = one_null
    sorted_users = users[["user_id", "interval_start", "user_flywheel_label"]].sort_values(
        ["interval_start", "user_id"], ignore_index=True
    )
    labelled = sorted_sessions[given.notna()]
    session_order = _learnt("sessions", labelled, "session_quality_label", orders[0], training)
    user_order = _learnt("users", sorted_users, "user_flywheel_label", orders[1], training)
    shares = tuple(share_column(label) for label in session_order)
    check_fit(
        ModelInfo("", tuple(features), (), session_order, session_order),
        ModelInfo("", shares, (), user_order, user_order),
    )
    trains = sorted_sessions["interval_start"].isin(training)
    return LabelledData(
        sessions=sorted_sessions.assign(part=trains.map({True: "training", False: "validation"})),
        users=sorted_users,
        features=tuple(features),
        session_order=session_order,
        user_order=user_order,
        source=source,
        intervals=keys,
        fingerprint=_fingerprint(sorted_sessions, sorted_users, (*session_order, *user_order)),
        outcome_features=tuple(outcome_features),
    )


def training_intervals(keys: Sequence[str]) -> tuple[str, ...]:
    """Those of the keys, oldest first, that train: all but the last ones, which validate. Raises LabelError for fewer
    than two."""
    if len(keys) < 2:
        found = f"one interval, {keys[0]}" if keys else "no interval"
        raise LabelError(
            f"labelled sessions are in {found}; expected two or more, of which the last validates: take a longer range"
        )
    return tuple(keys[: -max(1, round(VALIDATION_SHARE * len(keys)))])


def in_labelled_intervals(sessions: pd.DataFrame) -> pd.DataFrame:
    """The ``sessions`` of the intervals in which one or more have a ``session_quality_label``: the others say nothing
    of how well a model does, and would be taken for those that validate."""
    labelled = sessions.loc[sessions["session_quality_label"].notna(), "interval_start"]
    return sessions[sessions["interval_start"].isin(labelled)].reset_index(drop=True)


def in_intervals(labels: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """``user_id``, ``interval_start`` and ``user_flywheel_label``: a row a user and interval of ``visits``, which has
    both columns, that there is a label for. ``labels``: the same columns; one without an interval holds in every
    interval that has none of its own for that user."""
    there = visits[["user_id", "interval_start"]].drop_duplicates()
    always = labels[labels["interval_start"].isna()].set_index("user_id")["user_flywheel_label"]
    joined = there.merge(labels.dropna(subset=["interval_start"]), on=["user_id", "interval_start"], how="left")
    own = joined["user_flywheel_label"]
    joined["user_flywheel_label"] = own.where(own.notna(), joined["user_id"].map(always))
    return joined.dropna(subset=["user_flywheel_label"], ignore_index=True)


def _learnt(
    what: str, rows: pd.DataFrame, label: str, order: Sequence[str], training: Sequence[str]
) -> tuple[str, ...]:
    """The labels of the order that the training intervals have."""
    learnt = set(rows.loc[rows["interval_start"].isin(training), label])
    later = sorted(set(rows[label]) - learnt)
    if later:
        raise LabelError(
            f"no {what} labelled {', '.join(later)} in the intervals that train, {training[0]} to {training[-1]}, only "
            "in those that validate: take a longer range, or leave those labels out"
        )
    if len(learnt) < 2:
        found = f"all {len(rows):,} are {learnt.pop()}" if learnt else "none is labelled"
        raise LabelError(f"{what} need at least two different labels to learn from; {found}")
    return tuple(name for name in order if name in learnt)


def _fingerprint(sessions: pd.DataFrame, users: pd.DataFrame, labels: Sequence[str]) -> str:
    """16 hexadecimal digits: of the rows, of the columns' names and of the labels in their order."""
    content = hashlib.sha256("\n".join([*sessions.columns, *labels]).encode())
    for table in (sessions, users):
        content.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return content.hexdigest()[:16]
