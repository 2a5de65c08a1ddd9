"""`flywheel intent open`, as somebody types it."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import TABLES, intent_project
from flywheel_assets_tests.intent.test_user_features import EVENTS, FIRST, SECOND


@pytest.mark.usefixtures("record_in_memory")
def test_it_makes_the_page_where_it_is_stale_and_opens_it_at_a_user(
    folder: Path, flywheel: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))  # type: ignore[func-returns-value]
    nothing = flywheel("intent", "open")
    assert nothing.exit_code == 2
    assert "flywheel intent init" in nothing.output
    project = intent_project(folder)
    land_events(project, "2024.parquet", *EVENTS)
    for key in (FIRST, SECOND):
        assert project.materialize(key, *TABLES).success
    rank = next(row["rank"] for row in project.rows("ranked_users", SECOND) if row["user_id"] == "anna")

    last = flywheel("intent", "open", "--user", "anna")
    assert last.exit_code == 0, last.output
    page = folder / "data" / "warehouse" / "reports" / f"intent_002_{SECOND}_2024-01-28.html"
    assert last.stdout == f"page: {page}#user-{rank}\n"
    assert opened == [f"{page.as_uri()}#user-{rank}"]
    written = page.stat().st_mtime_ns
    assert flywheel("intent", "open").exit_code == 0
    assert opened[1:] == [page.as_uri()]
    assert page.stat().st_mtime_ns == written

    unknown = flywheel("intent", "open", "--interval", FIRST, "--user", "nobody")
    assert unknown.exit_code == 2
    assert f"error: 'nobody' is not on the page of {FIRST}" in unknown.output
