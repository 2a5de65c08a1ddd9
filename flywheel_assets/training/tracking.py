"""The record of trainings in MLflow: a SQLite store and a folder of artefacts beside the models folder, or the server
that MLFLOW_TRACKING_URI names; where that cannot be used, the local store. A candidate never depends on it: failures
are reported, and the candidate stays. Not here: what is recorded (`candidate_record`, `classifier.record`)."""

import logging
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flywheel_assets.training.network import Log
from flywheel_assets.warehouse.files import locked

STORE = "mlflow"
"""The folder beside the models folder."""


@dataclass(frozen=True)
class Record:
    """One training as a run of ``experiment``; ``children`` are runs below it. ``model`` is the name that it is
    registered by, as a new version; empty where it is not. Names of metrics have letters, digits and ``_.-`` only."""

    experiment: str
    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()
    children: Sequence["Record"] = ()
    model: str = ""


def track(record: Record, folder: Path, log: Log) -> str | None:
    """Records a training, with the git commit of the working folder, on the server that is set, else in ``folder``.

    The run's id; None where MLflow is not installed or no store can be used; ``log`` gets the reason."""
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
    store, server = folder / STORE, os.environ.get("MLFLOW_TRACKING_URI")
    for place in filter(None, (server, store)):
        try:
            with locked(store / ".lock") if place is store else nullcontext():  # two at once would both make its tables
                uri = f"sqlite:///{store / 'mlflow.db'}" if place is store else str(place)
                client = MlflowClient(tracking_uri=uri)
                run = _logged(client, record, store / "artefacts" if place is store else None)
        except Exception as error:  # of SQLAlchemy, requests, MLflow or the operating system
            what = "not tracked" if place is store else "tracked locally"
            why = f"{place} cannot be used ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})"
            log(f"this training is {what}: {_without_passwords(why)}")
        else:
            log(f"tracked in MLflow as run {run}, in {_without_passwords(str(place))}")
            return run
    return None


def _without_passwords(text: str) -> str:
    """A text whose URIs show neither user and password nor the secrets of a query."""
    text = re.sub(r"(?<=://)\S*@", "***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s'\")]*", r"\1***", text)


def _logged(client: Any, record: Record, artefacts: Path | None) -> str:
    experiment = client.get_experiment_by_name(record.experiment)
    location = artefacts.as_uri() if artefacts else None
    identifier = experiment.experiment_id if experiment else client.create_experiment(record.experiment, location)
    commit = _git_commit()
    run = _run(client, identifier, record, {"mlflow.source.git.commit": commit} if commit else {})
    if record.model:
        with suppress(Exception):  # it is there: that error has no class of its own
            client.create_registered_model(record.model)
        source = client.get_run(run).info.artifact_uri
        client.create_model_version(record.model, source, run, tags={"version": record.name})
    return run


def _run(client: Any, experiment: str, record: Record, tags: Mapping[str, str]) -> str:
    from mlflow.entities import Metric, Param

    run = str(client.create_run(experiment, run_name=record.name, tags={**record.tags, **tags}).info.run_id)
    now = round(time.time() * 1000)
    params = [Param(name, str(value)[:5000]) for name, value in record.parameters.items()]
    try:
        client.log_batch(run, [Metric(name, value, now, 0) for name, value in record.metrics.items()], params)
        for path in record.files:
            client.log_artifact(run, str(path))
        for child in record.children:
            _run(client, experiment, child, {"mlflow.parentRunId": run})
    except Exception:
        with suppress(Exception):  # what failed may be all of the store
            client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run)
    return run


def _git_commit() -> str | None:
    """Of the folder that the process works in; None outside of a repository, or without git."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
