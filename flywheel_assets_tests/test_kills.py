"""`kill -9` and two at once: every table is as it was or complete, and a further run needs no hand.

A few kills; benchmarks/kills.py is as many as one likes."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from flywheel_assets.orchestration.processes import end_abandoned_runs
from flywheel_assets_tests.daemons import Versions, flywheel_run, overlaps, recorded, unfinished
from flywheel_assets_tests.histories import FIRST, GAP
from flywheel_assets_tests.projects import sessions

CALENDAR = {"FLYWHEEL_FIRST_INTERVAL": FIRST, "FLYWHEEL_LAST_INTERVAL": GAP}
VERSIONS = (
    {"one.parquet": sessions(("ann", "2024-01-15 00", 3), ("ann", "2024-01-29 09", 8), ("cy", "2024-01-30 10", 2))},
    {"one.parquet": sessions(("ann", "2024-01-15 00", 90), ("bob", "2024-01-30 08", 4), ("cy", "2024-01-31 10", 1))},
)
KILLED_SOON_AFTER = (
    ("session_predictions", GAP),
    ("landed_sessions", FIRST),
    ("user_distributions", FIRST),
    ("enriched_export", FIRST),
)
"""What a run has just replaced when it is killed. Time is no measure of where it is: the machine may be busy."""

ENDS_SECONDS = 200
"""Each wait has an end of its own; it tells more than pytest does, whose end must not come before it."""

pytestmark = pytest.mark.timeout(6 * ENDS_SECONDS)


@dataclass(frozen=True)
class Played:
    """What the kills left behind. ``broken``: tables of no version; ``complete``: runs that had made every table."""

    versions: Versions
    broken: list[str]
    complete: list[int]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Runs from nothing to the first version, from that to the second and so on, each of them killed on its way."""
    played = Played(Versions(tmp_path_factory.mktemp("kills"), VERSIONS, **CALENDAR), [], [])
    moments = random.Random(7)
    for number, (table, key) in enumerate(KILLED_SOON_AFTER):
        version = number % 2
        played.versions.land(version)
        run_killed_after_writing(played.versions, table, key, moments.uniform(0, 0.3))
        played.broken.extend(played.versions.broken())
        if played.versions.is_of(version):
            played.complete.append(number)
    return played


def run_killed_after_writing(versions: Versions, table: str, key: str, seconds: float) -> None:
    before = versions.written_at(table, key)
    run = flywheel_run(versions.project)
    run.wait_until(lambda: versions.written_at(table, key) != before, ENDS_SECONDS, 0.02)
    time.sleep(seconds)
    run.kill()


def test_after_a_kill_at_any_moment_every_table_is_as_it_was_or_complete(killed: Played) -> None:
    assert killed.complete == [], "runs that ended before they were killed"
    assert killed.broken == []


def test_two_further_runs_at_once_make_all_right_and_never_write_an_interval_together(killed: Played) -> None:
    versions = killed.versions
    versions.land(1)
    runs = [flywheel_run(versions.project), flywheel_run(versions.project, "--to", FIRST)]

    assert [run.wait(ENDS_SECONDS) for run in runs] == [0, 0], [run.said() for run in runs]
    assert versions.is_of(1)
    with recorded(versions.project) as instance:
        assert overlaps(instance) == []
        assert versions.states(instance) == {"done"}
        end_abandoned_runs(instance, datetime.now(UTC) + timedelta(minutes=2))  # as a later tick or run does
        assert unfinished(instance) == []
