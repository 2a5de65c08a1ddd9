"""`flywheel report`, as somebody types it in a folder of their own."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli import main
from flywheel_assets.defs.flywheel import Flywheel
from flywheel_assets_tests.histories import FIRST, GAP, LAST, history_in
from flywheel_assets_tests.projects import MODELS

Type = Callable[..., Result]


@pytest.fixture
def flywheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Type:
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

    def typed(*arguments: str) -> Result:
        monkeypatch.delitem(sys.modules, "flywheel_assets.definitions", raising=False)
        return CliRunner().invoke(main, arguments)

    return typed


def test_it_makes_what_is_missing_and_says_where_it_is(
    flywheel: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    folder = tmp_path / "data" / "warehouse" / "reports"
    first, gap = (f"interval_{n:03d}_{days}.html" for n, days in ((2, f"{FIRST}_2024-01-28"), (3, f"{GAP}_2024-02-11")))

    made = flywheel("report")
    assert made.exit_code == 0
    assert "2 of 2 reports made" in made.stdout
    assert f"index: {folder / 'index.html'}\ninterval {GAP}: {folder / gap}\n" in made.stdout
    assert sorted(path.name for path in folder.glob("*.html")) == ["index.html", first, gap]

    alone = tmp_path / "to send.html"
    again = flywheel("report", "--interval", FIRST, "--standalone", str(alone), "--open")
    assert again.exit_code == 0
    assert "0 of 2 reports made" in again.stdout
    assert f"interval {FIRST}: {folder / first}\nby itself: {alone}\n" in again.stdout
    assert "2 users were active in this first interval" in alone.read_text()
    assert 'src="plotly.min.js"' not in alone.read_text()
    assert opened == [str(folder / first)]


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
    assert "no table is concerned" in told
    assert "0 of 1 reports made, some could not be made" in told
    assert "index:" not in told
