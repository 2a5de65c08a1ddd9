"""What MLflow records of a training of session and user models."""

from collections.abc import Mapping
from typing import Any

from flywheel_assets.tables.labels import snake_case
from flywheel_assets.training.candidate_models import Measured
from flywheel_assets.training.candidates import Candidate
from flywheel_assets.training.network_grid import layers
from flywheel_assets.training.tracking import Record

EXPERIMENT = "flywheel"


def record_of(candidate: Candidate) -> Record:
    """Parameters, metrics, the data's intervals and fingerprint, and the candidate's files but for the holdout, which
    holds users."""
    bundle = candidate.bundle
    holdouts = [info.spec.holdout for info in bundle.models.values()]
    files = [path for path in sorted(bundle.directory.iterdir()) if path.is_file() and path.name not in holdouts]
    tags = {"version": bundle.version, "command": candidate.training["command"]}
    return Record(EXPERIMENT, bundle.version, _parameters(candidate), metrics(candidate), tags, files)


def _parameters(candidate: Candidate) -> Mapping[str, Any]:
    training = candidate.training
    found = {
        "seed": training["seed"],
        "data.source": training["source"],
        "data.first_interval": training["intervals"][0],
        "data.last_interval": training["intervals"][-1],
        "data.validation_intervals": ", ".join(training["validation_intervals"]),
        "data.fingerprint": training["fingerprint"],
        **{f"rows.{name.replace(' ', '_')}": count for name, count in training["rows"].items()},
    }
    for name, figures in candidate.figures.items():
        found |= {
            f"{name}.hidden_layers": layers(figures.chosen.hidden_units),
            f"{name}.parameters": figures.chosen.parameters,
            f"{name}.class_weights": {label: round(weight, 4) for label, weight in figures.class_weights.items()},
            f"{name}.outcome_features": ", ".join(figures.outcome_features) or "none",
        }
    return found


def metrics(candidate: Candidate) -> dict[str, float]:
    """Of each model, by dotted name: `session.network.log_loss`; of the networks also by label, which is
    `session.label.high_quality.precision`, `recall`, `f1` and `ece`, its calibration error against the rest."""
    found: dict[str, float] = {}
    for name, figures in candidate.figures.items():
        for one in figures.classifiers:
            found |= _of_classifier(f"{name}.{one.name.replace(' ', '_')}", one)
        found |= _by_label(f"{name}.label", figures.network)
        if figures.without_outcome:
            found |= _of_classifier(f"{name}.network_without_outcome", figures.without_outcome)
        if figures.unseen_users:
            found[f"{name}.unseen_users.accuracy"] = figures.unseen_users.accuracy
            found[f"{name}.unseen_users.macro_f1"] = figures.unseen_users.macro_f1
            found[f"{name}.unseen_users.log_loss"] = figures.unseen_users.log_loss
        for point in figures.grid:
            found[f"{name}.grid.{layers(point.hidden_units).replace(' > ', '-')}.log_loss"] = point.log_loss
    return found


def _of_classifier(prefix: str, one: Measured) -> dict[str, float]:
    errors = one.label_calibration_errors
    return {
        f"{prefix}.accuracy": one.evaluation.accuracy,
        f"{prefix}.macro_f1": one.evaluation.macro_f1,
        f"{prefix}.log_loss": one.evaluation.log_loss,
        f"{prefix}.mean_calibration_error": sum(errors) / len(errors),
        f"{prefix}.temperature": one.temperature,
        f"{prefix}.size_bytes": float(one.size_bytes),
        f"{prefix}.microseconds_a_row": one.microseconds_a_row,
    }


def _by_label(prefix: str, one: Measured) -> dict[str, float]:
    of = one.evaluation
    columns = {"precision": of.precision, "recall": of.recall, "f1": of.f1, "ece": one.label_calibration_errors}
    return {
        f"{prefix}.{snake_case(label)}.{figure}": value
        for figure, values in columns.items()
        for label, value in zip(of.labels, values, strict=True)
    }
