"""A project that version 0.1.0 as of 2026-11-20 made: warehouse, models and record of runs go on working.

`previous_version.tar.xz` was made by that version: three intervals of 60 users, run, segmented and reported; its pages
and pictures are left out."""

import os
import re
import sys
import tarfile
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.needs import needs
from flywheel_assets.settings import Settings
from flywheel_assets_tests.projects import sessions

ARCHIVE = Path(__file__).with_name("previous_version.tar.xz")
KEYS = ("2024-01-01", "2024-01-15", "2024-01-29")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, unpacked with the times of its files to the nanosecond, by which landing knows them."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
        for member in archive:
            written = int(Decimal(member.pax_headers.get("mtime", str(member.mtime))) * 10**9)
            os.utime(tmp_path / member.name, ns=(written, written))
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*arguments: str) -> str:
    sys.modules.pop("flywheel_assets.definitions", None)  # which reads the settings of the folder
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def states(output: str) -> dict[str, str]:
    """The state of each interval, by its key, out of `flywheel status`."""
    lines = [line.split() for line in output.splitlines()]
    return {words[0]: words[5] for words in lines if words and words[0] in KEYS}


def test_only_rules_that_changed_make_it_stale_and_it_is_told_as_it_was(folder: Path) -> None:
    for _ in range(2):
        told = typed("status")
        assert states(told) == dict.fromkeys(KEYS, "stale")
        assert "trimmed_sessions: version 1 of its rule made it, and the rule is now" in " ".join(told.split())
        for path in (folder / "data" / "landing").iterdir():
            path.touch()
    assert "91da16f22ffd  champion" in typed("models", "list")
    assert "of 1,081 sessions, 2024-01-01 to 2024-01-29" in typed("segments", "show")
    assert "u000012 in 2024-01-29 - 2024-02-11: 5 sessions" in typed("explain", "u000012")


def test_models_fitted_on_another_minimum_leave_what_landed_as_it_is_unless_values_become_valid(folder: Path) -> None:
    manifest = folder / "models" / "manifest.json"
    fitted, fitted_on = manifest.read_text(), re.compile(r'("minimums": \[\s*)[0-9.]+')
    manifest.write_text(fitted_on.sub(r"\g<1>7.5", fitted, count=1))
    assert made_by_champion() == "trimmed_sessions"

    manifest.write_text(fitted_on.sub(r"\g<1>-7.5", fitted, count=1))
    assert made_by_champion() == "landed_sessions"


def made_by_champion() -> str:
    """The first table that a rescore of the first interval makes."""
    with Flywheel.open(Settings.read()) as flywheel:
        (need,) = needs(flywheel, flywheel.spine, [flywheel.interval(KEYS[0])], by_champion=True)
    return next(iter(need.tables))


def test_reports_clusters_and_late_sessions_join_it(folder: Path) -> None:
    typed("run")
    assert states(typed("status")) == dict.fromkeys(KEYS, "done")
    assert "3 of 3 reports made" in typed("report")
    pq.write_table(sessions(("late", "2024-01-30 10", 5.0)), folder / "data" / "landing" / "late.parquet")
    assert states(typed("status")) == {KEYS[0]: "done", KEYS[1]: "done", KEYS[2]: "stale"}

    typed("run", "--from", KEYS[2])
    assert states(typed("status")) == dict.fromkeys(KEYS, "done")
    assert "session_predictions 1 0 0" in " ".join(typed("status", "--changes", KEYS[2]).split())
    typed("segments", "assign")
    assert "1 of 3 reports made" in typed("report", "--interval", KEYS[2])
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert len(runs) > 10
        assert all(instance.all_logs(run.run_id) for run in runs), "those of then have files, those of now have none"
        assert not (folder / ".dagster" / "history" / "runs" / f"{runs[0].run_id}.db").exists()


def test_its_record_stays_in_use_where_somebody_edited_the_configuration(folder: Path) -> None:
    config = folder / ".dagster" / "dagster.yaml"
    config.write_text(config.read_text() + "# ours\n")
    typed("run")

    assert states(typed("status")) == dict.fromkeys(KEYS, "done")
    assert config.read_text().endswith("# ours\n")
    with dg.DagsterInstance.get() as instance:
        assert all(instance.all_logs(run.run_id) for run in instance.get_runs())
