"""The runs that failed last, for `flywheel status`."""

from collections.abc import Collection

import dagster as dg

from flywheel_assets.orchestration.jobs import SPINE_JOBS
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.orchestration.runs import step_failure
from flywheel_assets.tables.contract import Table


def last_failures(instance: dg.DagsterInstance, spine: Collection[Table]) -> dict[str, str]:
    """Per key of an interval whose last run of the spine failed, where it failed and what it said. Runs of clusters,
    history and reports are left out: an interval is done without them."""
    last: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs():  # newest first
        key = run.tags.get(PARTITION_TAG)
        if key and run.is_finished and _of_the_spine(run, spine):
            last.setdefault(key, run)
    return {key: _failure(instance, run) for key, run in last.items() if run.is_failure}


def _of_the_spine(run: dg.DagsterRun, spine: Collection[Table]) -> bool:
    """Whether a run is of the spine: judged by its job, or for a manual run of a few assets by these."""
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    return run.job_name in SPINE_JOBS or bool(chosen & {table.name for table in spine})


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = record.dagster_event
        if event is not None:
            return step_failure(event)
    return f"run {run.run_id} failed before its first step"
