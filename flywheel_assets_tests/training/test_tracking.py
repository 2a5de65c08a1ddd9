import os
import subprocess
import sys
from pathlib import Path

import pytest

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training import tracking
from flywheel_assets.training.candidate_record import record_of
from flywheel_assets.training.candidates import Candidate
from flywheel_assets.training.tracking import track
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import write_artefacts
from flywheel_assets_tests.training.test_card import FIGURES, TRAINING


@pytest.fixture
def candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"):
        monkeypatch.delenv(name, raising=False)
    bundle = write_artefacts(tmp_path / "models" / "candidates" / "v", compiled=False)
    for name in (SESSION_MODEL.holdout, USER_MODEL.holdout, "README.md", "session_confusion.png"):
        (bundle.directory / name).touch()
    return Candidate(bundle, {"session": FIGURES, "user": FIGURES}, TRAINING)


def test_a_training_is_a_run_in_a_local_store_with_figures_data_files_and_commit(
    candidate: Candidate, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "1", "--allow-empty"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    said: list[str] = []
    identifier = track(record_of(candidate), tmp_path, said.append)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    run = client.get_run(str(identifier))

    assert said == [f"tracked in MLflow as run {identifier}, in {tmp_path}/mlflow"]
    assert run.info.run_name == candidate.bundle.version
    assert run.info.status == "FINISHED"
    assert (
        run.data.params.items()
        >= {
            "seed": "1",
            "data.first_interval": "2024-01-01",
            "data.last_interval": "2024-01-15",
            "data.fingerprint": "0123456789abcdef",
            "rows.training_sessions": "1234",
            "session.hidden_layers": "none",
        }.items()
    )
    assert run.data.metrics["session.network.accuracy"] == 0.75
    assert run.data.metrics["user.gradient_boosting.log_loss"] == pytest.approx(0.6192, abs=1e-4)
    assert run.data.metrics["user.grid.32-16.log_loss"] == 0.6
    by_label = {name: value for name, value in run.data.metrics.items() if ".label." in name}
    assert len(by_label) == 2 * 3 * 4
    of_medium = [by_label[f"session.label.medium_quality.{name}"] for name in ("precision", "recall", "f1", "ece")]
    assert of_medium == pytest.approx([0.5, 1.0, 2 / 3, 0.2])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.data.tags["mlflow.source.git.commit"] == head.stdout.strip()
    files = {path.name for path in Path(run.info.artifact_uri.removeprefix("file://")).iterdir()}
    assert files == {path.name for path in candidate.bundle.directory.iterdir()} - {
        SESSION_MODEL.holdout,
        USER_MODEL.holdout,
    }
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_without_mlflow_a_training_says_that_it_is_not_tracked(
    candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    said: list[str] = []

    assert track(record_of(candidate), tmp_path, said.append) is None
    assert said[0].startswith("this training is not tracked: MLflow is not installed; type: pip install")
    assert not (tmp_path / "mlflow").exists()


def test_a_store_that_cannot_be_used_is_told_and_no_error(candidate: Candidate, tmp_path: Path) -> None:
    (tmp_path / "mlflow").write_text("a file")
    said: list[str] = []

    assert track(record_of(candidate), tmp_path, said.append) is None
    assert said[0].startswith(f"this training is not tracked: {tmp_path}/mlflow cannot be used (FileExistsError")


def test_a_run_that_could_not_be_recorded_whole_has_failed_and_does_not_go_on_for_ever(
    candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(MlflowClient, "log_artifact", full)
    said: list[str] = []

    assert track(record_of(candidate), tmp_path, said.append) is None
    assert said == [f"this training is not tracked: {tmp_path}/mlflow cannot be used (OSError: no space left)"]
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("flywheel")
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_server_that_does_not_answer_is_told_and_the_training_is_tracked_locally(
    candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said: list[str] = []
    run = track(record_of(candidate), tmp_path, said.append)

    assert said[0].startswith("this training is tracked locally: http://127.0.0.1:9 cannot be used (MlflowException")
    assert said[1:] == [f"tracked in MLflow as run {run}, in {tmp_path}/mlflow"]
    assert (tmp_path / "mlflow" / "artefacts").is_dir()


SECRETS = (
    ("https://ann:s3cret@mlflow.example/tracking", "https://***@mlflow.example/tracking"),
    ("https://s3cret@mlflow.example", "https://***@mlflow.example"),
    ("postgresql://ann:p@s3cret/?#@db:5432/mlflow", "postgresql://***@db:5432/mlflow"),
    ("postgresql://db/mlflow?user=ann&password=s3cret&ssl=1", "postgresql://db/mlflow?user=ann&password=***&ssl=1"),
    ("https://mlflow.example/?access_token=s3cret", "https://mlflow.example/?access_token=***"),
    ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
)


@pytest.mark.parametrize(("server", "shown"), SECRETS)
def test_no_password_of_the_server_is_shown_whether_it_answers_or_not(
    candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, shown: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setattr("mlflow.MlflowClient", lambda tracking_uri: tracking_uri)
    said: list[str] = []
    monkeypatch.setattr(tracking, "_logged", lambda *_: "run1")
    track(record_of(candidate), tmp_path, said.append)

    def refused(*_: object) -> str:
        raise OSError(f"cannot connect to '{server}' as it is")

    monkeypatch.setattr(tracking, "_logged", refused)
    track(record_of(candidate), tmp_path, said.append)

    why = f"cannot be used (OSError: cannot connect to '{shown}' as it is)"
    assert said == [
        f"tracked in MLflow as run run1, in {shown}",
        f"this training is tracked locally: {shown} {why}",
        f"this training is not tracked: {tmp_path}/mlflow {why}",
    ]
    assert os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true", "MLflow would print it at the end of a run"
