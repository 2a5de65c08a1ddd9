"""`flywheel conversion`, as somebody types it in a folder of their own."""

from pathlib import Path

import pytest

from flywheel_assets_tests.cli.conftest import Type
from flywheel_assets_tests.conversion.projects import OPTIONS, TEXT
from flywheel_assets_tests.conversion.test_conversion_dataset import EVENTS, FIRST
from flywheel_assets_tests.ingest.projects import events_project, land_events, mapping_text
from flywheel_assets_tests.projects import MODELS


@pytest.fixture
def with_events(folder: Path) -> Path:
    project = events_project(folder, mapping_text(options=OPTIONS, extra=TEXT), FLYWHEEL_MODELS_DIR=str(MODELS))
    land_events(project, "2024.parquet", *EVENTS)
    return folder


def said(flywheel: Type, *words: str) -> str:
    result = flywheel("conversion", *words)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_a_definition_is_written_once_and_checked_before_anything_is_made(with_events: Path, flywheel: Type) -> None:
    assert "conversion.toml is missing; to write it: flywheel conversion init" in flywheel("conversion", "check").stderr
    assert "next: flywheel conversion check" in said(flywheel, "init")
    assert "is there already, and stays as it is" in flywheel("conversion", "init").stderr
    path = with_events / "conversion.toml"
    assert 'kinds = ["purchases"]' in path.read_text()
    assert 'categories = ["first_item", "last_item"]' in path.read_text()
    path.write_text(path.read_text().replace("events = 3", "events = 2"))
    found = said(flywheel, "check", "--interval", FIRST)
    assert "2024-01-01 - 2024-01-14: an event of purchases, predicted after the first 2 events" in found
    assert "sessions 4 ended before the horizon 1 converted by then 1 in the data set 2 of these convert 1" in found
    assert "rate 50.00%" in found
    last = said(flywheel, "check")
    assert "2024-01-15 - 2024-01-28" in last
    assert "nothing can be learnt from one outcome alone" in last


def test_landed_sessions_are_checked_once_they_are_made(folder: Path, flywheel: Type) -> None:
    said(flywheel, "init", "--outcome", "leads")
    assert 'column = "leads"' in (folder / "conversion.toml").read_text()
    assert "no closed interval has data yet" in flywheel("conversion", "check").stderr
