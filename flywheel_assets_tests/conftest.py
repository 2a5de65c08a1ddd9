"""Fixtures that all tests share. Tests that change a project begin with a copy of the history, or with nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from flywheel_assets.registry.promotion import promote
from flywheel_assets.registry.shelves import champion
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.browsers import browser as browser
from flywheel_assets_tests.browsers import screenshots as screenshots
from flywheel_assets_tests.bundles import write_artefacts
from flywheel_assets_tests.histories import NOW, history_in
from flywheel_assets_tests.projects import MODELS, Project
from flywheel_assets_tests.variants import write_candidate

# A query takes milliseconds, and the first one more: a deadline an example would only measure the machine.
hypothesis.settings.register_profile("flywheel", deadline=None, max_examples=40)
hypothesis.settings.load_profile("flywheel")


DEAREST = ("test_daemon", "test_kills", "test_ui", "test_deskdrop", "test_start")
"""Begun last, one of these would go on alone when all else is done. Two of the first at once leave much of two cores:
most of their time they wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: DEAREST.index(item.path.stem) if item.path.stem in DEAREST else len(DEAREST))


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine("1GB", 2)
    yield engine
    engine.close()


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


@pytest.fixture(scope="session")
def promoted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = Path(shutil.copytree(MODELS, tmp_path_factory.mktemp("promoted") / "models"))
    old = champion(models)
    made = write_candidate(models, "busy", session_scale=3.0)
    promote(models, made.version, NOW, old.version if old else None)
    return models


@pytest.fixture
def lived(promoted_once: Path, copy: Project, tmp_path: Path) -> Project:
    """The history's files, labelled by the shipped models, and a champion since that sees everything threefold."""
    models = shutil.copytree(promoted_once, tmp_path / "models")
    return Project(tmp_path, FLYWHEEL_MODELS_DIR=str(models))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("artefacts")
    write_artefacts(directory)
    return directory


@pytest.fixture
def models_dir(made_once: Path, tmp_path: Path) -> Path:
    """A bundle of one's own, to break at will."""
    return Path(shutil.copytree(made_once, tmp_path / "models"))
