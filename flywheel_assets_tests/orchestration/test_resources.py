"""The resource: a run holds its interval, so that two runs of one interval come one after the other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import dagster as dg
import pytest

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.partitions import interval_partitions
from flywheel_assets.orchestration.resources import flywheel_resource
from flywheel_assets_tests.histories import FIRST, GAP
from flywheel_assets_tests.projects import QUIET, Project


def meet(project: Project, *keys: str, seconds: float) -> bool:
    """Whether runs that are started together are inside of their assets at the same time, waiting so long for it."""
    everyone = Barrier(len(keys))
    met = []

    @dg.asset(partitions_def=interval_partitions(project.settings.calendar))
    def waiting(flywheel: dg.ResourceParam[Flywheel]) -> None:
        try:
            met.append(everyone.wait(seconds))
        except BrokenBarrierError:
            return

    def run(key: str) -> None:
        resources = {"flywheel": flywheel_resource(project.settings)}
        with dg.DagsterInstance.ephemeral() as instance:
            assert dg.materialize([waiting], QUIET, instance, resources, key).success

    with ThreadPoolExecutor() as threads:
        list(threads.map(run, keys))
    return len(met) == len(keys)


def test_two_runs_of_one_interval_are_never_inside_together(project: Project) -> None:
    assert not meet(project, FIRST, FIRST, seconds=1)


def test_runs_of_different_intervals_go_side_by_side(project: Project) -> None:
    assert meet(project, FIRST, GAP, seconds=60)


def test_a_run_sweeps_what_a_killed_one_left_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    left: Path = project.settings.warehouse_dir / "_staging" / "left"
    left.mkdir(parents=True)
    monkeypatch.setattr("flywheel_assets.warehouse.warehouse.STALE_STAGING_SECONDS", -1)
    meet(project, FIRST, seconds=1)

    assert not left.exists()
