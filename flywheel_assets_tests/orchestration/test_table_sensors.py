"""The sensors of tables made from tables: what makes history run, what it waits for, how long a tick takes."""

import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration import sensors
from flywheel_assets.orchestration.table_sensors import table_state
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import HISTORY, QUIET, TABLES, Project, sessions

CLOSED = datetime(2024, 3, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda self: CLOSED)
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", -(datetime.now(UTC) - CLOSED).total_seconds() + 10)


def tick(project: Project, name: str = "history_sensor") -> dg.SensorResult | dg.SkipReason:
    repository = definitions(project.settings).get_repository_def()
    context = dg.build_sensor_context(project.instance, repository_def=repository)
    return repository.get_sensor_def(name)(context)


def asked(project: Project) -> dict[str, str]:
    """Why each interval is asked for."""
    found = tick(project)
    assert isinstance(found, dg.SensorResult), found
    return {r.partition_key: r.tags["flywheel/because"] for r in found.run_requests or ()}


def keep_history(project: Project, *keys: str) -> None:
    """Tables as a run of the job would leave them, as far as the sensor looks."""
    with project.flywheel() as flywheel:
        for interval in project.intervals(*keys):
            for name, table in HISTORY.items():
                rows = pa.table({"Interval": [1]})
                flywheel.warehouse.keep(name, interval, rows, flywheel.lineage.generation(table, interval))


def test_history_is_asked_for_once_and_is_then_left(copy: Project) -> None:
    assert asked(copy) == dict.fromkeys((FIRST, GAP, AFTER_GAP, LAST), "it was never made")

    keep_history(copy, FIRST, GAP, AFTER_GAP, LAST)

    found = tick(copy)
    assert isinstance(found, dg.SensorResult)
    assert found.skip_reason is not None
    assert found.skip_reason.skip_message == "history of 4 intervals, nothing new"


def test_what_a_run_of_the_job_made_is_left(copy: Project) -> None:
    request = next(iter(tick(copy).run_requests or ()))  # type: ignore[union-attr]
    job = definitions(copy.settings).resolve_job_def("history")
    tags = {**request.tags, sensors.RUN_KEY_TAG: request.run_key}
    result = job.execute_in_process(
        run_config=QUIET, instance=copy.instance, partition_key=request.partition_key, tags=tags
    )

    assert result.success
    assert set(asked(copy)) == {GAP, AFTER_GAP, LAST}


def test_an_earlier_interval_that_changes_runs_the_later_ones_again(copy: Project) -> None:
    keep_history(copy, FIRST, GAP, AFTER_GAP, LAST)
    copy.land("late.parquet", sessions(("eve", "2024-01-29 05", 6)), minute=5)
    assert copy.run(GAP)[0].failure == ""
    assert set(asked(copy)) == {GAP}  # the transitions into the next interval are of earlier labels
    assert copy.materialize(AFTER_GAP, "label_transitions").success

    found = asked(copy)

    assert set(found) == {GAP, AFTER_GAP, LAST}
    assert "growth_accounting: earlier user_labels changed" in found[LAST]


def test_history_waits_for_transitions_that_are_of_earlier_labels(copy: Project) -> None:
    keep_history(copy, FIRST, GAP, AFTER_GAP, LAST)
    copy.land("late.parquet", sessions(("eve", "2024-02-27 05", 6)), minute=5)
    assert copy.materialize(LAST, *(table for table in TABLES if table != "label_transitions")).success

    assert asked(copy) == {}
    assert copy.materialize(LAST, "label_transitions").success
    assert set(asked(copy)) == {LAST}


def test_a_table_that_is_missing_runs_its_interval(copy: Project) -> None:
    keep_history(copy, FIRST, GAP, AFTER_GAP, LAST)
    copy.path("mix_shift", GAP).unlink()

    assert asked(copy) == {GAP: "mix_shift: it is not there"}


def test_a_run_that_makes_some_tables_and_fails_at_one_is_not_asked_for_for_ever(copy: Project) -> None:
    run_keys, counts = set(), []
    for _ in range(3):
        found = tick(copy)
        run_keys |= {r.run_key for r in found.run_requests or ()}  # type: ignore[union-attr]
        keep_history(copy, FIRST, GAP, AFTER_GAP, LAST)
        for key in (FIRST, GAP, AFTER_GAP, LAST):
            copy.path("label_mix", key).unlink()
        counts.append(len(run_keys))

    assert counts == [4, 8, 8], "once more for the table that is still missing, and then no more"


def test_an_interval_waits_for_what_it_rests_on(copy: Project) -> None:
    copy.path("label_transitions", GAP).unlink()
    assert set(asked(copy)) == {FIRST}  # the forecast of later ones needs the transitions into every earlier one

    copy.path("user_labels", FIRST).unlink()
    assert asked(copy) == {}
    skipped = tick(copy).skip_reason  # type: ignore[union-attr]
    assert "history of 4 intervals waits for user_labels of 2024-01-15" in skipped.skip_message


def test_an_unfinished_run_of_an_earlier_interval_holds_the_later_ones(copy: Project) -> None:
    copy.instance.add_run(
        dg.DagsterRun(job_name="labels", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": GAP})
    )
    assert set(asked(copy)) == {FIRST}


def test_history_is_no_part_of_the_jobs_of_the_spine(project: Project) -> None:
    made = definitions(project.settings)
    for name in ("interval", "labels", "transitions"):
        layer = made.resolve_job_def(name).asset_layer
        assert {key.to_user_string() for key in layer.executable_asset_keys} <= set(TABLES), name
    history = {key.to_user_string() for key in made.resolve_job_def("history").asset_layer.executable_asset_keys}
    assert history == {*HISTORY, "csv_copies"}


def test_a_tick_over_ten_years_takes_seconds(tmp_path: Path) -> None:
    project = Project(tmp_path, FLYWHEEL_FIRST_INTERVAL="2014-01-06", FLYWHEEL_LAST_INTERVAL="2024-02-01")
    growth = HISTORY["growth_accounting"]
    tables = (TABLES["landed_sessions"], TABLES["user_labels"], growth)
    with project.flywheel() as flywheel:
        intervals = flywheel.calendar.between(flywheel.calendar.number(1), flywheel.calendar.number(260))
        for interval in intervals:
            for table in tables:
                generation = flywheel.lineage.generation(table, interval, lambda *_: "x")
                flywheel.warehouse.keep(table.name, interval, pa.table({"user_id": ["ann"]}), generation)
    started = time.process_time()
    with project.flywheel() as flywheel:
        state = table_state(flywheel, project.instance, [growth], intervals)

    assert len(state.requests(())) == 260
    assert len(state.concerned[intervals[-1].key]) == 260
    assert time.process_time() - started < 5
