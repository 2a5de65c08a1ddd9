"""`flywheel report`, as somebody types it in a folder of their own."""

import os
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from flywheel_assets.errors import ReportError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.report.pages import Pages
from flywheel_assets_tests.histories import FIRST, GAP, LAST, history_in
from flywheel_assets_tests.projects import MODELS

Type = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("record_in_memory")


@pytest.fixture
def flywheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, typed: Type
) -> Type:
    """Types `flywheel ...` in a folder with the history's files but for its last two intervals."""
    project = history_in(tmp_path_factory.getbasetemp() / "history").copied_to(tmp_path)
    for later in ("2024-02-12", LAST):
        project.path("user_labels", later).unlink()
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 3, 20, tzinfo=UTC))

    return typed


def test_it_makes_what_is_missing_and_says_where_it_is(
    flywheel: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))  # type: ignore[func-returns-value]
    folder = tmp_path / "data" / "warehouse" / "reports"
    first, gap = (f"interval_{n:03d}_{days}.html" for n, days in ((2, f"{FIRST}_2024-01-28"), (3, f"{GAP}_2024-02-11")))

    made = flywheel("report")
    assert made.exit_code == 0
    assert "2 of 2 reports made\n" in made.stdout
    assert f"index: {folder / 'index.html'}\ninterval {GAP}: {folder / gap}\n" in made.stdout
    assert sorted(path.name for path in folder.glob("*.html")) == ["index.html", first, gap]

    alone = tmp_path / "to send.html"
    again = flywheel("report", "--interval", FIRST, "--standalone", str(alone), "--open")
    assert again.exit_code == 0
    assert "0 of 2 reports made, 2 already up to date\n" in again.stdout
    assert f"interval {FIRST}: {folder / first}\nstandalone: {alone}\n" in again.stdout
    assert "2 users were active in this first interval" in alone.read_text()
    assert 'src="plotly.min.js"' not in alone.read_text()
    assert opened == [(folder / first).as_uri()]


def test_where_no_browser_can_be_opened_it_says_so_and_where_the_page_is(
    flywheel: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    result = flywheel("report", "--open")
    path = tmp_path / "data" / "warehouse" / "reports" / f"interval_003_{GAP}_2024-02-11.html"
    assert result.stderr.splitlines() == [f"error: no browser could be opened here; the report is at {path}"]
    assert path.is_file()


def test_a_page_that_could_not_be_made_anew_is_told_as_of_before_and_neither_sent_nor_opened(
    flywheel: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flywheel("report").exit_code == 0
    page = tmp_path / "data" / "warehouse" / "reports" / f"interval_003_{GAP}_2024-02-11.html"

    def full(*_: object) -> Path:
        raise ReportError("the report could not be written: No space left on device")

    monkeypatch.setattr(Pages, "write", full)
    monkeypatch.setattr(webbrowser, "open", pytest.fail)
    page.write_text("made from what was there before")
    written = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    os.utime(page, (written.timestamp(),) * 2)
    alone = tmp_path / "to send.html"
    result = flywheel("report", "--standalone", str(alone), "--open")
    assert (
        f"interval {GAP}: could not be made; the report of {written.astimezone():%Y-%m-%d %H:%M} stays: {page}"
        in result.stdout
    )
    assert "0 of 2 reports made, 1 already up to date, 1 could not be made" in result.stdout
    assert result.stderr.splitlines() == [
        f"error: the report of {GAP} could not be made, so {alone} was not written and nothing was opened: fix the "
        "errors above"
    ]
    assert not alone.exists()
    assert flywheel("report").exit_code == 1


def test_an_interval_that_was_not_run_is_one_sentence(flywheel: Type) -> None:
    result = flywheel("report", "--interval", LAST)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"error: interval {LAST} ({LAST} - 2024-03-10) has not been run, so there is nothing to report: "
        f"flywheel run --from {LAST} --to {LAST}"
    ]


def test_a_place_that_cannot_be_written_is_one_sentence(flywheel: Type, tmp_path: Path) -> None:
    warehouse = tmp_path / "data" / "warehouse"
    (warehouse / "reports").write_text("not a folder")
    (warehouse / "user_labels" / f"interval_start={GAP}" / "part-0.parquet").unlink()
    result = flywheel("report")
    told = " ".join(result.stdout.split())
    assert result.exit_code == 1
    assert f"{FIRST} failed: interval_report: the report of {FIRST} could not be written to" in told
    assert "no table is affected" in told
    assert "0 of 1 report made, 1 could not be made" in told
    assert f"interval {FIRST}: could not be made, and no earlier report exists" in told
    assert "index:" not in told
