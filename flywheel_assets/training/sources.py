"""What a candidate can be trained on, for `flywheel models train` and the asset `trained_candidate`; and the training
with its record in MLflow. Knows nothing of Dagster."""

import shlex
from collections.abc import Callable
from pathlib import Path

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.simulation.training_data import labelled_sample
from flywheel_assets.simulation.world import WORLD
from flywheel_assets.training.candidates import Candidate, train_candidate
from flywheel_assets.training.label_sources import labelled_file, labelled_range
from flywheel_assets.training.labelled import LabelledData
from flywheel_assets.training.tracking import track

DEFAULT_SEED = 2024

Say = Callable[[str], None]
Source = tuple[LabelledData, str]
"""The data, and the command that a person types to train on them again, but for the seed."""


def range_source(flywheel: Flywheel, first: str | None, last: str | None, warn: Say) -> Source:
    """The labelled sessions of a range of intervals. Raises as :func:`labelled_range`."""
    data = labelled_range(flywheel, first, last, warn)
    return data, f"flywheel models train --from {data.intervals[0]} --to {data.intervals[-1]}"


def file_source(flywheel: Flywheel, path: Path, warn: Say) -> Source:
    """The labelled sessions of a parquet file. Raises LabelError."""
    return labelled_file(flywheel, path, warn), f"flywheel models train --labelled {shlex.quote(str(path))}"


def sample_source(users: int, intervals: int, seed: int) -> Source:
    """Simulated sessions with their true labels."""
    data = labelled_sample(WORLD, users, intervals, seed)
    return data, f"flywheel models train --users {users} --intervals {intervals}"


def train_and_track(models_dir: Path, source: Source, seed: int, report: Say) -> tuple[Candidate, str | None]:
    """The candidate, and the MLflow run that records it, if it is tracked."""
    data, command = source
    candidate = train_candidate(models_dir, data, f"{command} --seed {seed}", seed, report)
    return candidate, track(candidate, models_dir, report)
