"""The contracts of the tables that training begins with: one file each, over a range of intervals. As `tables`."""

from collections.abc import Mapping

from flywheel_assets.segments import cluster_centers
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.tables.columns import SESSION_ID, USER_ID
from flywheel_assets.tables.contract import Column, Table

_INTERVAL_START = Column("interval_start", "string", "The key of the interval: its first day.")

SESSION_LABELS = Table(
    "session_labels",
    "session",
    "Sessions to train on: a team's own labels, else those of the sessions' clusters.",
    (trimmed_sessions.TABLE, cluster_centers.TABLE),
    (
        SESSION_ID,
        USER_ID,
        _INTERVAL_START,
        Column("session_quality_label", "string", "The label to learn, null where nobody labelled."),
    ),
)
USER_LABELS = Table(
    "user_labels_for_training",
    "user and interval",
    "Labelled users to train on: a team's own labels, else those of the nearest mix of session labels.",
    (SESSION_LABELS,),
    (USER_ID, _INTERVAL_START, Column("user_flywheel_label", "string", "The label to learn.")),
)
TRAINING: Mapping[str, Table] = {table.name: table for table in (SESSION_LABELS, USER_LABELS)}
