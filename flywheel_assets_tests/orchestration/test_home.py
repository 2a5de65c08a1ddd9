"""DAGSTER_HOME: where it is, and whose dagster.yaml it has."""

import os
import tarfile
from pathlib import Path

import pytest
import yaml

from flywheel_assets.orchestration.home import dagster_home


@pytest.fixture(autouse=True)
def _silent_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set, so that it is put back after the test, to what counts as unset."""
    monkeypatch.setenv("DAGSTER_HOME", "")


def test_the_home_is_in_the_folder_when_the_environment_is_silent(tmp_path: Path) -> None:
    assert dagster_home(tmp_path) == tmp_path / ".dagster"
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / ".dagster")


def test_the_environment_says_where_the_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))

    assert dagster_home(tmp_path) == tmp_path / "elsewhere"
    assert not (tmp_path / ".dagster").exists()


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "runs")
    dagster_home(tmp_path)

    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "runs")


def test_a_new_home_gets_the_shipped_configuration(tmp_path: Path) -> None:
    config = yaml.safe_load((dagster_home(tmp_path) / "dagster.yaml").read_text())

    assert config["concurrency"]["runs"] == {
        "max_concurrent_runs": os.cpu_count(),
        "tag_concurrency_limits": [
            {"key": "dagster/partition", "limit": 1, "value": {"applyLimitPerUniqueValue": True}}
        ],
    }
    assert (config["telemetry"]["enabled"], config["nux"]["enabled"]) == (False, False)
    assert (config["run_monitoring"]["enabled"], config["run_retries"]["enabled"]) == (True, True)


def test_a_configuration_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    edited = dagster_home(tmp_path) / "dagster.yaml"
    edited.write_text("telemetry: {enabled: true}\n")
    dagster_home(tmp_path)

    assert edited.read_text() == "telemetry: {enabled: true}\n"


def test_a_configuration_that_an_earlier_version_shipped_is_replaced_and_its_number_of_runs_stays(
    tmp_path: Path,
) -> None:
    config = dagster_home(tmp_path) / "dagster.yaml"
    with tarfile.open(Path(__file__).parents[1] / "previous_version.tar.xz") as archive:
        earlier = archive.extractfile(".dagster/dagster.yaml").read().decode()
    config.write_text(earlier.replace("max_concurrent_runs: 2", "max_concurrent_runs: 7"))
    dagster_home(tmp_path)

    now = yaml.safe_load(config.read_text())
    assert now["concurrency"]["runs"]["max_concurrent_runs"] == 7
    assert now["storage"]["custom"]["class"] == "FlywheelStorage"

    edited = earlier.replace("max_retries: 2", "max_retries: 3")
    config.write_text(edited)
    dagster_home(tmp_path)
    assert config.read_text() == edited
