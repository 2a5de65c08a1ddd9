"""Projects to run the graph in. Tests that change something begin with a copy of the history, or with nothing."""

from pathlib import Path

import pytest

from flywheel_assets_tests.histories import history_in
from flywheel_assets_tests.projects import Project


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return history_in(tmp_path_factory.getbasetemp() / "history")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of one's own, where nothing has landed."""
    return Project(tmp_path)


@pytest.fixture
def copy(history: Project, tmp_path: Path) -> Project:
    """The files of the history, to change at will."""
    return history.copied_to(tmp_path)
