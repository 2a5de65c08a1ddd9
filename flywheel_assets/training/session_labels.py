"""session_labels: the sessions of a range with the label to learn, by a team or by their clusters, as a person
corrected these."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from flywheel_assets.errors import LabelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.ranges import intervals_between, materialized_intervals, trimmed_sessions
from flywheel_assets.segments import cluster_centers
from flywheel_assets.segments.files import SegmentFiles, segments_in_use
from flywheel_assets.segments.segments import Segments
from flywheel_assets.segments.session_clusters import session_clusters
from flywheel_assets.segments.visit_features import visit_features
from flywheel_assets.sessions.reviewed_labels import ReviewedLabels
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.sessions.trimmed_sessions import TABLE as TRIMMED_SESSIONS
from flywheel_assets.tables.columns import SESSION_ID, USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.training.corrected_labels import corrected_labels
from flywheel_assets.training.labels import Labels, Warn, counted, order_in_use, order_of_tiers
from flywheel_assets.training.own_labels import OwnLabels
from flywheel_assets.training.segment_labels import segment_labels
from flywheel_assets.training.tier_files import SEGMENT_LABELS
from flywheel_assets.training.training_data import in_labelled_intervals

INTERVAL_START = Column("interval_start", "string", "The key of the interval: its first day.")

TABLE = Table(
    "session_labels",
    "session",
    "Sessions to train on: a team's own labels, else those of the sessions' clusters.",
    (TRIMMED_SESSIONS, cluster_centers.TABLE),
    (
        SESSION_ID,
        USER_ID,
        INTERVAL_START,
        Column("session_quality_label", "string", "The label to learn, null where nobody labelled."),
    ),
)


def intervals_to_label(flywheel: Flywheel, first: str | None, last: str | None) -> list[Interval]:
    """The intervals of a range of keys: by default from the first to the last that has trimmed_sessions.

    Raises SettingsError for a key that is no interval, NotMaterializedError when no interval was run."""
    made = materialized_intervals(flywheel, first, last)
    return intervals_between(flywheel, first or made[0].key, last or made[-1].key)


def session_labels(flywheel: Flywheel, intervals: list[Interval], warn: Warn) -> Labels:
    """The intervals' trimmed sessions with their ``session_quality_label``: a team's own where there are any, null for
    the sessions that it did not label, else those of the segments, corrected by what a person reviewed. Raises
    LabelError where labels are missing or don't fit, and NotMaterializedError for an interval that was not run."""
    own, folder = OwnLabels(flywheel.settings.labels_dir), flywheel.settings.labels_dir
    answers = ReviewedLabels(folder).read() if own.only_reviewed else None
    if answers is not None and SegmentFiles(flywheel.warehouse).report() is not None:
        labels = corrected_labels(labels_from_segments(flywheel, intervals), answers, warn)
        order_in_use(flywheel, SESSION_MODEL, labels.rows["session_quality_label"].dropna())
        return labels
    given = own.sessions()
    if given is not None and not (own.only_reviewed and given.empty):
        return own_session_labels(flywheel, intervals, given, warn)
    return labels_from_segments(flywheel, intervals)


def own_session_labels(flywheel: Flywheel, intervals: Sequence[Interval], labels: pd.DataFrame, warn: Warn) -> Labels:
    """All sessions of those intervals of the range in which a team labelled some. ``labels``: as
    :meth:`OwnLabels.sessions`.

    ``warn`` is told of labels of unknown sessions. Raises LabelError when none of the labelled sessions is in the
    range, and for a label that no order knows."""
    folder = flywheel.settings.labels_dir
    sessions = pd.concat([trimmed(flywheel, interval) for interval in intervals], ignore_index=True)
    rows = in_labelled_intervals(sessions.merge(labels, on="session_id", how="left"), SESSION_MODEL.label)
    given = rows["session_quality_label"].dropna()
    unknown = f"{len(labels) - len(given):,} of {len(labels):,} labelled sessions in {folder / 'sessions'} are unknown"
    where = f"from {intervals[0].key} to {intervals[-1].key} no such session is in trimmed_sessions"
    if rows.empty:
        raise LabelError(f"{unknown}: {where}. Give the range that they belong to; session ids are matched exactly")
    if len(given) < len(labels):
        warn(f"{unknown}: {where}")
    source = f"a team's own labels of {counted(rows, SESSION_MODEL)}"
    return Labels(rows, order_in_use(flywheel, SESSION_MODEL, given), source)


def labels_from_segments(flywheel: Flywheel, intervals: Sequence[Interval]) -> Labels:
    """The range's sessions, labelled by their cluster, which is that of session_clusters, of the same function, whether
    that table is there or not.

    Raises LabelError when sessions have no labels and for a file of tiers that doesn't fit, NotMaterializedError."""
    folder = flywheel.settings.labels_dir
    if SegmentFiles(flywheel.warehouse).report() is None:
        raise LabelError(
            f"no session has a label: put parquet with session_id and session_quality_label into "
            f"{folder / 'sessions'}, or fit segments, from which labels are proposed: flywheel segments fit"
        )
    segments = segments_in_use(flywheel.warehouse)
    path, order = folder / SEGMENT_LABELS, order_of_tiers(flywheel, SESSION_MODEL)
    sessions = pd.concat([_clustered(flywheel, segments, interval) for interval in intervals], ignore_index=True)
    if sessions.empty:
        raise LabelError(f"from {intervals[0].key} to {intervals[-1].key} there are no sessions: use another range")
    found = segment_labels(sessions, flywheel.feature_names, segments, order, path)
    sessions["session_quality_label"] = sessions["cluster"].map(found.labels)
    return Labels(
        sessions,
        order,
        f"segments {segments.version}, {len(segments.ids)} clusters, by {path.name}",
        found.name,
        found.tiers(),
        path,
        (segments.outcome,) if segments.outcome in flywheel.feature_names else (),
    )


def trimmed(flywheel: Flywheel, interval: Interval) -> pd.DataFrame:
    """``session_id``, ``user_id``, ``interval_start`` and the features of the interval's trimmed sessions.

    Raises NotMaterializedError."""
    wanted = trimmed_sessions(flywheel, interval).select("session_id", "user_id", *flywheel.feature_names)
    frame: pd.DataFrame = flywheel.engine.collect(wanted).to_pandas()
    frame.insert(2, "interval_start", interval.key)
    return frame


def _clustered(flywheel: Flywheel, segments: Segments, interval: Interval) -> pd.DataFrame:
    """As :func:`trimmed`, with ``cluster`` and ``converted``, null without an outcome."""
    features = flywheel.feature_names
    visits = visit_features(trimmed_sessions(flywheel, interval), features)
    rows = flywheel.engine.collect(visits).combine_chunks()
    clusters = session_clusters(segments, pa.RecordBatch.from_struct_array(rows.to_struct_array().combine_chunks()))
    frame: pd.DataFrame = rows.select(["session_id", "user_id", *features]).to_pandas()
    frame.insert(2, "interval_start", interval.key)
    return frame.assign(cluster=clusters["cluster"].to_numpy(), converted=clusters["converted"].to_pandas())
