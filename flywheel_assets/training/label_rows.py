"""Who labels the sessions and users of a range, and as what: a team itself, or the clusters that they fall into."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from flywheel_assets.errors import LabelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.segments.files import SegmentFiles, segments_in_use
from flywheel_assets.segments.segments import Segments
from flywheel_assets.segments.session_clusters import session_clusters
from flywheel_assets.segments.visit_features import visit_features
from flywheel_assets.training.label_orders import order_of_labels
from flywheel_assets.training.labelled_data import in_intervals, in_labelled_intervals, training_intervals
from flywheel_assets.training.own_labels import ORDER_FILE, OwnLabels
from flywheel_assets.training.segment_labels import segment_labels
from flywheel_assets.training.tier_files import SEGMENT_LABELS, USER_CLUSTER_LABELS
from flywheel_assets.training.user_clusters import user_labels

Warn = Callable[[str], None]

log_warning: Warn = logging.getLogger("flywheel_assets").warning


PEOPLE = "people"


@dataclass(frozen=True)
class Labelling:
    """``rows`` with their label, null for a session that nobody labelled, and the ``order`` of labels, worst to best.
    ``source`` says in words who labelled, ``labelled_by`` is the same as long as the labels mean the same.
    For labels that follow from clusters: the ``tiers``, a line a cluster, the ``file`` that people edit, and the
    ``outcome_features`` that the clusters were ordered by."""

    rows: pd.DataFrame
    order: tuple[str, ...]
    source: str
    labelled_by: str = PEOPLE
    tiers: Sequence[Mapping[str, Any]] = ()
    file: Path | None = None
    outcome_features: tuple[str, ...] = ()


def own_session_labels(
    flywheel: Flywheel, intervals: Sequence[Interval], labels: pd.DataFrame, warn: Warn
) -> Labelling:
    """All sessions of those intervals of the range in which a team labelled some. ``labels``: as
    :meth:`OwnLabels.sessions`.

    ``warn`` is told of labels of unknown sessions. Raises LabelError when none of the labelled sessions is in the
    range, and for a label that no order knows."""
    folder = flywheel.settings.labels_dir
    sessions = pd.concat([trimmed(flywheel, interval) for interval in intervals], ignore_index=True)
    rows = in_labelled_intervals(sessions.merge(labels, on="session_id", how="left"))
    given = rows["session_quality_label"].dropna()
    unknown = f"{len(labels) - len(given):,} of {len(labels):,} labelled sessions in {folder / 'sessions'} are unknown"
    where = f"from {intervals[0].key} to {intervals[-1].key} no such session is in trimmed_sessions"
    if rows.empty:
        raise LabelError(f"{unknown}: {where}. Give the range that they are of; a session's id is matched as it is")
    if len(given) < len(labels):
        warn(f"{unknown}: {where}")
    source = f"a team's own labels of {counted(rows)}"
    return Labelling(rows, order_in_use(flywheel, "sessions", given), source)


def counted(sessions: pd.DataFrame) -> str:
    """How many have a label: ``6 sessions``, ``5 of 6 sessions``."""
    labelled = int(sessions["session_quality_label"].notna().sum())
    return f"{labelled:,} sessions" if labelled == len(sessions) else f"{labelled:,} of {len(sessions):,} sessions"


def own_user_labels(flywheel: Flywheel, sessions: pd.DataFrame, labels: pd.DataFrame, warn: Warn) -> Labelling:
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
    order = order_in_use(flywheel, "users", rows["user_flywheel_label"])
    return Labelling(rows, order, f"a team's own labels of {known:,} users")


def labels_from_segments(flywheel: Flywheel, intervals: Sequence[Interval]) -> Labelling:
    """The range's sessions, labelled by their cluster, which is that of session_clusters, of the same function, whether
    that table is there or not.

    Raises LabelError when nothing labels sessions and for a file of tiers that doesn't fit, NotMaterializedError."""
    folder, models = flywheel.settings.labels_dir, flywheel.models
    if SegmentFiles(flywheel.warehouse).report() is None:
        raise LabelError(
            f"nothing labels sessions: put parquet with session_id and session_quality_label into "
            f"{folder / 'sessions'}, or make segments, which labels are proposed from: flywheel segments fit"
        )
    segments, path, order = segments_in_use(flywheel.warehouse), folder / SEGMENT_LABELS, _order(flywheel, "sessions")
    sessions = pd.concat([_clustered(flywheel, segments, interval) for interval in intervals], ignore_index=True)
    if sessions.empty:
        raise LabelError(f"from {intervals[0].key} to {intervals[-1].key} there are no sessions: take another range")
    found = segment_labels(sessions, models.session.features, segments, order, path)
    sessions["session_quality_label"] = sessions["cluster"].map(found.labels)
    return Labelling(
        sessions,
        order,
        f"segments {segments.version}, {len(segments.ids)} clusters, by {path.name}",
        found.name,
        found.tiers(),
        path,
        (segments.outcome,) if segments.outcome in models.session.features else (),
    )


