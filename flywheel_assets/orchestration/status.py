"""What `flywheel status` knows: per interval what landed, what was made of it, and whether that is what it should be.

The files decide, not the record of a run: a table is done when its footer says that it was made from what is
there now."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import dagster as dg

from flywheel_assets import errors
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.jobs import CLUSTERS_JOB, HISTORY_JOB, REPORTS_JOB
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.tables.contract import TABLES

State = Literal["done", "stale", "failed", "not run", "open"]


@dataclass(frozen=True)
class IntervalStatus:
    """``landed``: rows in the landing folder. ``why`` is empty for an interval that is done."""

    interval: Interval
    landed: int
    closed: bool
    state: State
    why: str


def statuses(flywheel: Flywheel, failures: Mapping[str, str], now: datetime) -> list[IntervalStatus]:
    """Every interval from the first with data to the last closed one, and later ones with data, which are open.

    ``failures``: per key of an interval whose last run failed, what that run said."""
    closed = flywheel.to_run(now)
    later = {key for file in flywheel.index.files for key in file.rows if key} - {i.key for i in closed}
    intervals = closed + [flywheel.calendar.key(key) for key in sorted(later)]
    return [_status(flywheel, interval, failures, now) for interval in intervals]


def last_failures(instance: dg.DagsterInstance) -> dict[str, str]:
    """Per key of an interval whose last run of the spine failed, where it failed and what it said. Runs of what stands
    beside it, clusters, history and reports, are not among them: an interval is done without."""
    last: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs():  # newest first
        key = run.tags.get(PARTITION_TAG)
        if key and run.is_finished and _of_the_spine(run):
            last.setdefault(key, run)
    return {key: _failure(instance, run) for key, run in last.items() if run.is_failure}


def _of_the_spine(run: dg.DagsterRun) -> bool:
    """By its job, and for one by hand of a few assets by these."""
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    beside = run.job_name in (CLUSTERS_JOB, HISTORY_JOB, REPORTS_JOB)
    return not beside and (not chosen or not chosen.isdisjoint(TABLES))


def _status(flywheel: Flywheel, interval: Interval, failures: Mapping[str, str], now: datetime) -> IntervalStatus:
    closed = interval.closed(now)
    missing = [table for table in TABLES if not flywheel.warehouse.exists(table, interval)]
    reasons = {t: flywheel.stale_because(t, interval, flywheel.wanted_generation) for t in TABLES if t not in missing}
    stale = [f"{table}: {why}" for table, why in reasons.items() if why]
    state: State
    if interval.key in failures:
        state, why = "failed", failures[interval.key]
    elif not missing and not stale:
        state, why = "done", "" if closed else "made before the interval closed"
    elif not closed:
        state, why = "open", f"closes {interval.end:%Y-%m-%d %H:%M} UTC"
    elif len(missing) == len(TABLES):
        state, why = "not run", ""
    else:
        state, why = "stale", stale[0] if stale else f"{missing[0]} is not there"
    return IntervalStatus(interval, flywheel.index.rows(interval), closed, state, why)


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = record.dagster_event
        if event is not None:
            return step_failure(event)
    return f"run {run.run_id} failed before its first step"


def step_failure(event: dg.DagsterEvent) -> str:
    """The step that failed and what it said, from the innermost cause of its error; of our own errors the sentence."""
    error = event.step_failure_data.error
    while error and error.cause:
        error = error.cause
    message = error.message.strip() if error else "failed"
    return f"{event.step_key}: {re.sub(rf'^{errors.__name__}[.][A-Za-z]+: ', '', message)}"
