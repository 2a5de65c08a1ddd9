"""The spine: the tables from what landed to the transitions of labels, in the order in which they are made."""

from collections.abc import Sequence

from flywheel_assets.ingest import event_sessions
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing.rows import QUARANTINE_REASON
from flywheel_assets.sessions import session_predictions, trimmed_sessions
from flywheel_assets.tables.columns import FEATURE, OTHERS, SESSION_ID, USER_ID
from flywheel_assets.tables.contract import PARTITION, Table, expand
from flywheel_assets.users import enriched_export, label_transitions, user_distributions, user_labels

SPINE: tuple[Table, ...] = (
    event_sessions.TABLE,
    landed_sessions.TABLE,
    trimmed_sessions.TABLE,
    session_predictions.TABLE,
    user_distributions.TABLE,
    user_labels.TABLE,
    enriched_export.TABLE,
    label_transitions.TABLE,
)

RELABELLED: tuple[Table, ...] = SPINE[: SPINE.index(user_labels.TABLE) + 1]
"""Those that the labels of an interval are made by: when one is made again, the labels are too."""

LABELLED: tuple[Table, ...] = (session_predictions.TABLE, user_labels.TABLE)
"""Those that a model labels."""


def reserved_names(session_labels: Sequence[str], flywheel_labels: Sequence[str]) -> list[str]:
    """Column names that are ours: a landed column may not have one, in whatever case. What event_sessions has is landed
    too."""
    tables = (table for table in SPINE if table is not event_sessions.TABLE)
    ours = {c.name: c for t in tables for c in t.columns if c not in (SESSION_ID, USER_ID, FEATURE, OTHERS)}
    return [c.name for c in expand(ours.values(), (), session_labels, flywheel_labels)] + [QUARANTINE_REASON, PARTITION]
