"""A labelled parquet file: the sessions that can be learnt from, and their users' labels."""

from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from pyarrow import ArrowInvalid

from flywheel_assets.errors import LabelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.landing import rows as landed
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training.labels import Labels, Warn, counted, order_in_use
from flywheel_assets.training.training_data import in_labelled_intervals
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets.warehouse.engine import parquet_schema


def labels_of_file(flywheel: Flywheel, path: Path, warn: Warn) -> tuple[Labels, Labels | None]:
    """The sessions of ``path``, and their users, None when it has none labelled. The file has ``session_id``,
    ``user_id``, the features, ``session_quality_label`` and, where users are labelled too, ``user_flywheel_label``.
    Sessions have valid features and intervals with labelled ones; their label may be null. The interval of a session
    follows from its start, as when it lands; none is trimmed. ``warn`` gets the number of rows that cannot be used.

    Raises LabelError for a file that cannot be read, lacks a column, has no row to learn from, labels a session
    twice or a user differently within an interval, and for a label that no order knows."""
    features = flywheel.feature_names
    rules = flywheel.landing.rules
    table = _read(flywheel, path, (*rules.needed, "session_quality_label"))
    label_columns = [c for c in ("session_quality_label", "user_flywheel_label") if c in table.columns]
    texts = dict.fromkeys(("session_id", "user_id", *label_columns), "string")
    typed = landed.canonical(table, features).cast(texts)
    typed = landed.started(typed, rules.session_id_pattern, rules.time_column)
    valid = landed.valid_rows(typed, flywheel.minimums)
    kept = valid.filter(valid.timestamp_unix.notnull())
    sessions = flywheel.engine.collect(
        kept.select("session_id", "user_id", *features, *label_columns, "timestamp_unix")
    ).to_pandas()
    sessions["interval_start"] = _intervals(flywheel, sessions["timestamp_unix"].to_numpy(np.int64))
    sessions = sessions.dropna(subset=["interval_start"], ignore_index=True)
    rows, usable = flywheel.figures(table, {"rows": table.count()})["rows"], len(sessions)
    sessions = in_labelled_intervals(sessions, SESSION_MODEL.label)
    if sessions.empty:
        raise LabelError(
            f"{path}: of {rows:,} rows, none can be learnt from; expected session_quality_label, starts in an "
            f"interval, and finite features. Look with: flywheel check {path}"
        )
    if usable < rows:
        warn(f"{path}: {rows - usable:,} of {rows:,} rows have no interval or no usable feature")
    twice = sessions["session_id"].duplicated()
    if twice.any():
        raise LabelError(
            f"{path} has {twice.sum():,} sessions more than once, such as {sessions['session_id'][twice].iloc[0]}; "
            "expected one row each"
        )
    order = order_in_use(flywheel, SESSION_MODEL, sessions["session_quality_label"].dropna())
    some = sessions["session_quality_label"].isna().any()
    source = f"the labels in {path.name}" + (f", of {counted(sessions, SESSION_MODEL)}" if some else "")
    return Labels(sessions, order, source), _users(flywheel, path, sessions)


def _read(flywheel: Flywheel, path: Path, needed: tuple[str, ...]) -> ir.Table:
    expected = "expected a parquet file of labelled sessions"
    if not path.exists():
        raise LabelError(f"there is no file {path}; {expected}")
    try:
        parquet_schema(path)
    except (OSError, ArrowInvalid):
        raise LabelError(f"{path} is not a parquet file; {expected}") from None
    try:
        table = flywheel.engine.read([path])
    except flywheel.engine.read_errors as error:
        raise LabelError(f"{path} cannot be read: {str(error).splitlines()[0]}; {expected}") from None
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise LabelError(
            f"{path} has no column {', '.join(missing)}; expected {', '.join(needed)} and, where users are labelled "
            f"too, user_flywheel_label; found: {', '.join(table.columns)}"
        )
    texts = [name for name in flywheel.feature_names if not table[name].type().is_numeric()]
    if texts:
        raise LabelError(f"{path} has {', '.join(texts)} of {table[texts[0]].type()}; features are numbers")
    return table


def _intervals(flywheel: Flywheel, unix: np.ndarray) -> pd.Series:
    """The key of the interval of each instant; null outside of the calendar."""
    intervals = list(flywheel.calendar)
    position = np.searchsorted([i.start_unix for i in intervals], unix, "right") - 1
    inside = (position >= 0) & (unix < intervals[-1].end_unix)
    return pd.Series(np.array([i.key for i in intervals], dtype=object)[position]).where(inside)


def _users(flywheel: Flywheel, path: Path, sessions: pd.DataFrame) -> Labels | None:
    if "user_flywheel_label" not in sessions or sessions["user_flywheel_label"].isna().all():
        return None
    labelled = sessions.dropna(subset=["user_flywheel_label"])
    users = labelled[["user_id", "interval_start", "user_flywheel_label"]].drop_duplicates(ignore_index=True)
    twice = users[users.duplicated(["user_id", "interval_start"])]
    if len(twice):
        one = twice.iloc[0]
        raise LabelError(
            f"{path} labels user {one.user_id} differently within interval {one.interval_start} "
            f"({len(twice):,} such users and intervals); expected one user_flywheel_label per user and interval"
        )
    order = order_in_use(flywheel, USER_MODEL, users["user_flywheel_label"])
    return Labels(users, order, f"the users' in {path.name}")
