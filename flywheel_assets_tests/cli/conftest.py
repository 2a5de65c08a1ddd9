"""What tests of several commands share."""

from contextlib import nullcontext

import dagster as dg
import pytest


@pytest.fixture
def record_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of one test record their runs in memory: on disk, the record takes most of the time of a run.

    Not for a test of the record itself, or of DAGSTER_HOME."""
    instance = dg.DagsterInstance.ephemeral()
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(instance))
