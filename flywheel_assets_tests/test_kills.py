"""`kill -9` and two at once: every table is as it was or complete, and a further run needs no hand.

A few kills; benchmarks/kills.py is as many as one likes."""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flywheel_assets.orchestration.processes import end_abandoned_runs
from flywheel_assets_tests.daemons import Versions, flywheel_run, killed_after, overlaps, recorded, unfinished
from flywheel_assets_tests.histories import FIRST, GAP
from flywheel_assets_tests.projects import sessions

CALENDAR = {"FLYWHEEL_FIRST_INTERVAL": FIRST, "FLYWHEEL_LAST_INTERVAL": GAP}
VERSIONS = (
    {"one.parquet": sessions(("ann", "2024-01-15 00", 3), ("ann", "2024-01-29 09", 8), ("cy", "2024-01-30 10", 2))},
    {"one.parquet": sessions(("ann", "2024-01-15 00", 90), ("bob", "2024-01-30 08", 4), ("cy", "2024-01-31 10", 1))},
)
KILLS = 6


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path, VERSIONS, **CALENDAR)


def test_after_kills_at_any_moment_every_table_is_whole_and_a_further_run_needs_no_hand(versions: Versions) -> None:
    moments = random.Random(7)
    with recorded(versions.project):
        pass  # so that the first run takes no longer than the others
    versions.land(0)
    started = time.monotonic()
    assert flywheel_run(versions.project).wait(90) == 0
    whole = time.monotonic() - started

    killed = 0
    for number in range(1, 2 * KILLS + 1):  # some may end before they are killed
        versions.land(number % 2)
        killed += killed_after(flywheel_run(versions.project), moments.uniform(0.3, 0.95) * whole)
        assert versions.broken() == [], f"after {number} runs and {killed} kills"
        if killed == KILLS:
            break
    assert killed > KILLS / 2

    versions.land(1)
    further = flywheel_run(versions.project)
    said, _ = further.communicate(timeout=90)
    assert further.returncode == 0, said
    assert versions.is_of(1)
    with recorded(versions.project) as instance:
        assert versions.states(instance) == {"done"}
        end_abandoned_runs(instance, datetime.now(UTC) + timedelta(minutes=2))  # as a later tick or run does
        assert unfinished(instance) == []


def test_two_runs_at_once_both_end_well_and_never_write_an_interval_together(versions: Versions) -> None:
    versions.land(0)
    both = [flywheel_run(versions.project) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert versions.is_of(0)
    with recorded(versions.project) as instance:
        assert len(instance.get_runs()) == 4
        assert overlaps(instance) == []
