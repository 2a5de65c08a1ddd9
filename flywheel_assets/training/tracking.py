"""The record of trainings in MLflow: a SQLite store and a folder of artefacts beside the models folder, or the server
that MLFLOW_TRACKING_URI names. A candidate never depends on it: failures are reported, and the candidate stays."""

import logging
import os
import re
import subprocess
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from flywheel_assets.tables.labels import snake_case
from flywheel_assets.training.candidate_models import Measured
from flywheel_assets.training.candidates import Candidate
from flywheel_assets.training.network import Log
from flywheel_assets.training.network_grid import layers
from flywheel_assets.warehouse.files import locked

EXPERIMENT = "flywheel"
STORE = "mlflow"
"""The folder beside the models folder."""


def track(candidate: Candidate, models_dir: Path, log: Log) -> str | None:
    """Records a training as a run of the experiment `flywheel`: parameters, metrics, the data's intervals and
    fingerprint, the git commit of the working folder, and the candidate's files but for the holdout, which holds users.

    The run's id; None where MLflow is not installed or its store cannot be reached; ``log`` then gets the reason."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # with the password, where there is one
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    try:
        from mlflow import MlflowClient
    except ImportError:
        log("this training is not tracked: MLflow is not installed; type: pip install 'flywheel-assets[mlflow]'")
        return None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    store = models_dir.parent / STORE
    server = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        with nullcontext() if server else locked(store / ".lock"):  # two at once would both make its tables
            uri = server or f"sqlite:///{store / 'mlflow.db'}"
            run = _logged(MlflowClient(tracking_uri=uri), candidate, None if server else store / "artefacts")
    except Exception as error:  # of SQLAlchemy, requests, MLflow or the operating system
        said = str(error).splitlines() or [""]
        why = f"{server or store} cannot be used ({type(error).__name__}: {said[0]})"
        log(f"this training is not tracked: {_without_passwords(why)}")
        return None
    log(f"tracked in MLflow as run {run}, in {_without_passwords(str(server or store))}")
    return run


def _without_passwords(text: str) -> str:
    """A text whose URIs show neither user and password nor the secrets of a query."""
    text = re.sub(r"(?<=://)\S*@", "***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s'\")]*", r"\1***", text)


def _logged(client: Any, candidate: Candidate, artefacts: Path | None) -> str:
    from mlflow.entities import Metric, Param

    experiment = client.get_experiment_by_name(EXPERIMENT)
    location = artefacts.as_uri() if artefacts else None
    identifier = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, location)
    version = candidate.bundle.version
    run = client.create_run(identifier, run_name=version, tags=_tags(candidate)).info.run_id
    now = round(time.time() * 1000)
    params = [Param(name, str(value)[:5000]) for name, value in _parameters(candidate).items()]
    holdouts = [info.spec.holdout for info in candidate.bundle.models.values()]
    try:
        client.log_batch(run, [Metric(name, value, now, 0) for name, value in metrics(candidate).items()], params)
        for path in sorted(candidate.bundle.directory.iterdir()):
            if path.is_file() and path.name not in holdouts:
                client.log_artifact(run, str(path))
    except Exception:
        with suppress(Exception):  # what failed may be all of the store
            client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run)
    return str(run)


def _tags(candidate: Candidate) -> dict[str, str]:
    tags = {"version": candidate.bundle.version, "command": candidate.training["command"]}
    commit = _git_commit()
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def _parameters(candidate: Candidate) -> dict[str, Any]:
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


def _git_commit() -> str | None:
    """Of the folder that the process works in; None outside of a repository, or without git."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
