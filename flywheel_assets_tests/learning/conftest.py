import shutil
from pathlib import Path

import pytest

from flywheel_assets_tests.bundles import write_artefacts


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("artefacts")
    write_artefacts(directory)
    return directory


@pytest.fixture
def models_dir(made_once: Path, tmp_path: Path) -> Path:
    """A bundle of one's own, to break at will."""
    return Path(shutil.copytree(made_once, tmp_path / "models"))
