"""Old runs go, and what status, sensors and the UI go by stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.orchestration.run_retention import keep_from, prune, prune_sensor
from flywheel_assets.settings import Settings
from flywheel_assets_tests.projects import QUIET
from flywheel_assets_tests.records import AFTERWARDS, record_job

SUCCESS, FAILURE, STARTED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED
JANUARY, FEBRUARY = "2024-01-01", "2024-01-29"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(
    instance: dg.DagsterInstance,
    key: str | None = JANUARY,
    job: str = "interval",
    status: dg.DagsterRunStatus = SUCCESS,
    assets: tuple[str, ...] = (),
    parent: str | None = None,
) -> str:
    """A run in the record, by its id."""
    made = dg.DagsterRun(
        job_name=job,
        status=status,
        tags={"dagster/partition": key} if key else {},
        asset_selection=frozenset(map(dg.AssetKey, assets)) or None,
        parent_run_id=parent,
        root_run_id=parent,
    )
    return instance.add_run(made).run_id


def left(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_of_each_interval_job_and_selection_the_last_run_stays(instance: dg.DagsterInstance) -> None:
    run(instance)
    run(instance, None, "training")
    last = {
        run(instance),
        run(instance, FEBRUARY),
        run(instance, job="clusters"),
        run(instance, assets=("user_labels",)),
        run(instance, status=FAILURE, assets=("landed_sessions",)),
        run(instance, None, "training"),
    }

    assert prune(instance, AFTERWARDS) == 2
    assert left(instance) == last
    assert prune(instance, AFTERWARDS) == 0


def test_runs_of_the_days_that_are_kept_stay(instance: dg.DagsterInstance) -> None:
    runs = {run(instance) for _ in range(3)}

    assert prune(instance, datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert left(instance) == runs


def test_a_run_that_is_under_way_stays(instance: dg.DagsterInstance) -> None:
    under_way = run(instance, status=STARTED)
    last = run(instance)

    assert prune(instance, AFTERWARDS) == 0
    assert left(instance) == {under_way, last}


def test_the_run_that_made_the_table_stays_when_later_ones_failed(instance: dg.DagsterInstance) -> None:
    def execute(key: str) -> str:
        return record_job().execute_in_process(QUIET, instance=instance, partition_key=key).run_id

    execute(JANUARY)
    made = {execute(JANUARY), execute(FEBRUARY)}
    run(instance, job="record", status=FAILURE)
    failed = run(instance, job="record", status=FAILURE)

    assert prune(instance, AFTERWARDS) == 2
    assert left(instance) == made | {failed}
    assert instance.get_materialized_partitions(dg.AssetKey("table")) == {JANUARY, FEBRUARY}


def test_the_run_that_a_kept_one_is_a_retry_of_stays(instance: dg.DagsterInstance) -> None:
    first = run(instance, status=FAILURE)
    again = run(instance, parent=first)

    assert prune(instance, AFTERWARDS) == 0
    assert left(instance) == {first, again}


def test_a_tick_deletes_the_oldest_and_leaves_the_rest_to_the_next(instance: dg.DagsterInstance) -> None:
    runs = [run(instance) for _ in range(4)]

    assert prune(instance, AFTERWARDS, most=2) == 2
    assert left(instance) == set(runs[2:])


def test_the_sensor_deletes_and_says_how_many(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flywheel_assets.orchestration.run_retention.keep_from", lambda *_: AFTERWARDS)
    run(instance)
    last = run(instance)
    sensor = prune_sensor(Settings.read(environment={}))

    told = sensor(dg.build_sensor_context(instance))
    assert isinstance(told, dg.SkipReason)
    assert told.skip_message == "old runs deleted: 1"
    assert left(instance) == {last}


def test_the_setting_says_how_many_days_are_kept() -> None:
    settings = Settings.read(environment={"FLYWHEEL_KEEP_RUNS_DAYS": "7"})

    assert keep_from(settings, datetime(2024, 1, 8, tzinfo=UTC)) == datetime(2024, 1, 1, tzinfo=UTC)


def test_the_command_deletes_from_the_record_with_events_and_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "")
    nothing = CliRunner().invoke(main, ["prune"])
    with dg.DagsterInstance.get() as instance:
        runs = [
            record_job().execute_in_process(QUIET, instance=instance, partition_key=JANUARY).run_id for _ in range(2)
        ]
    monkeypatch.setattr("flywheel_assets.orchestration.run_retention.keep_from", lambda *_: AFTERWARDS)
    pruned = CliRunner().invoke(main, ["prune"])

    home = tmp_path / ".dagster"
    assert nothing.output == f"runs older than 30 days deleted from {home}: 0\n"
    assert pruned.output == f"runs older than 30 days deleted from {home}: 1\n"
    assert not (home / "storage" / runs[0]).exists()
    assert (home / "storage" / runs[1]).exists()
    with dg.DagsterInstance.get() as instance:
        assert [len(instance.all_logs(run_id)) > 0 for run_id in runs] == [False, True]
