"""The sensors over a folder of files and a record of runs: what a tick asks for, says and leaves for the next."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.landing import assets
from flywheel_assets.orchestration import sensors
from flywheel_assets.orchestration.processes import PROCESS_TAG
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.ingest.projects import events_project, land_events
from flywheel_assets_tests.projects import QUIET, TABLES, Project, sessions

CLOSED = datetime(2024, 3, 11, tzinfo=UTC)
"""The moment in which the last interval of the history closes."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, datetime]]:
    """The sensors' clock, at the close of the history until it is set."""
    at = {"now": CLOSED}
    monkeypatch.setattr(Flywheel, "now", lambda self: at["now"])
    # Files of tests are of June 2024, after that moment: all but those of today count as settled.
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", -(datetime.now(UTC) - CLOSED).total_seconds() + 10)
    return at


class Daemon:
    """What the daemon does, in this process: evaluates a sensor, keeps its cursor, runs what it asks for."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.repository = definitions(project.settings).get_repository_def()
        self.cursors: dict[str, str | None] = {}
        self.asked: list[str] = []

    def tick(self, name: str = "landing_sensor", run: bool = True) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            self.project.instance,
            cursor=self.cursors.get(name),
            repository_def=self.repository,
        )
        found = self.repository.get_sensor_def(name)(context)
        if isinstance(found, dg.SensorResult):
            self.cursors[name] = found.cursor
            for request in found.run_requests if run else ():
                self.execute(name, request)
        return found

    def execute(self, name: str, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        self.asked.append(request.run_key)
        job = self.repository.get_job(self.repository.get_sensor_def(name).job_name)
        return job.execute_in_process(
            run_config=QUIET,
            instance=self.project.instance,
            partition_key=request.partition_key,
            tags={**request.tags, sensors.RUN_KEY_TAG: request.run_key},
            raise_on_error=False,
        )

    def until_quiet(self) -> None:
        for _ in range(20):
            if not any([keys(self.tick()), keys(self.tick("transitions_sensor"))]):
                return
        raise AssertionError("the sensors ask for ever")


def keys(found: dg.SensorResult | dg.SkipReason) -> list[str]:
    """The intervals that a tick asks for."""
    return [r.partition_key for r in found.run_requests or ()] if isinstance(found, dg.SensorResult) else []


def said(found: dg.SensorResult | dg.SkipReason) -> str:
    """Why a tick asks for nothing."""
    reason = found.skip_reason if isinstance(found, dg.SensorResult) else found
    assert reason is not None
    return getattr(reason, "skip_message", reason) or ""


def observed(found: dg.SensorResult | dg.SkipReason) -> list[dict[str, Any]]:
    assert isinstance(found, dg.SensorResult)
    return [{k: v.value for k, v in event.metadata.items()} for event in found.asset_events]


@pytest.fixture
def daemon(project: Project) -> Daemon:
    project.land("january.parquet", sessions(("ann", "2024-01-15 00", 3), ("bob", "2024-02-12 23", 1)))
    return Daemon(project)


@pytest.fixture
def after(copy: Project) -> Daemon:
    """Beside the history, which `flywheel run` made."""
    return Daemon(copy)


def touch(path: Path) -> None:
    """As if the file were being written."""
    os.utime(path, (time.time(), time.time()))


def test_landed_files_lead_to_all_tables_with_nothing_else_asked_for(daemon: Daemon) -> None:
    daemon.until_quiet()

    with daemon.project.flywheel() as flywheel:
        for table in TABLES:
            assert flywheel.warehouse.exists(table, flywheel.interval(FIRST)), table
            assert flywheel.warehouse.exists(table, flywheel.interval(LAST)), table
    assert len(daemon.asked) == len(set(daemon.asked)) == 8


def test_what_flywheel_run_made_is_not_made_again(after: Daemon) -> None:
    assert said(after.tick()) == "2 files, nothing new"
    assert said(after.tick("transitions_sensor")) == "label_transitions of 4 intervals, nothing new"


def test_a_late_file_runs_its_interval_and_the_transitions_of_the_next(after: Daemon) -> None:
    after.project.land("late.parquet", sessions(("eve", "2024-01-29 05", 6)), minute=5)

    assert keys(after.tick()) == [GAP]
    assert keys(after.tick("transitions_sensor")) == [GAP, AFTER_GAP]
    moves = {(r["From_Label"], r["User_Count"]) for r in after.project.rows("label_transitions", GAP)}
    assert ("Absent", 1) in moves
    after.until_quiet()


def test_a_late_event_runs_its_interval_and_the_one_whose_session_it_extends(tmp_path: Path) -> None:
    project = events_project(tmp_path)
    rows = [
        ("ann", "2024-01-14 23:50", "view"),
        ("bob", "2024-01-20 10:00", "view"),
        ("bob", "2024-02-03 10:00", "buy"),
    ]
    land_events(project, "january.parquet", *rows)
    daemon = Daemon(project)
    assert keys(daemon.tick()) == ["2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12"]
    assert keys(daemon.tick()) == []
    land_events(project, "late.parquet", ("ann", "2024-01-15 00:05", "view"), minute=1)

    assert keys(daemon.tick()) == ["2024-01-01", "2024-01-15"]
    assert [row["events"] for row in project.rows("event_sessions", "2024-01-01")] == [2]
    assert keys(daemon.tick()) == []


def test_an_interval_that_is_open_waits_and_runs_when_it_closes(after: Daemon, clock: dict[str, datetime]) -> None:
    after.project.land("march.parquet", sessions(("eve", "2024-03-12 05", 6)), minute=5)
    assert keys(after.tick()) == []

    clock["now"] = datetime(2024, 3, 24, 23, 59, 59, tzinfo=UTC)
    assert keys(after.tick()) == []
    clock["now"] = datetime(2024, 3, 25, tzinfo=UTC)
    assert keys(after.tick()) == ["2024-03-11"]


def test_a_young_file_is_left_for_the_next_tick(daemon: Daemon) -> None:
    touch(daemon.project.settings.landing_dir / "january.parquet")

    assert "1 still being written: january.parquet" in said(daemon.tick())


def test_an_old_file_that_is_not_parquet_is_named_and_hides_no_other(after: Daemon) -> None:
    (after.project.settings.landing_dir / "broken.parquet").write_bytes(b"PAR1 not quite")
    os.utime(after.project.settings.landing_dir / "broken.parquet", (1.7e9, 1.7e9))
    assert "set aside: broken.parquet is not readable as parquet" in said(after.tick())

    after.project.land("late.parquet", sessions(("eve", "2024-02-27 05", 6)), minute=5)
    found = after.tick()
    assert keys(found) == [LAST]
    assert "broken.parquet" in observed(found)[0]["set_aside"]
    assert "broken.parquet" in said(after.tick())


def test_what_is_not_read_is_named_and_hides_no_other(after: Daemon) -> None:
    folder = after.project.settings.landing_dir
    (folder / os.fsdecode(b"caf\xe9.parquet")).write_bytes((folder / "january.parquet").read_bytes())
    (folder / "late.csv").write_text("session_id")
    found = after.tick()
    assert keys(found) == []
    assert observed(found)[0]["files_set_aside"] == 2
    assert r"set aside: caf\xe9.parquet is not read: the name is not UTF-8" in said(found)
    assert "set aside: late.csv is not read" in said(after.tick())


def test_a_landing_folder_that_was_copied_or_touched_runs_nothing(after: Daemon, clock: dict[str, datetime]) -> None:
    after.tick()
    for path in after.project.settings.landing_dir.iterdir():
        os.utime(path, (1.7e9, 1.7e9))
    assert said(after.tick()) == "2 files, nothing new"
    assert observed(after.tick()) == []


def test_a_file_replaced_with_its_size_and_time_kept_runs_its_interval(after: Daemon) -> None:
    after.tick()
    path = after.project.settings.landing_dir / "january.parquet"
    size = path.stat().st_size
    changed = sessions(("ann", "2024-01-15 00", 4), ("ann", "2024-01-20 08", 40), ("bob", "2024-01-28 23", 1))
    after.project.land("january.parquet", changed)
    assert path.stat().st_size == size
    found = after.tick(run=False)
    assert keys(found) == [FIRST]
    assert found.run_requests[0].tags["flywheel/because"] == "january.parquet changed"


def test_a_file_that_vanished_runs_nothing(after: Daemon) -> None:
    (after.project.settings.landing_dir / "january.parquet").unlink()

    assert keys(after.tick()) == []


def test_an_interval_that_lost_sessions_fails_once_and_waits_for_a_person(after: Daemon) -> None:
    (after.project.settings.landing_dir / "january.parquet").unlink()
    after.project.land("late.parquet", sessions(("eve", "2024-01-16 05", 6)), minute=5)
    assert keys(after.tick()) == [FIRST]

    assert keys(again := after.tick()) == []
    assert "waiting for a person or new files" in said(again)
    assert FIRST in said(again)
    (failed,) = after.project.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert failed.tags["dagster/partition"] == FIRST
    assert failed.tags["flywheel/because"] == "late.parquet landed"


def test_a_file_that_is_put_back_as_it_was_before_it_was_replaced_runs_again(after: Daemon) -> None:
    january = after.project.table("landed_sessions", FIRST).num_rows
    kept = (after.project.settings.landing_dir / "january.parquet").read_bytes()
    for _ in range(2):
        after.project.land("january.parquet", sessions(("ann", "2024-01-15 00", 3)), minute=5)
        assert keys(after.tick()) == [FIRST]
        assert after.project.table("landed_sessions", FIRST).num_rows == 1
        (after.project.settings.landing_dir / "january.parquet").write_bytes(kept)
        modified = datetime(2024, 6, 1, 12, tzinfo=UTC).timestamp()
        os.utime(after.project.settings.landing_dir / "january.parquet", (modified, modified))
        assert keys(after.tick()) == [FIRST]
        assert after.project.table("landed_sessions", FIRST).num_rows == january
        after.tick("transitions_sensor")
    assert said(after.tick("transitions_sensor")) == "label_transitions of 4 intervals, nothing new"


def test_a_tick_reads_so_many_files_and_goes_on_at_the_next(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "MOST_FILES", 1)
    daemon.project.land("february.parquet", sessions(("ann", "2024-02-27 00", 3)), minute=1)
    daemon.project.land("late.parquet", sessions(("eve", "2024-02-27 00", 3)), minute=2)

    waiting = [observed(daemon.tick(run=False))[0]["files_waiting"] for _ in range(3)]

    assert waiting == [2, 1, 0]


def test_a_tick_asks_for_so_many_runs_and_goes_on_at_the_next(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MOST_REQUESTS", 3)

    assert keys(daemon.tick()) == [FIRST, GAP, AFTER_GAP]
    assert keys(daemon.tick()) == [LAST]
    assert keys(daemon.tick("transitions_sensor")) == [FIRST, GAP, AFTER_GAP]
    assert keys(daemon.tick("transitions_sensor")) == [LAST]


def test_runs_that_failed_keep_none_waiting_behind_them(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MOST_REQUESTS", 1)
    first = daemon.tick(run=False)
    daemon.project.instance.add_run(
        dg.DagsterRun(
            job_name="labels",
            status=dg.DagsterRunStatus.FAILURE,
            tags={sensors.RUN_KEY_TAG: first.run_requests[0].run_key, "dagster/partition": FIRST},
        )
    )

    assert keys(daemon.tick(run=False)) == [GAP]


def test_an_interval_with_an_unfinished_run_is_not_asked_for(daemon: Daemon) -> None:
    for key, status in ((FIRST, dg.DagsterRunStatus.NOT_STARTED), (LAST, dg.DagsterRunStatus.STARTED)):
        daemon.project.instance.add_run(
            dg.DagsterRun(job_name="labels", status=status, tags={"dagster/partition": key})
        )

    assert keys(daemon.tick(run=False)) == [GAP, AFTER_GAP]


def test_a_tick_ends_runs_whose_process_is_gone_so_that_they_hold_no_interval(daemon: Daemon) -> None:
    host = os.uname().nodename
    daemon.project.instance.add_run(
        dg.DagsterRun(
            job_name="labels",
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": FIRST, PROCESS_TAG: f"{host}/{2**22 + 1}/1.00"},
        )
    )

    assert FIRST in keys(daemon.tick(run=False))


def test_the_landing_folder_is_observed_when_something_changed_in_it_and_only_then(after: Daemon) -> None:
    assert observed(after.tick()) == [{"files": 2, "rows": 8, "files_set_aside": 0, "files_waiting": 0}]
    assert observed(after.tick()) == []

    after.project.land("march.parquet", sessions(("eve", "2024-03-12 05", 6)), minute=5)
    assert observed(after.tick()) == [{"files": 3, "rows": 9, "files_set_aside": 0, "files_waiting": 0}]
    assert observed(after.tick()) == []


@pytest.mark.parametrize("name", ["landing_sensor", "transitions_sensor"])
def test_a_landing_folder_that_is_not_there_is_said_and_is_no_failure_of_the_tick(project: Project, name: str) -> None:
    project.settings.landing_dir.rmdir()

    assert "there is no landing folder" in said(Daemon(project).tick(name))


def test_all_sensors_are_on_by_default_and_those_of_tables_tick_every_fifteen_seconds(project: Project) -> None:
    found = Daemon(project).repository.sensor_defs
    assert {sensor.default_status for sensor in found} == {dg.DefaultSensorStatus.RUNNING}
    assert {s.minimum_interval_seconds for s in found if s.name != "prune_sensor"} == {15}


def test_landing_runs_everything_but_the_transitions_each_with_its_checks(project: Project) -> None:
    made = definitions(project.settings)
    labels, transitions = (made.resolve_job_def(job).asset_layer for job in ("labels", "transitions"))

    def tables(layer: Any) -> set[str]:
        return {key.to_user_string() for key in layer.executable_asset_keys}

    assert tables(transitions) == {"label_transitions"}
    assert tables(labels) == set(TABLES) - {"label_transitions"}


def test_runs_of_the_sensors_evaluate_every_check_of_their_tables(daemon: Daemon) -> None:
    found = {
        name: daemon.execute(name, daemon.tick(name, run=False).run_requests[0])
        for name in ("landing_sensor", "transitions_sensor")
    }

    checked = {
        name: {c.asset_key.to_user_string() for c in r.get_asset_check_evaluations()} for name, r in found.items()
    }
    assert checked["transitions_sensor"] == {"label_transitions"}
    assert checked["landing_sensor"] == set(TABLES) - {"label_transitions"}
    assert sum(len(result.get_asset_check_evaluations()) for result in found.values()) == 29


def test_what_was_deleted_is_made_again_each_time(daemon: Daemon) -> None:
    daemon.until_quiet()
    for table in ("label_transitions", "label_transitions", "enriched_export"):
        asked = len(daemon.asked)
        daemon.project.path(table, GAP).unlink()
        daemon.until_quiet()

        assert daemon.project.path(table, GAP).is_file()
        assert len(daemon.asked) == asked + 1
    shutil.rmtree(daemon.project.settings.warehouse_dir)
    daemon.until_quiet()
    assert daemon.project.path("label_transitions", LAST).is_file()


def test_a_run_that_ended_after_landed_sessions_is_asked_for_once_more(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("flywheel_assets.sessions.trimmed_sessions.too_small", full)
        daemon.tick()
    assert not daemon.project.path("user_labels", FIRST).exists()

    daemon.until_quiet()
    assert daemon.project.path("label_transitions", LAST).is_file()


def test_a_late_file_whose_run_ended_early_is_asked_for_once_more(
    after: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    after.project.land("late.parquet", sessions(("eve", "2024-02-27 05", 6)), minute=5)
    with monkeypatch.context() as patch:
        patch.setattr("flywheel_assets.sessions.trimmed_sessions.too_small", lambda *_: 1 / 0)
        assert keys(after.tick()) == [LAST]

    assert keys(found := after.tick()) == [LAST]
    assert isinstance(found, dg.SensorResult)
    assert [r.tags["flywheel/because"] for r in found.run_requests or ()] == ["no run reached trimmed_sessions"]
    assert keys(after.tick()) == []
    assert {row["user_id"] for row in after.project.rows("user_labels", LAST)} == {"ann", "cy", "dan", "eve"}
