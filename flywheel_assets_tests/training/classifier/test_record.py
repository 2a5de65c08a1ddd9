import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel_assets.training.classifier.candidate import ClassifierCandidate
from flywheel_assets.training.classifier.record import record_of
from flywheel_assets.training.tracking import track
from flywheel_assets_tests.training.classifier.rows import FEW, task

EXPERIMENT, MODEL = "Conversion_Prediction_Classification", "conversion"


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real one, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", f"{tmp_path}/kept"]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "server.log").open("w") as output:
        process = subprocess.Popen(
            [*command, *stores], stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        for _ in range(240):
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def runs(uri: str) -> tuple[Any, Any, list[Any]]:
    """The client, the parent run and its children."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    parent = next(run for run in found if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(found) == 1 + len(children)
    return client, parent, children


def check(uri: str, candidate: ClassifierCandidate) -> None:
    client, parent, children = runs(uri)
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert {run.info.run_name for run in children} == {str(kind) for kind in FEW} | {
        row["candidate"] for row in candidate.comparison if row["model"] == "blend"
    }
    smote = next(run for run in children if run.info.run_name == "LightGBM, SMOTE")
    assert smote.data.params["strategy"] == "SMOTE"
    assert "n_estimators" in smote.data.params["parameters"]
    row = next(row for row in candidate.comparison if row["candidate"] == "LightGBM, SMOTE")
    figures = ("pr_auc", "roc_auc", "log_loss", "log_loss_calibrated", "brier", "brier_calibrated")
    assert {name: smote.data.metrics[name] for name in figures} == pytest.approx({name: row[name] for name in figures})

    judged = candidate.evaluation.model
    assert parent.data.metrics["pr_auc"] == pytest.approx(judged["PR-AUC"].value)
    assert parent.data.metrics["lift_at_5_percent.low"] == pytest.approx(judged["lift at 5 %"].low)
    assert parent.data.metrics["majority.roc_auc"] == 0.5
    assert parent.data.params["horizon"] == "after the first page"
    names = {one.path for one in client.list_artifacts(parent.info.run_id)}
    assert {"README.md", "manifest.json", "conversion_curves.png", *candidate.bundle.classifiers[MODEL].files} <= names
    assert "holdout.parquet" not in names, "it holds users"

    versions = client.search_model_versions(f"name = '{MODEL}'")
    assert [(one.run_id, one.tags["version"]) for one in versions] == [(parent.info.run_id, candidate.bundle.version)]


def test_a_comparison_is_one_run_with_a_run_per_candidate_and_a_registered_model(
    trained: ClassifierCandidate, tmp_path: Path
) -> None:
    said: list[str] = []
    track(record_of(task(tmp_path), trained), tmp_path, said.append)

    assert said[0].startswith("tracked in MLflow as run ")
    check(f"sqlite:///{tmp_path}/mlflow/mlflow.db", trained)


def test_each_training_is_a_version_of_the_registered_model(trained: ClassifierCandidate, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    for _ in range(2):
        track(record_of(task(tmp_path), trained), tmp_path, lambda line: None)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db")

    assert {int(one.version) for one in client.search_model_versions(f"name = '{MODEL}'")} == {1, 2}


def test_on_a_server_it_is_the_same(
    trained: ClassifierCandidate, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    said: list[str] = []
    track(record_of(task(tmp_path), trained), tmp_path, said.append)

    assert [one.rpartition(", in ")[2] for one in said] == [server]
    check(server, trained)
    assert not (tmp_path / "mlflow").exists()


def test_a_server_that_is_down_leaves_the_training_tracked_locally(
    trained: ClassifierCandidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said: list[str] = []
    track(record_of(task(tmp_path), trained), tmp_path, said.append)

    assert said[0].startswith("this training is tracked locally: http://127.0.0.1:9 cannot be used")
    check(f"sqlite:///{tmp_path}/mlflow/mlflow.db", trained)
