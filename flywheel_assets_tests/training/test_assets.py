"""`flywheel models train` and the asset `trained_candidate`: what they train on. The training itself is a stand-in."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner

from flywheel_assets.cli import models as cli_models
from flywheel_assets.cli.main import main
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.training import sources as training
from flywheel_assets.training.assets import trained_candidate
from flywheel_assets.training.candidates import Candidate
from flywheel_assets.training.files import TrainingFiles
from flywheel_assets.training.network_grid import GRID, QUICK_GRID, Grid
from flywheel_assets.training.training_data import TrainingData
from flywheel_assets_tests.labelled import KEYS, labelled_sessions
from flywheel_assets_tests.projects import MODELS, Project
from flywheel_assets_tests.training.test_card import FIGURES


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    return Project(tmp_path)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was trained on, a line a training."""
    calls: list[dict[str, Any]] = []

    def train(models: Path, data: TrainingData, command: str, seed: int, log: Any, grid: Grid, *_: Any) -> Candidate:
        calls.append({"models": models, "data": data, "command": command, "seed": seed, "grid": grid})
        log("session_quality_model: epoch 1 of at most 40, log loss 0.9, on users set aside 0.8")
        log("session_quality_model, hidden layers none: validation log loss 0.8")
        bundle = ModelBundle.open(MODELS)
        return Candidate(
            bundle,
            {"session": FIGURES, "user": FIGURES},
            {"command": command, "warnings": ["1 user has too good a label"]},
        )

    monkeypatch.setattr(training, "train_candidate", train)
    monkeypatch.setattr(training, "track", lambda candidate, models_dir, log: "run")
    monkeypatch.setattr(training, "record_of", lambda candidate: candidate)
    return calls


def asked(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """With what `session_labels` or `labels_of_file` is asked."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(training, "_joined", lambda *_: labelled_sessions(users=20))
    monkeypatch.setattr(training, "user_labels", lambda *_: None)
    labels = None if name == "session_labels" else (None, "labels")
    monkeypatch.setattr(training, name, lambda flywheel, *arguments: (calls.append(arguments[:-1]), labels)[1])
    monkeypatch.setattr(training, "intervals_to_label", lambda flywheel, first, last: (first, last))
    return calls


def typed(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["models", "train", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_range_of_intervals_is_trained_on_and_the_command_that_does_it_again_is_kept(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = asked(monkeypatch, "session_labels")
    output = typed("--from", KEYS[0], "--seed", "5")

    assert ranges == [((KEYS[0], None),)]
    assert trained[0]["command"] == f"flywheel models train --from {KEYS[0]} --to {KEYS[-1]} --seed 5"
    assert (trained[0]["seed"], trained[0]["models"]) == (5, MODELS)
    assert "user model: The network does better than the better reference classifier" in output
    assert "under the trained user model, 1 user has too good a label" in output
    assert output.endswith(f"next: flywheel models compare {ModelBundle.open(MODELS).version}\n")


def test_without_an_option_it_is_all_that_was_run(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = asked(monkeypatch, "session_labels")
    typed()

    assert ranges == [((None, None),)]
    assert trained[0]["grid"] == GRID


def test_a_quick_training_tries_fewer_networks_and_its_command_says_so(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(monkeypatch, "session_labels")
    typed("--quick")

    assert trained[0]["grid"] == QUICK_GRID
    assert set(QUICK_GRID) < set(GRID)
    assert trained[0]["command"].endswith(f" --to {KEYS[-1]} --quick --seed 2024")


def test_where_it_is_no_terminal_a_network_is_a_line_and_epochs_are_none(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = typed("--sample", "--users", "100", "--intervals", "3")
    assert "hidden layers none: validation log loss 0.8" in output
    assert "epoch" not in output

    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    assert cli_models._progress() is click.echo


@pytest.mark.parametrize("what", [("sessions", "users"), ("users",), ()])
def test_of_labels_made_from_clusters_it_is_said_what_agreement_with_them_measures(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, what: tuple[str, ...]
) -> None:
    data = labelled_sessions(users=20)
    models = {name: replace(one, from_clusters=one.spec.rows in what) for name, one in data.models.items()}
    asked(monkeypatch, "session_labels")
    monkeypatch.setattr(training, "_joined", lambda *_: replace(data, models=models))
    said = f"The labels of {' and '.join(what)} were made from clusters: agreement with them measures how well the "
    assert (said in typed("--from", KEYS[0])) == bool(what)


def test_a_file_is_trained_on(project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    files = asked(monkeypatch, "labels_of_file")
    typed("--labelled", "my sessions.parquet")

    assert files == [(Path("my sessions.parquet"),)]
    assert trained[0]["command"] == "flywheel models train --labelled 'my sessions.parquet' --seed 2024"


def test_the_sample_is_trained_on_only_when_asked_for_and_split_by_time(
    trained: list[dict[str, Any]], project: Project
) -> None:
    typed("--sample", "--users", "100", "--intervals", "3")
    data = trained[0]["data"]

    assert data.source == "the truth of the sample"
    assert len(data.intervals) == 3
    assert set(data["session"].rows.loc[data["session"].rows["part"] == "validation", "interval_start"]) == {
        data.intervals[-1]
    }
    assert trained[0]["command"] == "flywheel models train --sample --users 100 --intervals 3 --seed 2024"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", KEYS[0], "--labelled", "a.parquet"), "expected only one: --from and --to, or --labelled"),
        (("--to", KEYS[0], "--sample"), "expected only one: --from and --to, or --labelled, or --sample"),
        (("--to", KEYS[0], "--users", "200"), "--users is for simulated sessions: add --sample"),
        (("--out", "models"), "--out is for simulated sessions: add --sample"),
        (("--sample", "--out", "models", "--quick"), "--quick is for a candidate"),
    ],
)
def test_sources_that_exclude_each_other_are_refused(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["models", "train", *arguments])

    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_the_asset_trains_on_the_range_of_session_labels_and_tells_version_and_figures(
    project: Project, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = asked(monkeypatch, "session_labels")
    with project.flywheel() as flywheel:
        labels = pd.DataFrame({"interval_start": [KEYS[2], KEYS[0], KEYS[4]]})
        TrainingFiles(flywheel.warehouse).write("session_labels", labels, {})
        instance = dg.DagsterInstance.ephemeral()
        done = dg.materialize(
            [trained_candidate],
            instance=instance,
            resources={"flywheel": flywheel},
        )
    (made,) = done.asset_materializations_for_node("trained_candidate")

    log = [entry.user_message for entry in instance.all_logs(done.run_id)]
    assert any("validation log loss 0.8" in line for line in log)
    assert not any("epoch" in line for line in log)
    assert ranges == [((KEYS[0], KEYS[4]),)]
    assert made.metadata["version"].value == ModelBundle.open(MODELS).version
    assert made.metadata["session_network_accuracy"].value == 0.75
    assert made.metadata["mlflow_run"].value == "run"
