"""What the tests of conversion share: a model takes seconds to train."""

import pytest

from flywheel_assets_tests.conversion.projects import predicted_project
from flywheel_assets_tests.projects import Project


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return predicted_project(tmp_path_factory.mktemp("predicted"))
