"""The intervals whose last run failed, from Dagster's record."""

from collections.abc import Collection

import dagster as dg

from flywheel_assets.needs import Failure
from flywheel_assets.orchestration.checks import CHECKS
from flywheel_assets.orchestration.jobs import SPINE_JOBS
from flywheel_assets.orchestration.processes import keys_of
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.orchestration.runs import step_failure
from flywheel_assets.tables.contract import Table

MOST_RUNS = 20
"""Of an interval that failed once: how many of its latest runs are searched for the last one of the tables."""


def last_failures(instance: dg.DagsterInstance, tables: Collection[Table]) -> dict[str, Failure]:
    """Per key of an interval whose last run of the tables failed at one of them, where and what it said.

    Only intervals with a failed run are looked at, so that the cost does not grow with the record."""
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    found = {key: _failure(instance, key, {table.name for table in tables}) for key in keys_of(failed, PARTITION_TAG)}
    return {key: failure for key, failure in sorted(found.items()) if failure}


def _failure(instance: dg.DagsterInstance, key: str, tables: Collection[str]) -> Failure | None:
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: key}, statuses=ended), limit=MOST_RUNS)  # newest first
    last = next((run for run in runs if _makes(run, tables)), None)
    if last is None or not last.is_failure:
        return None
    events = instance.all_logs(last.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    step = next((record.dagster_event for record in events if record.dagster_event), None)
    if step is None:  # it was killed: how far it came, the files tell
        return None
    table = next((table for table in tables if (step.step_key or "").startswith(table)), None)
    message = step_failure(step).partition(": ")[2]
    return Failure(table, message, (step.step_key or "").endswith(CHECKS)) if table else None


def _makes(run: dg.DagsterRun, tables: Collection[str]) -> bool:
    """Whether a run makes one of the tables: judged by its job, or for a run of a few assets by these."""
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    return bool(chosen & set(tables)) if chosen else run.job_name in SPINE_JOBS
