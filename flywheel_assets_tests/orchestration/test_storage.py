"""The storage tells what Dagster's own tells, in one file, over connections that stay open."""

import inspect
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from flywheel_assets.orchestration import storage
from flywheel_assets.orchestration.run_retention import prune
from flywheel_assets.orchestration.storage import FlywheelStorage
from flywheel_assets_tests.projects import QUIET
from flywheel_assets_tests.records import AFTERWARDS, record_job

OURS = """telemetry: {enabled: false}
storage:
  custom:
    module: flywheel_assets.orchestration.storage
    class: FlywheelStorage
    config: {base_dir: {env: DAGSTER_HOME}}
"""

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")

Opened = Callable[..., AbstractContextManager[dg.DagsterInstance]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a record: ours, or Dagster's own. The same home each time unless another is named."""

    @contextmanager
    def opened(ours: bool = True, home: str = "home") -> Iterator[dg.DagsterInstance]:
        folder = tmp_path / home
        folder.mkdir(exist_ok=True)
        (folder / "dagster.yaml").write_text(OURS if ours else "telemetry: {enabled: false}\n")
        monkeypatch.setenv("DAGSTER_HOME", str(folder))
        with dg.DagsterInstance.get() as instance:
            assert isinstance(instance.event_log_storage, storage._Events) == ours
            yield instance

    return opened


def run(instance: dg.DagsterInstance, key: str) -> str:
    """A run of the job for a partition, by its id."""
    return record_job().execute_in_process(QUIET, instance=instance, partition_key=key).run_id


def tags(key: str) -> dict[str, str]:
    return {"dagster/partition": key}


def account(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI asks of a record: logs, statistics, materializations and checks."""
    table, check = dg.AssetKey("table"), dg.AssetCheckKey(dg.AssetKey("table"), "rows")
    runs = instance.get_runs()
    logs = [
        [(e.dagster_event_type, e.step_key, e.dagster_event.partition) for e in instance.all_logs(run.run_id)]
        for run in runs
    ]
    stats = [instance.get_run_stats(run.run_id) for run in runs]
    materialized = instance.fetch_materializations(table, limit=10).records
    storage = instance.event_log_storage
    checks = storage.get_asset_check_execution_history(check, limit=10)
    return {
        "runs": [(run.status, run.tags["dagster/partition"], run.is_partitioned) for run in runs],
        "logs": logs,
        "stats": [(one.steps_succeeded, one.materializations, one.steps_failed) for one in stats],
        "steps": [
            [(step.step_key, step.status, len(step.materialization_events)) for step in instance.get_run_step_stats(id)]
            for id in (run.run_id for run in runs)
        ],
        "materializations": [(one.partition_key, one.asset_materialization.metadata) for one in materialized],
        "partitions": instance.get_materialized_partitions(table),
        "latest": sorted(instance.get_latest_storage_id_by_partition(table, dg.DagsterEventType.ASSET_MATERIALIZATION)),
        "checks": [(one.status, one.partition, one.event.dagster_event.event_type) for one in checks],
        "check of a partition": [
            (one.partition_key, one.latest_execution_status) for one in storage.get_asset_check_partition_info([check])
        ],
        "succeeded": len(instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, 10).records),
    }


def test_it_tells_what_dagsters_own_storage_tells(opened: Opened) -> None:
    accounts = []
    for ours in (True, False):
        with opened(ours, f"ours_{ours}") as instance:
            for key in ("2024-01-01", "2024-01-15", "2024-01-01"):
                run(instance, key)
            accounts.append(account(instance))

    assert accounts[0] == accounts[1]
    assert accounts[0]["succeeded"] == 3
    assert accounts[0]["partitions"] == {"2024-01-01", "2024-01-15"}


def test_dagsters_internals_are_as_the_storage_knows_them() -> None:
    """A change of Dagster's that this finds: look at what `storage.py` overrides, and measure again."""
    for ours in (storage._Runs, storage._Schedules, storage._Events):
        theirs = ours.__bases__[0]
        for name in {name for name in vars(ours) if name in dir(theirs)} - {"__init__", "__module__", "__doc__"}:
            if name.startswith("__") or not callable(getattr(theirs, name)):
                continue
            new, old = (list(inspect.signature(getattr(one, name)).parameters) for one in (ours, theirs))
            assert new in (old, ["self", "args", "kwargs"]), f"{theirs.__name__}.{name}"
        missing = {n for n in vars(ours) if not n.startswith("__")} - set(dir(theirs)) - {"_has_file"}
        assert not missing, f"{theirs.__name__} no longer has {missing}"
    expected = {"base_dir", "_run_storage", "_event_log_storage", "_schedule_storage", "_inst_data"}
    theirs = inspect.getsource(storage.DagsterSqliteStorage.__init__)
    assert {name for name in expected if f"self.{name} =" in theirs} == expected
    assert theirs.count("self.") == len(expected)


def test_a_run_costs_a_small_part_of_the_bytes_and_no_file(opened: Opened, tmp_path: Path) -> None:
    sizes = {}
    for ours in (True, False):
        with opened(ours, f"ours_{ours}") as instance:
            run(instance, "2024-01-01")
            run(instance, "2024-01-15")
        history = tmp_path / f"ours_{ours}" / "history"
        sizes[ours] = sum(path.stat().st_size for path in history.rglob("*.db"))
        assert len(list((history / "runs").glob("*.db"))) == (1 if ours else 3)

    assert sizes[True] < sizes[False] / 2.5


def test_runs_that_dagsters_own_storage_recorded_are_read_and_ended_where_they_are(opened: Opened) -> None:
    with opened(ours=False) as instance:
        finished = run(instance, "2024-01-01")
        before = account(instance)
        killed = instance.add_run(dg.DagsterRun("record", status=dg.DagsterRunStatus.STARTED, tags=tags("2024-01-29")))
        instance.report_engine_event("it began", killed)
    with opened() as instance:
        instance.report_run_failed(killed, "it was killed")
        assert [event.message for event in instance.all_logs(killed.run_id)] == ["it began", "it was killed"]
        run(instance, "2024-01-15")
        for run_id in [r.run_id for r in instance.get_runs() if r.run_id != finished]:
            instance.delete_run(run_id)
        assert account(instance) == before


def test_a_look_by_dagsters_own_storage_hides_no_run(opened: Opened) -> None:
    with opened() as instance:
        run_id = run(instance, "2024-01-01")
        logs = len(instance.all_logs(run_id))
    with opened(ours=False) as instance:
        assert instance.all_logs(run_id) == []  # and makes an empty file of the run
    with opened() as instance:
        assert len(instance.all_logs(run_id)) == logs > 10


def open_files(folder: Path) -> int:
    return sum(Path(file.path).is_relative_to(folder) for file in psutil.Process().open_files())


def test_connections_stay_open_until_the_record_is_closed(opened: Opened, tmp_path: Path) -> None:
    with opened() as instance:
        run(instance, "2024-01-01")
        while_open = open_files(tmp_path)
        for key in ("2024-01-15", "2024-01-29"):
            run(instance, key)
        assert open_files(tmp_path) == while_open > 2
    assert open_files(tmp_path) == 0
    assert not list(tmp_path.rglob("*-wal")), "the last one to close a file leaves no log of it"


def test_threads_write_side_by_side(opened: Opened) -> None:
    with opened() as instance:
        runs = [instance.add_run(dg.DagsterRun("record", tags=tags(key))) for key in KEYS]

        def report(run: dg.DagsterRun) -> None:
            for n in range(50):
                instance.report_engine_event(str(n), run)

        threads = [threading.Thread(target=report, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        told = [[event.message for event in instance.all_logs(run.run_id)] for run in runs]
        assert told == [[str(n) for n in range(50)]] * 4


def test_processes_write_side_by_side(opened: Opened) -> None:
    with opened() as instance:
        expected = len(instance.all_logs(run(instance, "2024-01-01")))
        code = (
            "import dagster as dg, sys\n"
            "from flywheel_assets_tests.orchestration import test_storage as t\n"
            "with dg.DagsterInstance.get() as instance:\n"
            "    for _ in range(3): t.run(instance, sys.argv[1])\n"
        )
        others = [subprocess.Popen([sys.executable, "-c", code, key]) for key in KEYS[1:]]
        for _ in range(3):
            run(instance, KEYS[0])

        assert [other.wait(120) for other in others] == [0, 0, 0]
        assert [len(instance.all_logs(run.run_id)) for run in instance.get_runs()] == [expected] * 13


def test_a_forked_process_uses_connections_of_its_own(opened: Opened) -> None:
    with opened() as instance:
        run(instance, "2024-01-01")
        child = os.fork()
        if not child:
            try:
                run(instance, "2024-01-15")
                instance.dispose()
                os._exit(0)
            finally:
                os._exit(1)
        run(instance, "2024-01-29")

        assert os.waitpid(child, 0)[1] == 0
        assert len({len(instance.all_logs(run.run_id)) for run in instance.get_runs()}) == 1
        assert instance.get_runs_count() == 3


def test_a_record_that_was_deleted_and_begun_anew_is_the_one_that_is_used(opened: Opened, tmp_path: Path) -> None:
    with opened() as instance:
        run(instance, "2024-01-01")
        shutil.rmtree(tmp_path / "home")
        with opened() as other:
            run_id = run(other, "2024-01-15")

        assert [run.run_id for run in instance.get_runs()] == [run_id]
        assert instance.all_logs(run_id)


def test_who_watches_a_run_is_told_what_happens(opened: Opened) -> None:
    with opened() as instance:
        watched = instance.add_run(dg.DagsterRun("record", status=dg.DagsterRunStatus.STARTED))
        told, ended = [], threading.Event()

        def tell(event: dg.EventLogEntry, cursor: str) -> None:
            told.append(event.message)
            ended.set()

        instance.watch_event_logs(watched.run_id, None, tell)
        instance.report_run_failed(watched, "it was killed")
        assert ended.wait(10)
        instance.end_watch_event_logs(watched.run_id, tell)

        assert told == ["it was killed"]


def test_what_is_deleted_leaves_nothing_behind_and_the_files_shrink(opened: Opened, tmp_path: Path) -> None:
    with opened(ours=False) as instance:
        run(instance, "2024-01-01")
    with opened() as instance:
        for _ in range(5):
            run(instance, "2024-01-01")
        index = tmp_path / "home" / "history" / "runs" / "index.db"
        instance.dispose()
        before = index.stat().st_size
        last = instance.get_runs(limit=1)[0].run_id

        assert prune(instance, AFTERWARDS) == 5
        instance.dispose()
        assert index.stat().st_size < before * 0.6
        assert {run.run_id for run in instance.get_runs()} == {last}
        assert [path.name for path in index.parent.iterdir()] == ["index.db"]
        check = dg.AssetCheckKey(dg.AssetKey("table"), "rows")
        assert len(instance.event_log_storage.get_asset_check_execution_history(check, limit=10)) == 1


def test_it_is_the_class_that_the_shipped_configuration_names() -> None:
    shipped = (Path(storage.__file__).parents[1] / "dagster.yaml").read_text()

    assert f"module: {FlywheelStorage.__module__}" in shipped
    assert f"class: {FlywheelStorage.__name__}" in shipped
