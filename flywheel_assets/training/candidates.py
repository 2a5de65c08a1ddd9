"""Training a candidate: from labelled data to a bundle in ``candidates/<version>/``. The champion is not touched.

Two trainings at once end in folders of their own; those that come to the same version end in one."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_assets.errors import TrainingError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import SESSION_FILES, USER_FILES
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.simulation.training_data import predicted_shares
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.candidate_files import shelved, staged, writable, write_bundle, write_holdout
from flywheel_assets.training.candidate_models import ModelFigures, train_model
from flywheel_assets.training.figures import baseline_of
from flywheel_assets.training.grid import GRID, Grid, Task, with_stopping
from flywheel_assets.training.labelled import LabelledData
from flywheel_assets.training.network import Report
from flywheel_assets.training.trainable import check_trainable
from flywheel_assets.training.training import predicted_labels


@dataclass(frozen=True)
class Candidate:
    """A bundle on its shelf, and how it came about. ``training`` is what its manifest says of that."""

    bundle: ModelBundle
    session: ModelFigures
    user: ModelFigures
    training: dict[str, Any]


def train_candidate(
    models_dir: Path, data: LabelledData, command: str, seed: int, report: Report, grid: Grid = GRID
) -> Candidate:
    """Fits both models on the training intervals of ``data`` and writes the bundle, with its card, pictures and
    holdout. Sessions without a label count in the mixes of users, in the baseline and in the holdout alone. The same
    data and seed give the same version on the same machine; one that is there already stays.

    ``command`` is what a person types to do it again, ``report`` gets a line an epoch and step. Raises TrainingError
    for data that cannot be learnt from and for a folder that cannot be written to; nothing is left behind then."""
    folder = writable(models_dir / CANDIDATES)
    sessions = with_stopping(data.sessions.dropna(subset=["session_quality_label"]), seed)
    session_task = Task(SESSION_FILES, "session_quality_label", data.session_order, data.features)
    check_trainable("sessions", sessions, session_task.label, session_task.order, session_task.features)
    share_columns = tuple(share_column(label) for label in data.session_order)
    user_task = Task(USER_FILES, "user_flywheel_label", data.user_order, share_columns)
    keys = ["interval_start", "user_id", "part"]
    users = with_stopping(_labelled(data.sessions[keys].drop_duplicates(), data), seed)
    check_trainable("users", users, user_task.label, user_task.order, ())

    counts = f"{len(sessions):,} of {len(data.sessions):,} sessions have a label"
    report(f"{counts}, by {data.source}; {data.intervals[0]} to {data.intervals[-1]}")
    session, session_figures = train_model(session_task, sessions, data.outcome_features, grid, seed, report)
    shares = predicted_shares(data.sessions, predicted_labels(session, data.sessions), data.session_order)
    labelled = with_stopping(_labelled(shares, data), seed)
    check_trainable("users", labelled, user_task.label, user_task.order, user_task.features)
    user, user_figures = train_model(user_task, labelled, (), grid, seed, report)

    training = {
        "command": command,
        "seed": seed,
        "source": data.source,
        "intervals": list(data.intervals),
        "validation_intervals": sorted(sessions.loc[_validates(sessions), "interval_start"].unique()),
        "fingerprint": data.fingerprint,
        "rows": _sizes(sessions, labelled),
        "session": _told(session_figures),
        "user": _told(user_figures),
    }
    baseline = baseline_of(
        session, user, _validation(data.sessions), _validation(shares), data.session_order, data.user_order
    )
    with staged(folder) as staging:
        bundle = write_bundle(staging, (session, user), (session_figures, user_figures), data, baseline, training)
        write_holdout(staging, _validation(data.sessions), _validation(labelled), data.features)
        home = shelved(staging, folder / bundle.version)
    return Candidate(ModelBundle.open(home), session_figures, user_figures, training)


def _told(figures: ModelFigures) -> dict[str, Any]:
    """The network's evaluation, as the shipped models' manifest has it, and the rest."""
    evaluation = figures.network.evaluation
    return {**asdict(evaluation), "macro_f1": evaluation.macro_f1, "figures": asdict(figures)}


def _labelled(rows: pd.DataFrame, data: LabelledData) -> pd.DataFrame:
    """Users and intervals with their labels, those without one left out."""
    keys = ["interval_start", "user_id"]
    if data.users.duplicated(keys).any():
        twice = data.users[data.users.duplicated(keys)].iloc[0]
        raise TrainingError(
            f"the user {twice['user_id']} has two labels in interval {twice['interval_start']}; expected one"
        )
    return rows.merge(data.users, on=keys)


def _validates(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["part"] == "validation"


def _validation(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[_validates(rows)].reset_index(drop=True)


def _sizes(sessions: pd.DataFrame, users: pd.DataFrame) -> dict[str, int]:
    return {
        f"{part} {name}": int((table["part"] == part).sum())
        for part in ("training", "stopping", "validation")
        for name, table in (("sessions", sessions), ("user intervals", users))
    }
