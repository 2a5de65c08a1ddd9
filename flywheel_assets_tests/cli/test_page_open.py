"""`flywheel conversion open`, as somebody types it."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from flywheel_assets_tests.conversion.projects import conversion_project, made
from flywheel_assets_tests.conversion.test_conversion_predictions import KEYS, events
from flywheel_assets_tests.ingest.projects import land_events


@pytest.mark.usefixtures("record_in_memory")
def test_it_makes_the_page_where_it_is_stale_and_opens_it(
    folder: Path, flywheel: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))  # type: ignore[func-returns-value]
    nothing = flywheel("conversion", "open")
    assert nothing.exit_code == 2
    assert "conversion_dataset of every interval is missing: flywheel run" in nothing.output
    project = conversion_project(folder)
    land_events(project, "2024.parquet", *events())
    made(project, *KEYS[:2], tables=("event_sessions", "session_horizons", "conversion_dataset"))

    last = flywheel("conversion", "open")
    assert last.exit_code == 0, last.output
    page = folder / "data" / "warehouse" / "reports" / f"conversion_002_{KEYS[1]}_2024-01-28.html"
    assert last.stdout == f"page: {page}\n"
    assert opened == [page.as_uri()]
    assert "Train a model: flywheel conversion train" in page.read_text()
    written = page.stat().st_mtime_ns
    assert flywheel("conversion", "open").exit_code == 0
    assert page.stat().st_mtime_ns == written
