"""What a candidate learns from: the labelled sessions and users of a range of intervals, or of a parquet file."""

from dataclasses import replace
from pathlib import Path

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.ranges import intervals_to_run
from flywheel_assets.training.label_rows import (
    Labelling,
    Warn,
    counted,
    labels_from_mixes,
    labels_from_segments,
    log_warning,
    own_session_labels,
    own_user_labels,
)
from flywheel_assets.training.labelled import LabelledData
from flywheel_assets.training.labelled_data import labelled_data
from flywheel_assets.training.labelled_file import rows_of_file
from flywheel_assets.training.own_labels import OwnLabels


def labelled_range(flywheel: Flywheel, first: str | None, last: str | None, warn: Warn = log_warning) -> LabelledData:
    """The labelled data of the intervals from key ``first`` to key ``last``, by default from the first with data to the
    last closed one. ``warn`` is told of labels that could not be used.

    Raises LabelError where labels are missing or don't fit, NotMaterializedError for an interval that was not run, and
    SettingsError for a key that is no closed interval."""
    sessions = session_labels(flywheel, intervals_to_run(flywheel, first, last, flywheel.now()), warn)
    return _joined(flywheel, sessions, user_labels(flywheel, sessions, warn))


def labelled_file(flywheel: Flywheel, path: Path, warn: Warn = log_warning) -> LabelledData:
    """The labelled data of one parquet file: ``session_id``, ``user_id``, the features, ``session_quality_label`` and,
    where users are labelled too, ``user_flywheel_label``. A session's interval follows from its id; none is trimmed.
    Rows without a session label count as the unlabelled sessions of a range do.

    Raises LabelError for a file that cannot be used."""
    rows = rows_of_file(flywheel, path, warn)
    some = rows.sessions["session_quality_label"].isna().any()
    source = f"the labels in {path.name}" + (f", of {counted(rows.sessions)}" if some else "")
    sessions = Labelling(rows.sessions, rows.session_order, source)
    if rows.users is None:
        return _joined(flywheel, sessions, user_labels(flywheel, sessions, warn))
    return _joined(flywheel, sessions, Labelling(rows.users, rows.user_order, f"the users' in {path.name}"))


def session_labels(flywheel: Flywheel, intervals: list[Interval], warn: Warn) -> Labelling:
    """The intervals' trimmed sessions with their ``session_quality_label``: a team's own where there are any, null for
    the sessions that it did not label, else those of the segments. Raises as :func:`labelled_range`."""
    own = OwnLabels(flywheel.settings.labels_dir).sessions()
    if own is not None:
        return own_session_labels(flywheel, intervals, own, warn)
    return labels_from_segments(flywheel, intervals)


def user_labels(flywheel: Flywheel, sessions: Labelling, warn: Warn) -> Labelling:
    """The users and intervals of ``sessions`` with their ``user_flywheel_label``: a team's own where there are
    any, else those of the mixes of their sessions' labels. Raises as :func:`labelled_range`."""
    own = OwnLabels(flywheel.settings.labels_dir).users()
    if own is not None:
        return own_user_labels(flywheel, sessions.rows, own, warn)
    return labels_from_mixes(flywheel, sessions)


def _joined(flywheel: Flywheel, sessions: Labelling, users: Labelling) -> LabelledData:
    data = labelled_data(
        sessions.rows,
        users.rows,
        flywheel.models["session"].features,
        (sessions.order, users.order),
        f"sessions: {sessions.source}; users: {users.source}",
        sessions.outcome_features,
    )
    by_cluster = {"sessions": sessions.file, "users": users.file}
    return replace(data, from_clusters=tuple(what for what, file in by_cluster.items() if file))
