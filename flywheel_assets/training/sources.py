"""What a candidate can be trained on, for `flywheel models train` and the asset `trained_candidate`; and the training
with its record in MLflow. Knows nothing of Dagster."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.promotion import install
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training.candidate_record import record_of
from flywheel_assets.training.candidates import Candidate, Sections, train_candidate
from flywheel_assets.training.card import features_section
from flywheel_assets.training.labels import Labels, Warn, log_warning
from flywheel_assets.training.labels_file import labels_of_file
from flywheel_assets.training.network import Log
from flywheel_assets.training.network_grid import GRID, QUICK_GRID
from flywheel_assets.training.session_labels import intervals_to_label, session_labels
from flywheel_assets.training.tracking import track
from flywheel_assets.training.training_data import TrainingData, training_data
from flywheel_assets.training.user_labels_for_training import user_labels
from flywheel_assets.users.user_model import USER_MODEL

DEFAULT_SEED = 2024


@dataclass(frozen=True)
class Source:
    """The data, the command that a person types to train on them again, but for the seed, and the sections that the
    card has more because of them."""

    data: TrainingData
    command: str
    sections: Sections = lambda trained: ()


def range_source(flywheel: Flywheel, first: str | None, last: str | None, warn: Warn = log_warning) -> Source:
    """The labelled sessions of the intervals from key ``first`` to key ``last``, by default from the first to the last
    that was run. ``warn`` gets what is wrong with labels that could not be used.

    Raises LabelError where labels are missing or don't fit, NotMaterializedError for an interval that was not run, and
    SettingsError for a key that is no interval."""
    sessions = session_labels(flywheel, intervals_to_label(flywheel, first, last), warn)
    data = _joined(flywheel, sessions, user_labels(flywheel, sessions, warn))
    command = f"flywheel models train --from {data.intervals[0]} --to {data.intervals[-1]}"
    return Source(data, command, _described(flywheel))


def file_source(flywheel: Flywheel, path: Path, warn: Warn = log_warning) -> Source:
    """The labelled sessions of a parquet file, as :func:`labels_of_file` takes it. Raises LabelError."""
    sessions, users = labels_of_file(flywheel, path, warn)
    data = _joined(flywheel, sessions, users or user_labels(flywheel, sessions, warn))
    return Source(data, f"flywheel models train --labelled {shlex.quote(str(path))}", _described(flywheel))


def train_and_track(
    models_dir: Path, source: Source, seed: int, log: Log, quick: bool = False
) -> tuple[Candidate, str | None]:
    """The candidate, and the MLflow run that records it, if it is tracked. ``quick``: of few networks."""
    command, now = f"{source.command}{' --quick' if quick else ''} --seed {seed}", datetime.now(UTC)
    grid = QUICK_GRID if quick else GRID
    candidate = train_candidate(models_dir, source.data, command, seed, log, grid, source.sections, now)
    return candidate, track(record_of(candidate), models_dir.parent, log)


def train_models_folder(directory: Path, source: Source, seed: int, log: Log) -> ModelBundle:
    """A bundle in ``directory`` itself, in place of the one there; no candidate, and not tracked."""
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        command, now = f"{source.command} --seed {seed}", datetime.now(UTC)
        candidate = train_candidate(Path(folder), source.data, command, seed, log, sections=source.sections, now=now)
        return install(candidate.bundle, directory)


def _described(flywheel: Flywheel) -> Sections:
    section = features_section(flywheel.features)
    return lambda trained: (section,)


def _joined(flywheel: Flywheel, sessions: Labels, users: Labels) -> TrainingData:
    rows = sessions.to_train(SESSION_MODEL, flywheel.feature_names), users.to_train(USER_MODEL)
    return training_data(rows, f"sessions: {sessions.source}; users: {users.source}")
