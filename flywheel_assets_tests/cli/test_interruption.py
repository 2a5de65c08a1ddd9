"""Ctrl-C and TERM: a run finishes the interval that is under way, cleanly, and the next one goes on from there."""

import os
import signal
import threading
from pathlib import Path

import dagster as dg
import pytest

from flywheel_assets.cli.interruption import EXIT_CODE, until_interrupted
from flywheel_assets_tests.daemons import flywheel_run, recorded
from flywheel_assets_tests.processes import wait_until
from flywheel_assets_tests.projects import Project, sessions

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")


@pytest.fixture
def long(tmp_path: Path) -> Project:
    """A project with four intervals to run."""
    project = Project(tmp_path, FLYWHEEL_FIRST_INTERVAL=KEYS[0], FLYWHEEL_LAST_INTERVAL=KEYS[-1])
    project.land("all.parquet", sessions(*(("ann", f"{key} 00", 3) for key in KEYS)))
    return project


def exported(project: Project) -> list[str]:
    with project.flywheel() as flywheel:
        return [key for key in KEYS if flywheel.warehouse.exists("label_transitions", flywheel.interval(key))]


def test_once_the_interval_under_way_is_finished_and_the_next_run_goes_on(long: Project) -> None:
    running = flywheel_run(long)
    running.wait_until(lambda: exported(long), 60)
    running.process.send_signal(signal.SIGTERM)

    assert running.wait(60) == EXIT_CODE, running.said()
    made = exported(long)
    assert 1 <= len(made) < len(KEYS)
    assert "stopping: the interval that is under way is finished first" in running.said()
    assert f"stopped: {len(KEYS) - len(made)} of 4 intervals are left: flywheel run" in running.said()
    with recorded(long) as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}

    assert flywheel_run(long).wait(120) == 0
    assert exported(long) == [*KEYS]


def test_twice_it_ends_now(long: Project) -> None:
    running = flywheel_run(long)
    running.wait_until(lambda: (long.settings.warehouse_dir / "landed_sessions").exists(), 60)
    running.process.send_signal(signal.SIGINT)
    running.wait_until(lambda: "stopping" in running.said(), 20)
    running.process.send_signal(signal.SIGINT)

    assert running.wait(20) == EXIT_CODE
    assert "stopped:" not in running.said()


def test_what_the_work_raises_is_raised_and_signals_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)

    def fails(stopping: threading.Event) -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        until_interrupted(fails, "nothing")
    assert until_interrupted(lambda stopping: 7, "nothing") == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_the_work_sees_that_it_is_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    def work(stopping: threading.Event) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(stopping.is_set, 10)
        return stopping.is_set()

    assert until_interrupted(work, "this piece is finished")
    assert "stopping: this piece is finished first" in capsys.readouterr().err
