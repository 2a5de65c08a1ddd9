"""`flywheel features init`, and what other commands say where labels wait for a model."""

from pathlib import Path

import pytest

from flywheel_assets.features import SHIPPED, read_features
from flywheel_assets_tests.cli.conftest import Type
from flywheel_assets_tests.histories import FIRST
from flywheel_assets_tests.projects import Project
from flywheel_assets_tests.test_own_features import SHOP, shop_sessions

WAIT = "Labels wait for a model: {} has none. Next: flywheel segments fit, flywheel segments propose"


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a shop's sessions in the landing folder, and no model anywhere."""
    monkeypatch.delenv("FLYWHEEL_MODELS_DIR")
    Project(folder, FLYWHEEL_MODELS_DIR="models").land("shop.parquet", shop_sessions(device="phone"))
    return folder / "data" / "landing" / "shop.parquet"


def test_it_states_what_a_file_has_says_why_and_leads_on(flywheel: Type, shop: Path, folder: Path) -> None:
    result = flywheel("features", "init", str(shop))

    assert result.exit_code == 0
    assert {one.name: one.kind for one in read_features(folder / "features.toml") or ()} == SHOP
    text = (folder / "features.toml").read_text()
    assert "some are negative, so it is an amount\n[features.payment]" in text
    assert result.stdout.endswith(f"next: flywheel check {shop}\n")
    assert "can land: it has every column that is needed" in flywheel("check", str(shop)).stdout


def test_without_a_file_it_states_the_features_of_the_shipped_models(flywheel: Type, folder: Path) -> None:
    assert flywheel("features", "init").exit_code == 0
    assert read_features(folder / "features.toml") == SHIPPED


def test_a_file_that_is_there_is_never_overwritten(flywheel: Type, shop: Path, folder: Path) -> None:
    (folder / "features.toml").write_text("mine")

    for arguments in ((), ("--preset", "shipped"), (str(shop),)):
        result = flywheel("features", "init", *arguments)
        assert result.exit_code == 2
        assert f"{folder / 'features.toml'} is there already and stays as it is" in result.stderr
    assert (folder / "features.toml").read_text() == "mine"
    assert "not both" in flywheel("features", "init", str(shop), "--preset", "shipped").stderr


def test_where_nothing_says_which_features_there_are_every_command_says_what_to_do(flywheel: Type, shop: Path) -> None:
    for words in (("run",), ("status",), ("check", str(shop))):
        result = flywheel(*words)
        assert result.exit_code == 2
        assert "To write it from a session file: flywheel features init FILE" in result.stderr


def test_a_file_without_any_feature_of_the_models_is_set_aside_with_the_way_to_ones_own(
    flywheel: Type, folder: Path
) -> None:
    Project(folder).land("shop.parquet", shop_sessions())
    result = flywheel("check", str(folder / "data" / "landing" / "shop.parquet"))

    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "(the models need them)" in said
    assert "to land features of your own: flywheel features init FILE" in said


@pytest.mark.usefixtures("record_in_memory")
def test_a_run_makes_what_can_be_made_and_every_command_says_what_labels_wait_for(
    flywheel: Type, shop: Path, folder: Path
) -> None:
    flywheel("features", "init", str(shop))
    wait = WAIT.format(folder / "models")

    ran = flywheel("run", "--from", FIRST, "--to", FIRST)
    assert ran.exit_code == 0
    assert wait in ran.stdout.splitlines()[-1]
    assert wait in flywheel("run", "--from", FIRST, "--to", FIRST).stdout
    assert "next: flywheel run" in flywheel("status").stdout, "another interval has sessions too"
    for words in (("report",), ("levers",), ("explain", "u1")):
        result = flywheel(*words)
        assert result.exit_code == 2, words
        assert wait in result.stderr, words
    assert flywheel("run").exit_code == 0
    assert wait in flywheel("status").stdout
