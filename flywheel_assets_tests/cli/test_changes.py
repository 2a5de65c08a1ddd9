"""`flywheel status --changes KEY`, as somebody types it in a folder of their own."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.histories import FIRST, LAST, history_in
from flywheel_assets_tests.projects import MODELS, Project, sessions

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def copy(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The history's files in the folder where commands are typed, without its record of runs."""
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    return history_in(tmp_path_factory.getbasetemp() / "history").copied_to(tmp_path)


def changes(key: str) -> Result:
    return CliRunner().invoke(main, ["status", "--changes", key])


def test_reruns_are_told_newest_first_with_the_pairs_of_the_newest(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = {row["user_id"]: row["user_flywheel_label"] for row in copy.rows("user_labels", LAST)}["cy"]
    good = {"impressions": 60, "pageviews": 30, "detail_pageviews": 25, "favorites": 5, "leads": 1, "distinct_items": 9}
    rows = [{"session_id": f"cy.{1709200000 + n}", "user_id": "cy", **good} for n in range(12)]
    copy.land("late.parquet", sessions(("eve", LAST + " 05", 6)), minute=5)
    copy.run(LAST)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW + timedelta(hours=1))
    copy.land("later.parquet", sessions(*rows), minute=6)
    copy.run(LAST)
    result = changes(LAST)
    found = {row["user_id"]: row["user_flywheel_label"] for row in copy.rows("user_labels", LAST)}["cy"]

    assert result.exit_code == 0
    lines = [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()]
    assert lines == [
        ["when (UTC)", "table", "added", "removed", "relabelled", "because"],
        ["2024-03-20 13:00:00", "user_labels", "0", "0", "1", "user_distributions changed"],
        ["2024-03-20 13:00:00", "session_predictions", "12", "0", "0", "trimmed_sessions changed"],
        ["2024-03-20 12:00:00", "user_labels", "1", "0", "0", "user_distributions changed"],
        ["2024-03-20 12:00:00", "session_predictions", "1", "0", "0", "trimmed_sessions changed"],
        [""],
        ["Relabelled by the last re-run of user_labels"],
        ["from", "to", "count"],
        [was, found, "1"],
    ]


def test_it_needs_no_record_of_runs(copy: Project) -> None:
    changes(LAST)

    assert not (copy.folder / ".dagster").exists()


def test_an_interval_that_was_never_rerun_says_so(copy: Project) -> None:
    result = changes(FIRST)

    assert result.exit_code == 0
    assert result.stdout == ("interval 2024-01-15 (2024-01-15 - 2024-01-28): no re-run has replaced its first labels\n")


def test_an_interval_that_was_never_run_says_what_to_type(copy: Project) -> None:
    result = changes("2024-03-11")

    assert result.exit_code == 0
    assert result.stdout.endswith("has not been run: flywheel run --from 2024-03-11 --to 2024-03-11\n")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("2024-01-16", "no interval starts on 2024-01-16; the nearest is 2024-01-15"),
        ("tomorrow", "'tomorrow' is not an interval: expected its first day, as in 2024-01-01"),
        ("", "'' is not an interval"),
    ],
)
def test_a_key_that_is_no_interval_is_an_error(copy: Project, key: str, said: str) -> None:
    result = changes(key)

    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
