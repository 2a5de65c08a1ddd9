"""What tests of several commands share."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.histories import NOW, history_in
from flywheel_assets_tests.projects import MODELS, Project

Type = Callable[..., Result]


@pytest.fixture
def record_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of one test record their runs in memory: on disk, the record takes most of the time of a run.

    Not for a test of the record itself, or of DAGSTER_HOME."""
    instance = dg.DagsterInstance.ephemeral()
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(instance))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types `flywheel ...` in this process. The code location reads its settings anew each time, as in a process."""

    def typed(*arguments: str) -> Result:
        monkeypatch.delitem(sys.modules, "flywheel_assets.definitions", raising=False)
        return CliRunner().invoke(main, arguments)

    return typed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands are typed: an empty landing folder, the shipped models, nothing else set."""
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.setenv("DAGSTER_HOME", "")  # set, so that it is put back, to what counts as unset
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    (tmp_path / "data" / "landing").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def flywheel(folder: Path, typed: Type) -> Type:
    """Types `flywheel ...` in that folder."""
    return typed


@pytest.fixture
def copy(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The history's files in the folder, without its record of runs."""
    return history_in(tmp_path_factory.getbasetemp() / "history").copied_to(folder)
