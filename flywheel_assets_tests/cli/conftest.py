"""What tests of several commands share."""

import sys
from collections.abc import Callable
from contextlib import nullcontext

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main


@pytest.fixture
def record_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of one test record their runs in memory: on disk, the record takes most of the time of a run.

    Not for a test of the record itself, or of DAGSTER_HOME."""
    instance = dg.DagsterInstance.ephemeral()
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(instance))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Types `flywheel ...` in this process. The code location reads its settings anew each time, as in a process."""

    def typed(*arguments: str) -> Result:
        monkeypatch.delitem(sys.modules, "flywheel_assets.definitions", raising=False)
        return CliRunner().invoke(main, arguments)

    return typed
