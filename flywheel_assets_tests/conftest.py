"""Fixtures that all tests share."""

from collections.abc import Iterator

import hypothesis
import pytest

from flywheel_assets.storage.engine import DuckDBEngine
from flywheel_assets_tests.browsers import browser as browser
from flywheel_assets_tests.browsers import screenshots as screenshots

# A query takes milliseconds, and the first one more: a deadline an example would only measure the machine.
hypothesis.settings.register_profile("flywheel", deadline=None, max_examples=50)
hypothesis.settings.load_profile("flywheel")


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine("1GB", 2)
    yield engine
    engine.close()
