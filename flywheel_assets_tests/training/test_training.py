import json
from pathlib import Path

import pytest

from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import MANIFEST
from flywheel_assets.simulation.shipped_models import CARD, make_bundle
from flywheel_assets.simulation.training_data import PARTS, TrainingData, draw_training_data, labelled_shares
from flywheel_assets.simulation.world import FEATURES, WORLD

USERS, INTERVALS = 300, 2


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return draw_training_data(WORLD, USERS, INTERVALS, seed=1)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> ModelBundle:
    return make_bundle(tmp_path_factory.mktemp("trained"), WORLD, USERS, INTERVALS, 1, lines.append)


def test_the_same_seed_draws_the_same_sessions(data: TrainingData) -> None:
    again = draw_training_data(WORLD, USERS, INTERVALS, seed=1)

    assert again.sessions.equals(data.sessions)
    assert not draw_training_data(WORLD, USERS, INTERVALS, seed=2).sessions.equals(data.sessions)


def test_all_sessions_of_a_user_are_in_one_part_and_parts_have_their_share_of_users(data: TrainingData) -> None:
    users = data.sessions.groupby("user_id")["part"].agg(["nunique", "first"])

    assert (users["nunique"] == 1).all()
    shares = users["first"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx(PARTS, abs=0.01)


def test_sessions_to_learn_from_are_labelled_and_trimmed(data: TrainingData) -> None:
    assert set(data.sessions["session_quality_label"]) == set(WORLD.session_labels)
    assert data.sessions[list(FEATURES)].notna().all(axis=None)
    assert data.sessions["pageviews"].max() < WORLD.bot.further_pageviews / 10


def test_shares_are_those_of_the_predicted_labels_and_sum_to_1(data: TrainingData) -> None:
    worst = data.sessions["session_quality_label"].where(data.sessions["user_id"] != "u000001", "Very Low Quality")
    shares = labelled_shares(data, worst, WORLD.session_labels)

    columns = [name for name in shares.columns if name.startswith("share_")]
    assert len(columns) == len(WORLD.session_labels)
    assert shares[columns].sum(axis=1).to_numpy() == pytest.approx(1)
    assert (shares.loc[shares["user_id"] == "u000001", "share_very_low_quality"] == 1).all()
    assert shares["sessions"].sum() == len(data.sessions)
    assert not shares.duplicated(["user_id", "interval_start"]).any()


def test_the_same_seeded_training_gives_the_same_version(trained: ModelBundle, tmp_path: Path) -> None:
    again = make_bundle(tmp_path / "again", WORLD, USERS, INTERVALS, 1, lambda line: None)

    assert again.version == trained.version


def test_trained_models_speak_of_the_worlds_labels_and_features(trained: ModelBundle) -> None:
    assert trained["session"].features == FEATURES
    assert trained["session"].order == WORLD.session_labels
    assert trained["user"].order == WORLD.user_labels
    assert set(trained["session"].labels) == set(WORLD.session_labels)


def test_the_baseline_is_of_predicted_labels_and_features_on_held_out_sessions(
    trained: ModelBundle, data: TrainingData
) -> None:
    held_out = data.sessions[data.sessions["part"] == "held-out"]
    baseline = trained.baseline

    assert baseline is not None
    assert tuple(baseline.session_labels) == WORLD.session_labels
    assert sum(baseline.session_labels.values()) == len(held_out)
    assert sum(baseline.user_labels.values()) == len(held_out.drop_duplicates(["user_id", "interval_start"]))
    assert {name: sum(feature.counts) for name, feature in baseline.features.items()} == dict.fromkeys(
        FEATURES, len(held_out)
    )


def test_manifest_and_card_tell_the_command_and_the_same_figures(trained: ModelBundle) -> None:
    training = json.loads((trained.directory / MANIFEST).read_text())["training"]
    card = (trained.directory / CARD).read_text()

    assert training["command"] == "flywheel models train --out models --users 300 --intervals 2 --seed 1"
    assert training["command"] in card
    assert f"# Models, version {trained.version}" in card
    for model in ("session", "user"):
        assert f"- accuracy: {100 * training[model]['accuracy']:.2f} %" in card
        assert sum(map(sum, training[model]["confusion"])) == training[model]["observations"]


def test_progress_is_a_line_an_epoch(trained: ModelBundle, lines: list[str]) -> None:
    assert any(line.startswith("session_quality_model: epoch 1 of at most") for line in lines)
    assert any(line.startswith("user_flywheel_model: epoch 2 of at most") for line in lines)
