import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flywheel_assets.errors import ArtefactError, TrainingError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import MANIFEST, digests_of
from flywheel_assets.registry.holdout import Holdout, scored
from flywheel_assets.registry.scorer import Scorers, open_scorer
from flywheel_assets.registry.verification import verify
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training import candidates
from flywheel_assets.training import network_grid as fitting
from flywheel_assets.training.candidate_files import shelved, staged, writable
from flywheel_assets.training.candidate_models import train_model
from flywheel_assets.training.candidates import Candidate, train_candidate
from flywheel_assets.training.card import worth
from flywheel_assets.training.network import without_epochs
from flywheel_assets.training.network_grid import Task
from flywheel_assets.training.training_data import TrainingData
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import ALL_FILES, FEATURES, SESSION_LABELS, USER_LABELS, write_artefacts
from flywheel_assets_tests.labelled import KEYS, SMALL_GRID, labelled_sessions, quickly

COMMAND = "flywheel models train --from 2024-01-01 --to 2024-02-26"


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fitting, "schedule", quickly)
        yield


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return labelled_sessions(outcome_features=("leads",))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def models_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("trained") / "models"))


@pytest.fixture(scope="module")
def champion(models_dir: Path) -> dict[str, bytes]:
    return contents(models_dir)


@pytest.fixture(scope="module")
def candidate(champion: dict[str, bytes], models_dir: Path, data: TrainingData, lines: list[str]) -> Candidate:
    return train_candidate(models_dir, data, COMMAND, 7, lines.append, SMALL_GRID)


def with_rows(data: TrainingData, model: str, rows: pd.DataFrame) -> TrainingData:
    return replace(data, models={**data.models, model: replace(data[model], rows=rows)})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_candidate_is_a_whole_bundle_under_its_version_that_verifies(candidate: Candidate, models_dir: Path) -> None:
    bundle = candidate.bundle

    assert bundle.directory == models_dir / "candidates" / bundle.version
    assert [path.name for path in bundle.directory.parent.iterdir()] == [bundle.version]
    assert {finding.verdict for finding in verify(bundle.directory)} == {"ok"}
    assert (bundle["session"].features, bundle["session"].order) == (FEATURES, SESSION_LABELS)
    assert bundle["user"].order == USER_LABELS
    assert bundle.directory.stat().st_mode & 0o777 == 0o755


def test_the_champion_is_untouched(candidate: Candidate, champion: dict[str, bytes], models_dir: Path) -> None:
    assert contents(models_dir) == champion


def test_the_holdout_is_the_validation_part_with_labels(candidate: Candidate, data: TrainingData) -> None:
    sessions = pd.read_parquet(candidate.bundle.directory / SESSION_MODEL.holdout)
    users = pd.read_parquet(candidate.bundle.directory / USER_MODEL.holdout)
    expected = data["session"].rows[data["session"].rows["interval_start"] == KEYS[-1]].drop(columns="part")

    pd.testing.assert_frame_equal(sessions, expected.reset_index(drop=True))
    assert list(users.columns) == ["user_id", "interval_start", "user_flywheel_label"]
    assert len(users) == 60


def test_the_baseline_is_of_what_the_served_models_say_of_the_validation_part(candidate: Candidate) -> None:
    bundle = candidate.bundle
    sessions = pd.read_parquet(bundle.directory / SESSION_MODEL.holdout)
    label, _ = open_scorer(bundle, "session", bundle.directory).score(sessions[list(FEATURES)].to_numpy(float))
    counts = np.bincount(label, minlength=3)

    assert bundle["session"].baseline is not None
    assert bundle["user"].baseline is not None
    assert dict(bundle["session"].baseline.labels) == dict(zip(bundle["session"].labels, counts.tolist(), strict=True))
    assert sum(bundle["user"].baseline.labels.values()) == 60
    assert {sum(feature.counts) for feature in bundle["session"].baseline.features.values()} == {len(sessions)}


@pytest.fixture(scope="module")
def learnt_from() -> list[pd.DataFrame]:
    """The rows of the session model, and those of the user model, of `partly`."""
    return []


