"""A real browser for tests: Playwright over Debian's chromium. Where it is missing, tests skip and say so.

Playwright keeps an event loop of its own running in the thread that it was started in, and nothing else in that thread
can use asyncio until it ends: so a browser lives as long as one module's tests, and what runs Dagster in the same
process is done before it is asked for, by naming its fixture first.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STEP_SECONDS = 60
"""How long one step in a page may take: the machine may be busy with other things."""

NO_CONNECTIONS_OF_ITS_OWN = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

SCREENSHOTS = "TEST_SCREENSHOTS_DIR"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the PATH (Debian's package of that name)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright (pip install playwright)")
    sync_api.expect.set_options(timeout=STEP_SECONDS * 1000)
    with sync_api.sync_playwright() as playwright:
        # Without the sandbox, because chromium refuses to have one for root, which containers run as.
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", *NO_CONNECTIONS_OF_ITS_OWN], timeout=STEP_SECONDS * 1000
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for pictures of pages: TEST_SCREENSHOTS_DIR, or one of pytest's own."""
    kept = os.environ.get(SCREENSHOTS)
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_page(browser: "Browser", width: int = 1440, height: int = 900) -> "Page":
    """A page in a profile of its own, that wide and high in CSS pixels; close its ``context`` at the end."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(STEP_SECONDS * 1000)
    return page
