"""`flywheel levers`, as somebody types it in a folder of their own."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets_tests.histories import FIRST, LAST, history_in
from flywheel_assets_tests.projects import MODELS


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.chdir(tmp_path)


def levers(*options: str) -> Result:
    return CliRunner().invoke(main, ["levers", *options])


def test_the_levers_of_an_interval_are_told_after_what_they_rest_on(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    history_in(tmp_path_factory.getbasetemp() / "history").copied_to(tmp_path)

    assert "at least 30 users of a label" in levers().stdout
    monkeypatch.setattr("flywheel_assets.history.levers.LEAST_USERS", 1)
    last = levers("--most", "3")
    assert last.exit_code == 0, last.output
    lines = last.stdout.splitlines()
    assert lines[0].startswith("The forecast behind this: ")
    assert "no change" in lines[0]
    assert "change of Highly Engaged users" in last.stdout
    assert last.stdout == levers("--interval", LAST, "--most", "3").stdout

    first = levers("--interval", FIRST)
    assert "there is no lever for 2024-01-15 - 2024-01-28" in first.stdout


def test_without_an_interval_that_was_run_the_command_is_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "landing").mkdir(parents=True)
    found = levers()
    assert found.exit_code == 2
    assert "flywheel run" in found.output