@pytest.fixture(scope="module")
def partly(learnt_from: list[pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> tuple[Candidate, TrainingData]:
    """Of each user the busier half of the sessions alone has a label, by clusters; a person reviewed three."""

    def noted(task: Task, rows: pd.DataFrame, *rest: Any) -> Any:
        learnt_from.append(rows)
        return train_model(task, rows, *rest)

    data = labelled_sessions()
    busier = data["session"].rows.groupby(["user_id", "interval_start"])["pageviews"].rank(method="first") > 3
    labels = [
        name if one else None for name, one in zip(data["session"].rows["session_quality_label"], busier, strict=True)
    ]
    data = with_rows(data, "session", data["session"].rows.assign(session_quality_label=labels))
    reviewed = {"confirmed": 2, "changed": 1, "left_out": 0}
    by_clusters = replace(data["session"], from_clusters=True, reviewed=reviewed)
    data = replace(data, models={**data.models, "session": by_clusters})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(candidates, "train_model", noted)
        return train_candidate(tmp_path_factory.mktemp("partly"), data, COMMAND, 7, lambda line: None, SMALL_GRID), data


def test_the_baseline_and_holdout_are_of_all_sessions_and_the_figures_of_labelled_ones(
    partly: tuple[Candidate, TrainingData],
) -> None:
    (candidate, data), directory = partly, partly[0].bundle.directory
    held = (
        data["session"]
        .rows[data["session"].rows["interval_start"] == KEYS[-1]]
        .drop(columns="part")
        .reset_index(drop=True)
    )

    pd.testing.assert_frame_equal(pd.read_parquet(directory / SESSION_MODEL.holdout), held)
    assert held["session_quality_label"].isna().sum() == 180
    assert candidate.bundle["session"].baseline is not None
    assert sum(candidate.bundle["session"].baseline.labels.values()) == 360
    assert {sum(feature.counts) for feature in candidate.bundle["session"].baseline.features.values()} == {360}
    assert candidate.figures["session"].network.evaluation.observations == 180
    assert candidate.training["rows"]["validation sessions"] == 180
    assert candidate.figures["user"].network.evaluation.observations == 60


def test_users_are_measured_and_their_baseline_counted_on_the_mixes_that_they_are_served(
    partly: tuple[Candidate, TrainingData], tmp_path: Path
) -> None:
    bundle, user = partly[0].bundle, partly[0].figures["user"]
    served = scored(Scorers(bundle, tmp_path), Holdout.read(bundle))["user"]

    right = served.labels == served.rows["user_flywheel_label"]
    assert user.network.evaluation.accuracy == pytest.approx(right.mean())
    assert bundle["user"].baseline is not None
    assert {k: n for k, n in bundle["user"].baseline.labels.items() if n} == dict(Counter(served.labels.tolist()))


def test_the_session_model_learns_from_labelled_sessions_and_the_user_model_from_mixes_of_all(
    learnt_from: list[pd.DataFrame], partly: tuple[Candidate, TrainingData]
) -> None:
    sessions, users = learnt_from

    assert len(sessions) == (4 * 48 + 60) * 3
    assert sessions["session_quality_label"].notna().all()
    assert len(users) == 4 * 48 + 60
    mixes = users[["share_low_quality", "share_medium_quality", "share_high_quality"]]
    np.testing.assert_allclose(mixes * 6, (mixes * 6).round(), atol=1e-9, err_msg="of all six sessions")
    assert set(users["part"]) == {"training", "stopping", "validation"}


def test_figures_are_of_the_saved_models_probabilities(candidate: Candidate) -> None:
    bundle, figures = candidate.bundle, candidate.figures["session"]
    sessions = pd.read_parquet(bundle.directory / SESSION_MODEL.holdout)
    _, probabilities = open_scorer(bundle, "session", bundle.directory).score(sessions[list(FEATURES)].to_numpy(float))
    true = pd.Index(bundle["session"].labels).get_indexer(sessions["session_quality_label"])
    log_loss = -np.log(probabilities[np.arange(len(true)), true]).mean()

    assert figures.network.evaluation.log_loss == pytest.approx(log_loss, rel=1e-4)
    assert figures.network.evaluation.log_loss <= figures.log_loss_uncalibrated + 1e-9
    assert figures.network.evaluation.accuracy > 0.7


def test_users_never_seen_in_training_and_the_network_without_the_outcome_have_figures(candidate: Candidate) -> None:
    session, user = candidate.figures["session"], candidate.figures["user"]

    assert session.unseen_users is not None
    assert session.unseen_users.observations == 12 * 6
    assert session.without_outcome is not None
    assert user.without_outcome is None
    assert [one.name for one in user.classifiers] == [
        "network", "multinomial logistic regression", "gradient boosting",
    ]  # fmt: skip


def test_manifest_and_card_tell_command_data_and_the_same_figures(candidate: Candidate, data: TrainingData) -> None:
    directory = candidate.bundle.directory
    training = json.loads((directory / MANIFEST).read_text())["training"]
    card = (directory / "README.md").read_text()

    assert training["command"] == COMMAND
    assert (training["intervals"], training["validation_intervals"]) == (list(KEYS), [KEYS[-1]])
    assert training["fingerprint"] == data.fingerprint
    assert training["rows"]["validation users"] == 60
    assert f"    {COMMAND}\n" in card
    for name, figures in (("session", candidate.figures["session"]), ("user", candidate.figures["user"])):
        assert f"- accuracy: {100 * training['figures'][name]['accuracy']:.2f} %\n" in card
        assert f"- macro F1: {training['figures'][name]['macro_f1']:.3f}\n" in card
        assert worth(figures) in card
        for picture in ("confusion", "reliability"):
            assert f"({name}_{picture}.png)" in card
            assert (directory / f"{name}_{picture}.png").is_file()
    assert "the labels were defined by `leads`, which the model sees; the same network without: accuracy" in card


def test_manifest_and_card_tell_labels_by_clusters_and_how_many_a_person_reviewed(
    partly: tuple[Candidate, TrainingData], candidate: Candidate
) -> None:
    directory = partly[0].bundle.directory
    training = json.loads((directory / MANIFEST).read_text())["training"]

    assert training["from_clusters"] == ["sessions"]
    assert training["reviewed"] == {"sessions": {"confirmed": 2, "changed": 1, "left_out": 0}}
    assert "Of 3 sessions that a person reviewed, 2 kept their label." in (directory / "README.md").read_text()
    assert (candidate.training["from_clusters"], candidate.training["reviewed"]) == ([], {})
    assert "proposals" not in (candidate.bundle.directory / "README.md").read_text()


def test_progress_is_a_line_an_epoch_and_a_point_of_the_grid(candidate: Candidate, lines: list[str]) -> None:
    kept: list[str] = []
    for line in lines:
        without_epochs(kept.append)(line)
    assert [line for line in lines if " of at most " not in line] == kept
    assert any(line.startswith("session_quality_model: epoch 2 of at most 4, log loss") for line in lines)
    assert any(line.startswith("user_flywheel_model, hidden layers 4: validation log loss") for line in lines)


def test_two_trainings_at_once_of_the_same_data_end_in_one_candidate(
    candidate: Candidate, data: TrainingData, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = contents(candidate.bundle.directory)
    os.utime(candidate.bundle.directory / MANIFEST, (1, 1))
    again = train_candidate(models_dir, data, "another command", 7, lambda line: None, SMALL_GRID)

    assert again.bundle.version == candidate.bundle.version
    assert contents(candidate.bundle.directory) == there
    assert time.time() - (candidate.bundle.directory / MANIFEST).stat().st_mtime < 600
    assert len(list((models_dir / "candidates").iterdir())) == 1


def whole_candidate(folder: Path) -> Path:
    """A staged candidate that has all that is looked for."""
    staging = folder / ".training-now"
    write_artefacts(staging, compiled=False)
    (staging / SESSION_MODEL.holdout).touch()
    (staging / USER_MODEL.holdout).touch()
    return staging


def test_a_broken_candidate_of_the_same_version_is_replaced(tmp_path: Path) -> None:
    staging = whole_candidate(tmp_path)
    home = tmp_path / ModelBundle.open(staging).version
    home.mkdir()
    (home / MANIFEST).write_text("{")
    before = digests_of(staging, ALL_FILES)

    assert shelved(staging, home) == home
    assert digests_of(home, ALL_FILES) == before
    assert list(tmp_path.iterdir()) == [home]


def test_a_killed_training_leaves_nothing_that_one_takes_for_a_candidate_and_is_swept_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".training-old", tmp_path / ".training-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (1, 1))

    assert writable(tmp_path) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == [".training-new"]


def test_a_folder_that_is_staged_and_not_shelved_is_gone(tmp_path: Path) -> None:
    def fails() -> None:
        with staged(tmp_path) as staging:
            (staging / "part").touch()
            raise ArtefactError("in the middle")

    with pytest.raises(ArtefactError):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_a_models_folder_that_cannot_be_written_to_is_said_before_anything_is_trained(
    tmp_path: Path, data: TrainingData
) -> None:
    (tmp_path / "models").write_text("a file")

    with pytest.raises(TrainingError, match=r"models/candidates cannot be written to \(Not a directory\)"):
        train_candidate(tmp_path / "models", data, COMMAND, 7, lambda line: None, SMALL_GRID)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"users": 4}, "the training intervals have 72 labelled sessions; expected 100 or more"),
        ({"users": 40, "keys": KEYS[:2]}, "the training intervals have 32 labelled users; expected 100 or more"),
    ],
)
def test_data_that_cannot_be_learnt_from_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    monkeypatch.setattr(candidates, "train_model", None)
    with pytest.raises(TrainingError, match=said):
        train_candidate(tmp_path, labelled_sessions(**changes), COMMAND, 7, lambda line: None)  # type: ignore[arg-type]
    assert list((tmp_path / "candidates").iterdir()) == []


def test_the_user_model_learns_from_what_the_session_model_says_and_not_from_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "predicted_labels", lambda model, rows: np.full(len(rows), SESSION_LABELS[0]))
    with pytest.raises(TrainingError, match="every feature of the users to learn from is constant"):
        train_candidate(tmp_path, labelled_sessions(), COMMAND, 7, lambda line: None, grid=((),))


def test_a_user_with_two_labels_in_an_interval_is_named(tmp_path: Path, data: TrainingData) -> None:
    users = data["user"].rows
    twice = with_rows(data, "user", pd.concat([users, users.iloc[[3]]]))

    with pytest.raises(TrainingError, match=r"the user u\d+ has two labels in interval 2024-01-01; expected one"):
        train_candidate(tmp_path, twice, COMMAND, 7, lambda line: None)
