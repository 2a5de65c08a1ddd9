"""Training a candidate: from labelled rows to a bundle in ``candidates/<version>/``. The champion is not touched.

Two simultaneous trainings end in separate folders; if both give the same version, they end in one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flywheel_assets.errors import TrainingError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.holdout import user_shares
from flywheel_assets.registry.originals import Originals
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.candidate_files import shelved, staged, writable, write_bundle, write_holdout
from flywheel_assets.training.candidate_models import ModelFigures, TrainedModel, train_model
from flywheel_assets.training.mix_tiers import reversals
from flywheel_assets.training.network import Log
from flywheel_assets.training.network_grid import GRID, Grid, Task, with_stopping
from flywheel_assets.training.trainable import check_trainable
from flywheel_assets.training.training_data import LabelledRows, TrainingData

_KEYS = ["interval_start", "user_id"]

Sections = Callable[[Mapping[str, TrainedModel]], Sequence[str]]
"""Further sections of the card, as Markdown, from what was trained."""


@dataclass(frozen=True)
class Candidate:
    """A bundle in its folder, and how each of its models was made. ``training`` is the manifest's account of that."""

    bundle: ModelBundle
    figures: Mapping[str, ModelFigures]
    training: dict[str, Any]


def train_candidate(
    models_dir: Path,
    data: TrainingData,
    command: str,
    seed: int,
    log: Log,
    grid: Grid = GRID,
    sections: Sections = lambda trained: (),
    now: datetime | None = None,
) -> Candidate:
    """Fits every model on the training intervals of ``data`` and writes the bundle, with its card, pictures and
    holdout. Rows without a label count only in the shares of users, in the baseline and in the holdout. The same data
    and seed give the same version on the same machine; one that is there already stays.

    ``command`` is what a person types to do it again, ``log`` gets a line per epoch and step, ``now`` is noted in the
    manifest. Raises TrainingError for data that cannot be learnt from and for a folder that cannot be written to;
    nothing is left behind then."""
    folder = writable(models_dir / CANDIDATES)
    for one in data.models.values():  # the labels of all, before the first is fitted
        rows = one.rows
        if one.spec.shares_of is not None:
            rows = _with_labels(data[one.spec.shares_of].rows[[*_KEYS, "part"]].drop_duplicates(), one)
        fitted = with_stopping(rows.dropna(subset=[one.spec.label]), seed)
        check_trainable(one.spec.rows, fitted, one.spec.label, one.order, () if one.spec.shares_of else one.features)

    trained: dict[str, TrainedModel] = {}
    warnings: list[str] = []
    for name, one in data.models.items():
        rows = one.rows
        if one.spec.shares_of is not None:
            rows = _with_labels(_shares(trained[one.spec.shares_of]), one)
        fitted = with_stopping(rows.dropna(subset=[one.spec.label]), seed)
        check_trainable(one.spec.rows, fitted, one.spec.label, one.order, one.features)
        span = f"{data.intervals[0]} to {data.intervals[-1]}"
        log(f"{len(fitted):,} of {len(rows):,} {one.spec.rows} have a label, {span}; labels: {data.source}")
        task = Task(one.spec, one.order, one.features)
        model, figures = train_model(task, fitted, one.outcome_features, grid, seed, log)
        trained[name] = TrainedModel(task, model, figures, rows, fitted)
        if one.spec.shares_of is not None:
            mixes = rows[[share_column(label) for label in data[one.spec.shares_of].order]].to_numpy(np.float64)
            warnings += filter(None, [reversals(predicted_labels(model, rows), one.order, mixes)])

    training = {
        "command": command,
        "trained_at": now.isoformat(timespec="seconds") if now else None,
        "seed": seed,
        "source": data.source,
        "from_clusters": list(data.from_clusters),
        "reviewed": data.reviewed,
        "intervals": list(data.intervals),
        "validation_intervals": sorted(
            {key for one in trained.values() for key in _validation(one.fitted)["interval_start"]}
        ),
        "fingerprint": data.fingerprint,
        "warnings": warnings,
        "rows": _sizes(trained.values()),
        "figures": {name: _in_manifest(one.figures) for name, one in trained.items()},
    }
    with staged(folder) as staging:
        bundle = write_bundle(staging, trained, training, sections(trained))
        for result in trained.values():
            write_holdout(staging, result)
        home = shelved(staging, folder / bundle.version)
    return Candidate(ModelBundle.open(home), {name: one.figures for name, one in trained.items()}, training)


def predicted_labels(model: Originals, rows: pd.DataFrame) -> np.ndarray:
    """The model's label of each row of a table with its features."""
    probabilities = model.probabilities(rows[list(model.features)].to_numpy(np.float64))
    return np.array(model.labels, dtype=object)[probabilities.argmax(axis=1)]


def _shares(base: TrainedModel) -> pd.DataFrame:
    """``share_<label>`` of the labels that the model predicts, with ``part``; one row per user and interval."""
    shares = user_shares(base.rows, predicted_labels(base.model, base.rows), base.task.order).reset_index()
    parts = base.rows[[*_KEYS, "part"]].drop_duplicates()
    return shares.merge(parts, on=_KEYS).sort_values(_KEYS, ignore_index=True)


def _with_labels(rows: pd.DataFrame, labels: LabelledRows) -> pd.DataFrame:
    """The users and intervals with their labels, null where there is none."""
    if labels.rows.duplicated(_KEYS).any():
        twice = labels.rows[labels.rows.duplicated(_KEYS)].iloc[0]
        raise TrainingError(
            f"the user {twice['user_id']} has two labels in interval {twice['interval_start']}; expected one"
        )
    return rows.merge(labels.rows[[*_KEYS, labels.spec.label]], on=_KEYS, how="left")


def _in_manifest(figures: ModelFigures) -> dict[str, Any]:
    """The network's evaluation, and the rest."""
    evaluation = figures.network.evaluation
    return {**asdict(evaluation), "macro_f1": evaluation.macro_f1, "figures": asdict(figures)}


def _validation(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["part"] == "validation"]


def _sizes(trained: Any) -> dict[str, int]:
    return {
        f"{part} {one.task.spec.rows}": int((one.fitted["part"] == part).sum())
        for part in ("training", "stopping", "validation")
        for one in trained
    }
