"""Dagster itself over a folder in which files land, change and go: its tables are those of one run over the whole."""

import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.orchestration.sensors import RUN_KEY_TAG
from flywheel_assets.orchestration.table_sensors import table_state
from flywheel_assets_tests.daemons import (
    SETTLED_SECONDS,
    TICK_SECONDS,
    dagster_dev,
    differences,
    flywheel_run,
    overlaps,
    recorded,
    tables,
    unfinished,
)
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP
from flywheel_assets_tests.processes import wait_until
from flywheel_assets_tests.projects import HISTORY, Project, sessions

CALENDAR = {"FLYWHEEL_FIRST_INTERVAL": FIRST, "FLYWHEEL_LAST_INTERVAL": AFTER_GAP}
"""Three intervals, all closed."""

JANUARY = sessions(("ann", "2024-01-15 00", 3), ("ann", "2024-01-20 08", 40), ("bob", "2024-01-28 23", 1))
FEBRUARY = sessions(("ann", "2024-02-12 09", 8), ("cy", "2024-02-13 10", 2))
REPLACED = sessions(("ann", "2024-02-12 09", 80), ("dan", "2024-02-20 10", 12))
LATE = sessions(("bob", "2024-01-30 05", 6), ("eve", "2024-01-31 05", 60))


pytestmark = pytest.mark.timeout(1800)  # each wait has an end of its own


@dataclass(frozen=True)
class Played:
    """What the schedule left behind. ``first_interval_seconds``: from the drop to the first export."""

    project: Project
    expected: Project
    first_interval_seconds: float
    beside: tuple[int, str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Two files land, and while their intervals run, `flywheel run` is started beside; one file is replaced, a late one
    lands, one is deleted; then nothing more happens.

    Expected is one run over the folder as it is at the end, with the deleted file as it last was: what was made of it
    stays, because a file that vanished runs nothing."""
    project = Project(tmp_path_factory.mktemp("daemon"), **CALENDAR)
    expected = Project(tmp_path_factory.mktemp("expected"), **CALENDAR)
    for name, table in {"january.parquet": JANUARY, "february.parquet": REPLACED, "late.parquet": LATE}.items():
        expected.land(name, table)
    assert [run.failure for run in expected.run(FIRST, GAP, AFTER_GAP)] == [""] * 3
    goal = tables(expected, FIRST, GAP, AFTER_GAP)

    with dagster_dev(project), recorded(project) as instance:
        wait_until(lambda: "Serving dagster-webserver" in (project.folder / "dagster.log").read_text(), 200)
        drop(project, "january.parquet", JANUARY)
        drop(project, "february.parquet", FEBRUARY)
        dropped = time.monotonic()
        wait_until(lambda: (project.settings.warehouse_dir / "landed_sessions").exists(), 200, 0.2)
        beside = flywheel_run(project)
        wait_until(lambda: succeeded(instance), 200, 0.2)
        seconds = time.monotonic() - dropped
        code = beside.wait(200)
        wait_until(lambda: not unfinished(instance), 60)  # a run fails whose file is replaced while it is read
        drop(project, "february.parquet", REPLACED)
        drop(project, "late.parquet", LATE)
        (project.settings.landing_dir / "january.parquet").unlink()
        wait_until(lambda: not differences(tables(project, FIRST, GAP, AFTER_GAP), goal), 300, 0.5)
        wait_until(lambda: history_is_told(project), 300, 0.5)
        wait_until(lambda: not unfinished(instance), 60)
    return Played(project, expected, seconds, (code, beside.said()))


def drop(project: Project, name: str, table: pa.Table) -> None:
    """Land a file now, whole, as a job that renames it into its place does."""
    pq.write_table(table, project.folder / name)
    (project.folder / name).replace(project.settings.landing_dir / name)


def history_is_told(project: Project) -> bool:
    """Whether the sensor of the history would ask for nothing more."""
    with project.flywheel() as flywheel, recorded(project) as instance:
        state = table_state(flywheel, instance, [*HISTORY.values()], flywheel.extent.to_run(flywheel.now()))
        return state.ready == 3 and not state.requests(())


def succeeded(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that a sensor asked for and that are done."""
    done = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    return [run for run in done if RUN_KEY_TAG in run.tags]


def test_every_table_is_that_of_one_run_over_the_final_folder(played: Played) -> None:
    found, expected = (tables(project, FIRST, GAP, AFTER_GAP) for project in (played.project, played.expected))

    assert len(expected) == 21
    assert differences(found, expected) == []


def test_the_first_interval_is_done_soon_after_its_file_landed(played: Played) -> None:
    print(
        f"\nfrom the drop to the first interval: {played.first_interval_seconds:.0f} s, of which a file has to be "
        f"{SETTLED_SECONDS} s old and ticks are {TICK_SECONDS} s apart"
    )
    assert played.first_interval_seconds < 60


def test_no_run_failed_or_is_left_and_nothing_was_asked_for_twice(played: Played) -> None:
    with recorded(played.project) as instance:
        runs = instance.get_runs()

    keys = [run.tags[RUN_KEY_TAG] for run in runs if RUN_KEY_TAG in run.tags]
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert len(keys) == len(set(keys)) > 0


def test_flywheel_run_beside_the_daemon_ends_well_and_writes_no_interval_at_the_same_moment(played: Played) -> None:
    code, said = played.beside

    assert code == 0, said
    with recorded(played.project) as instance:
        assert overlaps(instance) == []


def test_nothing_stays_in_staging(played: Played) -> None:
    staging: Path = played.project.settings.warehouse_dir / "_staging"

    assert list(staging.iterdir()) == []
