"""user_labels_for_training: the users of labelled sessions with the label to learn, by a team or by the mix of their
sessions' labels."""

import pandas as pd

from flywheel_assets.errors import LabelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.training import session_labels, user_tiers
from flywheel_assets.training.labels import Labels, Warn, order_in_use, order_of_tiers
from flywheel_assets.training.own_labels import OwnLabels
from flywheel_assets.training.session_labels import INTERVAL_START
from flywheel_assets.training.training_data import training_intervals
from flywheel_assets.training.user_tier_file import USER_CLUSTER_LABELS
from flywheel_assets.users.user_model import USER_MODEL

TABLE = Table(
    "user_labels_for_training",
    "user and interval",
    "Labelled users to train on: a team's own labels, else those that the worth of their sessions gives.",
    (session_labels.TABLE,),
    (USER_ID, INTERVAL_START, Column("user_flywheel_label", "string", "The label to learn.")),
)


def user_labels(flywheel: Flywheel, sessions: Labels, warn: Warn) -> Labels:
    """The users and intervals of ``sessions`` with their ``user_flywheel_label``: a team's own where there are
    any, else those that the worth of their sessions gives. Raises LabelError."""
    own = OwnLabels(flywheel.settings.labels_dir).users()
    if own is not None:
        return own_user_labels(flywheel, sessions.rows, own, warn)
    return labels_from_worths(flywheel, sessions, warn)


def own_user_labels(flywheel: Flywheel, sessions: pd.DataFrame, labels: pd.DataFrame, warn: Warn) -> Labels:
    """The users and intervals of ``sessions``, labelled or not, that a team labelled. ``labels``: as
    :meth:`OwnLabels.users`.

    Raises LabelError when none of the labelled users has such a session, and for a label that no order knows."""
    folder = flywheel.settings.labels_dir / "users"
    rows = in_intervals(labels, sessions)
    users, known = labels["user_id"].nunique(), rows["user_id"].nunique()
    unknown = (
        f"{users - known:,} of {users:,} labelled users in {folder} have no session in the intervals of labelled ones"
    )
    if rows.empty:
        raise LabelError(f"{unknown}; give a range in which they have, and look at user_id and interval_start")
    if known < users:
        warn(unknown)
    order = order_in_use(flywheel, USER_MODEL, rows["user_flywheel_label"])
    return Labels(rows, order, f"a team's own labels of {known:,} users")


def labels_from_worths(flywheel: Flywheel, sessions: Labels, warn: Warn, write: bool = True) -> Labels:
    """The users and intervals of labelled sessions, labelled by what those sessions are worth. A
    proposal is kept in its file unless ``write`` is false.

    ``warn`` is told where a better label goes to a worse mix. Raises LabelError where users cannot be told apart and
    for a file of tiers that doesn't fit."""
    path, order = flywheel.settings.labels_dir / USER_CLUSTER_LABELS, order_of_tiers(flywheel, USER_MODEL)
    rows = sessions.rows.dropna(subset=["session_quality_label"])
    training = training_intervals(sorted(rows["interval_start"].unique()))
    found = user_tiers.user_labels(rows, training, (sessions.order, order), sessions.labelled_by, path, write)
    for warning in found.warnings:
        warn(f"{path.name}: {warning}")
    source = f"{len(found.tiers)} tiers by the worth of session labels, by {path.name}"
    return Labels(found.rows, order, source, path.name, found.tiers, path)


def in_intervals(labels: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """``user_id``, ``interval_start`` and ``user_flywheel_label``: one row per user and interval of ``visits`` (with
    both columns) that has a label. ``labels``: the same columns; one without an interval holds in every
    interval that has none of its own for that user."""
    there = visits[["user_id", "interval_start"]].drop_duplicates()
    always = labels[labels["interval_start"].isna()].set_index("user_id")["user_flywheel_label"]
    joined = there.merge(labels.dropna(subset=["interval_start"]), on=["user_id", "interval_start"], how="left")
    own = joined["user_flywheel_label"]
    joined["user_flywheel_label"] = own.where(own.notna(), joined["user_id"].map(always))
    return joined.dropna(subset=["user_flywheel_label"], ignore_index=True)
