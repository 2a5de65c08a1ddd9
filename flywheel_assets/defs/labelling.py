"""Who labels the sessions and users of a range, and as what: a team's own labels where there are any."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_assets.defs.flywheel import Flywheel
from flywheel_assets.domain.intervals import Interval
from flywheel_assets.domain.label_orders import order_of_labels
from flywheel_assets.errors import LabelError
from flywheel_assets.learning.user_labels import in_intervals
from flywheel_assets.storage.own_labels import ORDER_FILE, OwnLabels

Warn = Callable[[str], None]

log_warning: Warn = logging.getLogger("flywheel_assets").warning


@dataclass(frozen=True)
class Labelling:
    """``rows`` with their label and the ``order`` of labels, worst to best. ``source`` says in words who labelled.
    For labels that follow from clusters: the ``tiers``, a line a cluster, the ``file`` that people edit, and the
    ``outcome_features`` that the clusters were ordered by."""

    rows: pd.DataFrame
    order: tuple[str, ...]
    source: str
    tiers: Sequence[Mapping[str, Any]] = ()
    file: Path | None = None
    outcome_features: tuple[str, ...] = ()


def own_session_labels(
    flywheel: Flywheel, intervals: Sequence[Interval], labels: pd.DataFrame, warn: Warn
) -> Labelling:
    """The range's sessions that a team labelled. ``labels``: as :meth:`OwnLabels.sessions`.

    Raises LabelError when none of the labelled sessions is in the range, and for a label that no order knows."""
    folder = flywheel.settings.labels_dir
    sessions = pd.concat([trimmed(flywheel, interval) for interval in intervals], ignore_index=True)
    rows = sessions.merge(labels, on="session_id")
    source = f"a team's own labels of {len(rows):,} sessions"
    unknown = f"{len(labels) - len(rows):,} of {len(labels):,} labelled sessions in {folder / 'sessions'} are unknown"
    where = f"from {intervals[0].key} to {intervals[-1].key} no such session is in trimmed_sessions"
    if rows.empty:
        raise LabelError(f"{unknown}: {where}. Give the range that they are of; a session's id is matched as it is")
    if len(rows) < len(labels):
        warn(f"{unknown}: {where}")
    return Labelling(rows, order_in_use(flywheel, "sessions", rows["session_quality_label"]), source)


def own_user_labels(flywheel: Flywheel, sessions: pd.DataFrame, labels: pd.DataFrame, warn: Warn) -> Labelling:
    """The users and intervals of labelled ``sessions`` that a team labelled. ``labels``: as :meth:`OwnLabels.users`.

    Raises LabelError when none of the labelled users has such a session, and for a label that no order knows."""
    folder = flywheel.settings.labels_dir / "users"
    rows = in_intervals(labels, sessions)
    users, known = labels["user_id"].nunique(), rows["user_id"].nunique()
    unknown = f"{users - known:,} of {users:,} labelled users in {folder} have no labelled session in the range"
    if rows.empty:
        raise LabelError(f"{unknown}; give a range in which they have, and look at user_id and interval_start")
    if known < users:
        warn(unknown)
    order = order_in_use(flywheel, "users", rows["user_flywheel_label"])
    return Labelling(rows, order, f"a team's own labels of {known:,} users")


def trimmed(flywheel: Flywheel, interval: Interval) -> pd.DataFrame:
    """``session_id``, ``user_id``, ``interval_start`` and the features of the interval's trimmed sessions.

    Raises NotMaterializedError."""
    rows = flywheel.warehouse.read("trimmed_sessions", interval)
    wanted = rows.select("session_id", "user_id", *flywheel.models.session.features)
    frame: pd.DataFrame = flywheel.engine.collect(wanted).to_pandas()
    frame.insert(2, "interval_start", interval.key)
    return frame


def order_in_use(flywheel: Flywheel, what: str, labels: "pd.Series[str]") -> tuple[str, ...]:
    """The order of ``sessions`` or ``users`` that has these labels. Raises LabelError when none has."""
    folder, models = flywheel.settings.labels_dir, flywheel.models
    in_use = (models.session if what == "sessions" else models.user).order
    stated = OwnLabels(folder).orders().get(what)
    return order_of_labels(what, set(labels), stated, in_use, str(folder / ORDER_FILE))