def labels_from_mixes(flywheel: Flywheel, sessions: Labelling) -> Labelling:
    """The users and intervals of labelled sessions, labelled by the nearest mix of those sessions' labels.

    Raises LabelError where the mixes cannot be told apart and for a file of tiers that doesn't fit."""
    path, order = flywheel.settings.labels_dir / USER_CLUSTER_LABELS, _order(flywheel, "users")
    rows = sessions.rows.dropna(subset=["session_quality_label"])
    training = training_intervals(sorted(rows["interval_start"].unique()))
    found = user_labels(rows, training, (sessions.order, order), sessions.labelled_by, path)
    source = f"{len(found.clusters)} clusters of mixes of session labels, by {path.name}"
    return Labelling(found.rows, order, source, path.name, found.tiers(), path)


def trimmed(flywheel: Flywheel, interval: Interval) -> pd.DataFrame:
    """``session_id``, ``user_id``, ``interval_start`` and the features of the interval's trimmed sessions.

    Raises NotMaterializedError."""
    rows = flywheel.warehouse.read("trimmed_sessions", interval)
    wanted = rows.select("session_id", "user_id", *flywheel.models["session"].features)
    frame: pd.DataFrame = flywheel.engine.collect(wanted).to_pandas()
    frame.insert(2, "interval_start", interval.key)
    return frame


def _clustered(flywheel: Flywheel, segments: Segments, interval: Interval) -> pd.DataFrame:
    """As :func:`trimmed`, with ``cluster`` and ``converted``, null without an outcome."""
    features = flywheel.models["session"].features
    visits = visit_features(flywheel.warehouse.read("trimmed_sessions", interval), features)
    rows = flywheel.engine.collect(visits).combine_chunks()
    clusters = session_clusters(segments, pa.RecordBatch.from_struct_array(rows.to_struct_array().combine_chunks()))
    frame: pd.DataFrame = rows.select(["session_id", "user_id", *features]).to_pandas()
    frame.insert(2, "interval_start", interval.key)
    return frame.assign(cluster=clusters["cluster"].to_numpy(), converted=clusters["converted"].to_pandas())


def order_in_use(flywheel: Flywheel, what: str, labels: "pd.Series[str]") -> tuple[str, ...]:
    """The order of ``sessions`` or ``users`` that has these labels. Raises LabelError when none has."""
    folder = flywheel.settings.labels_dir
    stated = OwnLabels(folder).orders().get(what)
    return order_of_labels(what, set(labels), stated, _of_models(flywheel, what), str(folder / ORDER_FILE))


def _order(flywheel: Flywheel, what: str) -> tuple[str, ...]:
    """The order that clusters of ``sessions`` or ``users`` are cut into: the stated one, else that in use."""
    return OwnLabels(flywheel.settings.labels_dir).orders().get(what, _of_models(flywheel, what))


def _of_models(flywheel: Flywheel, what: str) -> tuple[str, ...]:
    return (flywheel.models["session"] if what == "sessions" else flywheel.models["user"]).order
