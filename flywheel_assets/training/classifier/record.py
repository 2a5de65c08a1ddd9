"""What MLflow records of a training of a classifier: the comparison as one run with a run per candidate below it, and
the model registered; and the training with its record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flywheel_assets.registry.files import HOLDOUT
from flywheel_assets.tables.labels import snake_case
from flywheel_assets.training.classifier.candidate import MODEL, ClassifierCandidate, train_classifier
from flywheel_assets.training.classifier.comparison import Log
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.tracking import Record, track

_NOT_FIGURES = ("candidate", "model", "strategy", "parameters", "calibration")


def train_and_track(
    task: ClassifierTask,
    examples: Examples,
    command: str,
    now: datetime,
    log: Log,
    threads: int,
    allowed: Sequence[str] = (),
) -> tuple[ClassifierCandidate, str | None]:
    """:func:`train_classifier`, and the MLflow run that records it, if it is tracked; ``log`` gets what was left out of
    the examples, too."""
    for note in examples.notes:
        log(note)
    candidate = train_classifier(task, examples, command, now, log, threads=threads, allowed=allowed)
    return candidate, track(record_of(task, candidate), task.records, log)


def record_of(task: ClassifierTask, candidate: ClassifierCandidate) -> Record:
    """Parameters and figures with their intervals, of the model and of the baselines, and the candidate's files but for
    the holdout, which holds users."""
    bundle, training = candidate.bundle, candidate.training
    info = bundle.classifiers[task.name]
    parameters = {
        "model": info.description,
        "horizon": info.horizon,
        "inputs": ", ".join(info.encoding.names),
        "calibration": info.calibration.method,
        "threshold": f"{info.threshold:.6g}",
        "threshold_rule": info.threshold_rule,
        "seed": training["seed"],
        "split": training["split"],
        **{f"rows.{part}": count for part, count in training["rows"].items()},
        **{f"positives.{part}": count for part, count in training["positives"].items()},
    }
    if training["intervals"]:
        parameters |= {
            "data.first_interval": training["intervals"][0],
            "data.last_interval": training["intervals"][-1],
            "data.learnt_to": info.learnt_to,
        }
    metrics: dict[str, float] = {}
    for way, figures in candidate.evaluation.figures.items():
        prefix = "" if way == MODEL else f"{snake_case(way.partition(':')[0])}."
        for name, one in figures.items():
            plain = f"{prefix}{snake_case(name.replace('%', 'percent'))}"
            metrics |= {plain: one.value, f"{plain}.low": one.low, f"{plain}.high": one.high}
    tags = {"version": bundle.version, "command": training["command"]}
    files = [path for path in sorted(bundle.directory.iterdir()) if path.is_file() and path.name != HOLDOUT]
    children = [_child(task, row) for row in candidate.comparison]
    return Record(task.experiment, bundle.version, parameters, metrics, tags, files, children, task.name)


def _child(task: ClassifierTask, row: Any) -> Record:
    figures = {name: float(value) for name, value in row.items() if name not in _NOT_FIGURES}
    parameters = {name: row[name] for name in _NOT_FIGURES[1:] if row[name]}
    return Record(task.experiment, row["candidate"], parameters, figures)
