"""The contracts of the tables that training begins with: one file each, over a range of intervals. As `tables`."""

from collections.abc import Mapping

from flywheel_assets.tables.contract import SESSION_ID, USER_ID, Column, Table

_INTERVAL_START = Column("interval_start", "string", "The key of the interval: its first day.")

TRAINING: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "session_labels",
            "session",
            "Sessions to train on: a team's own labels, else those of the sessions' clusters.",
            ("trimmed_sessions", "cluster_centers"),
            (
                SESSION_ID,
                USER_ID,
                _INTERVAL_START,
                Column("session_quality_label", "string", "The label to learn, null where nobody labelled."),
            ),
        ),
        Table(
            "user_labels_for_training",
            "user and interval",
            "Labelled users to train on: a team's own labels, else those of the nearest mix of session labels.",
            ("session_labels",),
            (USER_ID, _INTERVAL_START, Column("user_flywheel_label", "string", "The label to learn.")),
        ),
    )
}
