"""Candidate and champion on the candidate's holdout: sessions and users whose labels are known, and which the candidate
was not trained on; where the champion was, that is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bootstrap import RESAMPLES
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.comparison import Flips, Level, OnHoldout, paired_metrics
from flywheel_assets.registry.files import HOLDOUT_SESSIONS, HOLDOUT_USERS
from flywheel_assets.registry.scorer import Scorer, session_scorer, user_scorer
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.labelled import SIMULATED

SEED = 1
"""Of the draws of users: the same comparison says the same twice."""

_KEYS = ["user_id", "interval_start"]


@dataclass(frozen=True)
class Holdout:
    """``sessions``: ``session_id``, ``user_id``, ``interval_start`` (the interval's key), features float64 and
    ``session_quality_label``, null where nobody labelled: such a session counts in the shares of its user alone.
    ``users``: ``user_id``, ``interval_start`` and ``user_flywheel_label``, a row a user and interval. Only users with
    sessions count."""

    sessions: pd.DataFrame
    users: pd.DataFrame

    @classmethod
    def read(cls, directory: Path) -> "Holdout":
        """The holdout beside a candidate. Raises ArtefactError when it is missing, lacks a column or has no label."""
        tables = []
        for name, label in ((HOLDOUT_SESSIONS, "session_quality_label"), (HOLDOUT_USERS, "user_flywheel_label")):
            path = directory / name
            if not path.is_file():
                raise ArtefactError(f"{path} is missing, so there is no truth to compare with; train that bundle again")
            try:
                table = pd.read_parquet(path)
            except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
                raise ArtefactError(f"{path} cannot be read ({str(error).splitlines()[0]}); train again") from None
            missing = [column for column in (*_KEYS, label) if column not in table]
            if missing or table[label].isna().all():
                found = f"no column {', '.join(missing)}" if missing else "no row with a label"
                raise ArtefactError(f"{path} has {found}; expected {', '.join(_KEYS)} and {label}; train again")
            tables.append(table.assign(interval_start=table["interval_start"].astype(str)))
        return cls(*tables)


class Models:
    """The two models of a bundle, ready to score rows that are at hand. ``compiled_dir``: where compiled scorers go if
    the bundle's folder is read-only."""

    def __init__(self, bundle: ModelBundle, compiled_dir: Path) -> None:
        self.bundle = bundle
        self.session: Scorer = session_scorer(bundle, compiled_dir)
        self.user: Scorer = user_scorer(bundle, compiled_dir)


@dataclass(frozen=True)
class Scored:
    """A holdout as one bundle sees it: probabilities [n, C] of its sessions, and of ``users``, in its order of labels.
    The user model is given the shares of its own session model's labels."""

    sessions: npt.NDArray[np.float32]
    users: npt.NDArray[np.float32]
    session_labels: npt.NDArray[np.object_]
    user_labels: npt.NDArray[np.object_]


def scored(models: Models, holdout: Holdout) -> Scored:
    """Raises ArtefactError when the holdout has no column for a feature, or one with nulls or infinite values."""
    features = models.session.features
    missing = [name for name in features if name not in holdout.sessions]
    if missing:
        raise ArtefactError(f"the holdout has no column {', '.join(missing)}, which {models.session.version} needs")
    try:
        label, sessions = models.session.score(holdout.sessions[list(features)].to_numpy(np.float64))
    except ValueError as error:
        raise ArtefactError(f"the holdout has {error}") from None
    labels = np.array(models.session.labels, object)[label]
    shares = user_shares(holdout.sessions, labels, models.session.labels)
    rows = shares.loc[pd.MultiIndex.from_frame(known_users(holdout)[_KEYS]), list(models.user.features)]
    user_label, users = models.user.score(rows.to_numpy(np.float64))
    return Scored(sessions, users, labels, np.array(models.user.labels, object)[user_label])


def user_shares(sessions: pd.DataFrame, labels: npt.NDArray[np.object_], order: Sequence[str]) -> pd.DataFrame:
    """The table `user_distributions` of every interval at once: ``share_<label>`` of each label of ``order``, by
    ``user_id`` and ``interval_start`` as the index. ``labels``: one a session."""
    counted = pd.DataFrame({share_column(name): labels == name for name in order}, index=sessions.index)
    return counted.groupby([sessions[key] for key in _KEYS], sort=False).mean()


def known_users(holdout: Holdout) -> pd.DataFrame:
    """The users with a label and sessions to be labelled by."""
    return holdout.users.merge(holdout.sessions[_KEYS].drop_duplicates(), on=_KEYS)


def on_holdout(champion: Models, candidate: Models, holdout: Holdout) -> tuple[list[OnHoldout], list[Flips]]:
    """The figures of sessions and of users, and the flips in every interval of the holdout; no flips where the champion
    cannot score it. Raises ArtefactError when the candidate cannot, or doesn't know a label of the truth."""
    users = known_users(holdout)
    if users.empty:
        raise ArtefactError("no user of the holdout has both sessions and a label; train that bundle again")
    new = scored(candidate, holdout)
    try:
        old, problem = scored(champion, holdout), ""
    except ArtefactError as error:
        old, problem = None, str(error)
    session, user = (
        (candidate.bundle["session"], champion.bundle["session"]),
        (candidate.bundle["user"], champion.bundle["user"]),
    )
    given = holdout.sessions["session_quality_label"].notna().to_numpy()
    sessions, of_new, of_old = holdout.sessions[given], new.sessions[given], old.sessions[given] if old else None
    session_truth, user_truth = sessions["session_quality_label"], users["user_flywheel_label"]
    figures = [
        _figures("sessions", session_truth, sessions, session, of_new, of_old, problem),
        _figures("users", user_truth, users, user, new.users, old.users if old else None, problem),
    ]
    if old is None:
        return figures, []
    return figures, [
        *_flips("sessions", holdout.sessions, old.session_labels, new.session_labels),
        *_flips("users", users, old.user_labels, new.user_labels),
    ]


def remarks(champion: ModelBundle, holdout: Holdout) -> list[str]:
    """What a reader of the figures has to know, in a sentence each: that the champion learnt from intervals of the
    holdout, if its manifest says so. That of an adopted bundle says nothing."""
    training = champion.training
    learnt = set(training.get("intervals", ())) - set(training.get("validation_intervals", ()))
    intervals = set(holdout.sessions["interval_start"])
    both = learnt & intervals
    if not both or training.get("source") == SIMULATED:
        return []
    return [
        f"the champion learnt from {len(both)} of the holdout's {len(intervals)} intervals, so its figures are too good"
    ]


def _figures(
    level: Level,
    truth: "pd.Series[str]",
    rows: pd.DataFrame,
    models: tuple[ModelInfo, ModelInfo],
    new: npt.NDArray[np.float32],
    old: npt.NDArray[np.float32] | None,
    problem: str,
) -> OnHoldout:
    """``models``: candidate and champion, who gave the probabilities ``new`` and ``old``."""
    candidate, champion = models
    true = pd.Index(candidate.labels).get_indexer(pd.Index(truth))
    if (true < 0).any():
        unknown = ", ".join(sorted(map(str, set(truth[true < 0]))))
        raise ArtefactError(f"{level} of the holdout have labels that the candidate doesn't know: {unknown}")
    if old is not None and set(champion.labels) != set(candidate.labels):
        problem = f"the champion's labels are {', '.join(champion.order)}, the candidate's {', '.join(candidate.order)}"
    if old is not None and not problem:
        old = old[:, [champion.labels.index(label) for label in candidate.labels]]
    user, different = pd.factorize(rows["user_id"])
    metrics = paired_metrics(true, new, None if problem else old, user, RESAMPLES, SEED)
    return OnHoldout(level, len(rows), len(different), metrics, problem)


def _flips(
    level: Level, rows: pd.DataFrame, before: npt.NDArray[np.object_], after: npt.NDArray[np.object_]
) -> Iterator[Flips]:
    """One an interval, oldest first."""
    named = pd.DataFrame({"before": before, "after": after}, dtype=str)
    for interval, labels in named.groupby(rows["interval_start"].to_numpy()):
        counted = labels.groupby(["before", "after"]).size().reset_index(name="count")
        pairs = zip(counted["before"], counted["after"], counted["count"].tolist(), strict=True)
        yield Flips(level, str(interval), False, tuple(pairs))
