"""One candidate of few kinds, trained once."""

from pathlib import Path

import pytest

from flywheel_assets.training.classifier.candidate import ClassifierCandidate, train_classifier
from flywheel_assets_tests.training.classifier.rows import FEW, NOW, examples, task


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ClassifierCandidate:
    """Not to be changed: copy its folder."""
    folder: Path = tmp_path_factory.mktemp("classifier")
    return train_classifier(task(folder), examples(), "flywheel conversion train", NOW, lambda line: None, tried=FEW)
