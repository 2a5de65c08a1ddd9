"""The whole path once more, in plain pandas with the original Keras models: what `flywheel run` must have written.

Shares no code with flywheel_assets, and is as slow and as plain as it likes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Classifier:
    """A scaler, a network and an encoder as training saved them."""

    scaler: object
    network: object
    labels: list[str]
    version: str

    @classmethod
    def load(cls, models: Path, network: str, part: str, version: str) -> "Classifier":
        import keras

        labels = joblib.load(models / f"label_encoder_{part}.pkl").classes_.tolist()
        scaler = joblib.load(models / f"minmax_scaler_{part}.pkl")
        return cls(scaler, keras.models.load_model(models / network), labels, version)

    @property
    def features(self) -> list[str]:
        return list(self.scaler.feature_names_in_)

    def labelled(self, frame: pd.DataFrame, label_column: str, version_column: str) -> pd.DataFrame:
        probabilities = np.empty((0, len(self.labels)), "float32")
        if len(frame):
            probabilities = self.network.predict(self.scaler.transform(frame[self.features]), verbose=0)
        found = frame.reset_index(drop=True)
        found[label_column] = np.array(self.labels, object)[probabilities.argmax(axis=1)]
        for i, label in enumerate(self.labels):
            found[column("probability", label)] = probabilities[:, i]
        return found.assign(**{version_column: self.version})


def column(prefix: str, label: str) -> str:
    return f"{prefix}_{label.lower().replace(' ', '_')}"


def start_of(session_id: object) -> int | None:
    """Unix seconds: the last run of digits, if it is 10 long, or its first 10 if it is 13 long."""
    runs = re.findall(r"[0-9]+", session_id) if isinstance(session_id, str) else []
    return int(runs[-1][:10]) if runs and len(runs[-1]) in (10, 13) else None


def within(files: Sequence[pd.DataFrame], start: int, end: int) -> list[pd.DataFrame]:
    """The rows that begin in [start, end) of the files that have any; where none has, no row of the last file."""
    here = []
    for file in files:
        unix = file.assign(timestamp_unix=[start_of(session) for session in file.session_id]).timestamp_unix
        here.append(file[(unix >= start) & (unix < end)])
    return [rows for rows in here if len(rows)] or here[-1:]


def landed(files: Sequence[pd.DataFrame], features: Sequence[str]) -> pd.DataFrame:
    """Valid rows of ``files``, the winner last, one per session, with their start."""
    rows = pd.concat(files, ignore_index=True)
    rows["timestamp_unix"] = [start_of(session) for session in rows.session_id]
    numbers = rows[list(features)].astype("float64")
    valid = rows.timestamp_unix.notna() & np.isfinite(numbers).all(axis=1) & (numbers >= 0).all(axis=1)
    for name in ("session_id", "user_id"):
        valid &= rows[name].notna() & (rows[name].fillna("").str.strip() != "")
    return rows[valid].drop_duplicates("session_id", keep="last").astype({"timestamp_unix": "int64"})


def trimmed(sessions: pd.DataFrame, features: Sequence[str], quantile: float) -> pd.DataFrame:
    """Without the sessions above a feature's quantile; all of too few, and not by a feature whose value just below the
    quantile is its least."""
    if len(sessions) < ceil(round(1 / (1 - quantile), 6)):
        return sessions
    outlier = np.zeros(len(sessions), bool)
    for feature in features:
        values = sessions[feature].to_numpy("float64")
        ordered = sorted(values)
        rank = (len(values) - 1) * Fraction(str(quantile))
        below, above = ordered[floor(rank)], ordered[ceil(rank)]
        if below > ordered[0]:
            outlier |= values > below + float(rank - floor(rank)) * (above - below)
    return sessions[~outlier]


def distributions(predictions: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    users = sorted(predictions.user_id.unique())
    counts = pd.crosstab(predictions.user_id, predictions.session_quality_label)
    counts = counts.reindex(index=users, columns=list(labels), fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0).set_axis([column("share", label) for label in labels], axis=1)
    return shares.assign(user_id=pd.Series(users, shares.index, object), sessions=counts.sum(axis=1)).reset_index(
        drop=True
    )


def transitions(now: pd.DataFrame, before: pd.DataFrame | None) -> dict[tuple[str, str], int]:
    """Users by (label before, label now)."""
    is_now = dict(zip(now.user_id, now.user_flywheel_label, strict=True))
    was = {} if before is None else dict(zip(before.user_id, before.user_flywheel_label, strict=True))
    moves: dict[tuple[str, str], int] = {}
    for user in {*is_now, *was}:
        move = was.get(user, "Absent"), is_now.get(user, "Absent")
        moves[move] = moves.get(move, 0) + 1
    return moves


def whole_path(
    files: Sequence[pd.DataFrame],
    first_days: Sequence[date],
    days: int,
    quantile: float,
    zone: ZoneInfo,
    session_model: Classifier,
    user_model: Classifier,
) -> Mapping[str, Tables]:
    """Every table of each interval, by its key, oldest first; intervals are bounded by midnights in UTC."""
    found: dict[str, Tables] = {}
    before = None
    for number, first_day in enumerate(first_days, start=1):
        start = int((first_day - date(1970, 1, 1)).total_seconds())
        dates = f"{first_day} - {first_day + timedelta(days=days - 1)}"
        inside = landed(within(files, start, start + days * 86400), session_model.features)
        sessions = inside.assign(timestamp_utc=pd.to_datetime(inside.timestamp_unix, unit="s", utc=True))
        kept = trimmed(sessions, session_model.features, quantile)
        predictions = session_model.labelled(kept, "session_quality_label", "session_model_version")
        mixes = distributions(predictions, session_model.labels)
        users = user_model.labelled(mixes, "user_flywheel_label", "user_model_version").drop(
            columns=[column("share", label) for label in session_model.labels]
        )
        walls = [datetime.fromtimestamp(unix, zone).replace(tzinfo=None) for unix in predictions.timestamp_unix]
        export = predictions.merge(users.drop(columns="sessions"), on="user_id", how="left").assign(
            timestamp_mst=pd.Series(walls, dtype="datetime64[ns]"), Interval=number, Interval_Dates=dates
        )
        moves = [
            {"From_Label": was, "To_Label": now, "User_Count": count}
            for (was, now), count in transitions(users, before).items()
        ]
        moved = pd.DataFrame(moves, columns=["From_Label", "To_Label", "User_Count"]).assign(
            From_Interval=None if before is None else number - 1, Interval=number, Interval_Dates=dates
        )
        found[first_day.isoformat()] = {
            "landed_sessions": sessions,
            "trimmed_sessions": kept,
            "session_predictions": predictions,
            "user_distributions": mixes,
            "user_labels": users,
            "enriched_export": export,
            "label_transitions": moved,
        }
        before = users
    return found
