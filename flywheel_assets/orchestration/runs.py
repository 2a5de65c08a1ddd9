"""Runs of jobs in this process, as ordinary Dagster runs: what commands start, and the outcome."""

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dagster as dg

from flywheel_assets import errors
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.needs import Need
from flywheel_assets.orchestration.processes import PROCESS_TAG, this_process
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import State

FORGET_MISSING_TAG = "flywheel/forget_missing"
"""A run with this tag gives up the sessions of landed files that vanished."""

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class CheckLine(NamedTuple):
    """One check of one interval: ``state`` is passed, warned or failed."""

    state: State
    table: str
    check: str
    interval: str
    summary: str


@dataclass(frozen=True)
class JobRun:
    """The outcome of a run. ``failure`` is empty when it completed; ``numbers``: the metadata of each table that it
    made."""

    seconds: float
    checks: tuple[CheckLine, ...]
    failure: str
    numbers: Mapping[str, Mapping[str, Any]]

    def number(self, table: str, name: str) -> int | None:
        """A whole number from a table's metadata; None when the table was not made."""
        return int(self.numbers[table][name]) if table in self.numbers else None


_NO_RUN = JobRun(0.0, (), "", {})


@dataclass(frozen=True)
class IntervalRun(JobRun):
    """A run of one interval. ``waits``: per table that was left out the key of the interval that it waits for, because
    a table that it is made from is missing there or could not be made."""

    interval: Interval
    waits: Mapping[str, str] = field(default_factory=dict)


def run_job(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    of: str,
    key: str | None = None,
    tables: Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> JobRun:
    """Run a job, whole or for some of its ``tables``, for the partition ``key``, if any. ``of`` says in words which
    intervals its checks cover; ``config`` is that of its assets."""
    started = time.monotonic()
    result = job.execute_in_process(
        run_config={**_QUIET, **({"ops": dict(config)} if config else {})},
        instance=instance,
        partition_key=key,
        asset_selection=[dg.AssetKey(table) for table in tables] if tables else None,
        raise_on_error=False,
        tags={PROCESS_TAG: this_process(), **(tags or {})},
    )
    made = [event.materialization for event in result.get_asset_materialization_events()]
    return JobRun(
        time.monotonic() - started,
        tuple(check_line(of, check) for check in result.get_asset_check_evaluations()),
        "" if result.success else _failure(result),
        {one.asset_key.to_user_string(): {k: v.value for k, v in one.metadata.items()} for one in made},
    )


def seconds_of(instance: dg.DagsterInstance, tables: Iterable[str], keys: Collection[str]) -> float:
    """How long it took to make the tables of the intervals with these keys when that was done last, as recorded."""
    total = 0.0
    for name in tables:
        key, kind = dg.AssetKey(name), dg.DagsterEventType.ASSET_MATERIALIZATION
        latest = [*instance.get_latest_storage_id_by_partition(key, kind, set(keys)).values()]
        if latest:
            of = dg.AssetRecordsFilter(key, storage_ids=latest)
            records = instance.fetch_materializations(of, limit=len(latest)).records
            made = (record.asset_materialization for record in records)
            values = (one.metadata["seconds"].value for one in made if one and "seconds" in one.metadata)
            total += sum(value for value in values if isinstance(value, float | int))
    return total


def run_intervals(
    job: dg.JobDefinition, instance: dg.DagsterInstance, intervals: Iterable[Interval], forget_missing: bool = False
) -> Iterator[IntervalRun]:
    """Run a partitioned job for each interval in turn. One that fails is reported, and the rest go on.

    ``forget_missing``: sessions of files that vanished are given up, where a run would fail rather than lose them."""
    tags = {FORGET_MISSING_TAG: "true"} if forget_missing else {}
    for interval in intervals:
        run = run_job(job, instance, interval.key, interval.key, tags=tags)
        yield IntervalRun(run.seconds, run.checks, run.failure, run.numbers, interval)


def run_needs(
    flywheel: Flywheel,
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    needs: Iterable[Need],
    tables: Iterable[Table],
    forget_missing: bool = False,
) -> Iterator[IntervalRun]:
    """Run the job for what is needed of each interval in turn. One that fails is reported, and of the rest goes on what
    does not rest on it; without anything else to make there is no run of an interval, and its seconds are 0.

    ``tables``: those that needs name, and that stand in the way of others where they are missing."""
    by_name = {table.name: table for table in tables}
    failed: dict[tuple[str, str], str] = {}
    for need in needs:
        key, waits = need.interval.key, dict[str, str]()
        for name in need.tables:
            for source, interval in flywheel.lineage.inputs(by_name[name], need.interval):
                one = source.name, interval.key
                made_now = interval.key == key and source.name in need.tables
                if one in failed or not (made_now or flywheel.warehouse.exists(source.name, interval)):
                    waits[name] = failed[name, key] = failed.get(one, interval.key)
                    break
        chosen = [name for name in need.tables if name not in waits]
        tags = {FORGET_MISSING_TAG: "true"} if forget_missing else {}
        run = run_job(job, instance, key, key, chosen, tags=tags) if chosen else _NO_RUN
        failed |= {(name, key): key for name in chosen if name not in run.numbers}
        yield IntervalRun(run.seconds, run.checks, run.failure, run.numbers, need.interval, waits)


def check_line(interval: str, check: dg.AssetCheckEvaluation) -> CheckLine:
    """A check of a run as the command line shows it."""
    table = check.asset_key.to_user_string()
    return CheckLine(check_state(check), table, check.check_name, interval, check.description or "")


def check_state(check: dg.AssetCheckEvaluation) -> State:
    bad: State = "warned" if check.severity == dg.AssetCheckSeverity.WARN else "failed"
    return "passed" if check.passed else bad


def step_failure(event: dg.DagsterEvent) -> str:
    """The step that failed and its message, from the innermost cause of its error; for our own errors only the
    sentence."""
    error = event.step_failure_data.error
    while error and error.cause:
        error = error.cause
    message = error.message.strip() if error else "failed"
    return f"{event.step_key}: {re.sub(rf'^{errors.__name__}[.][A-Za-z]+: ', '', message)}"


def _failure(result: dg.ExecuteInProcessResult) -> str:
    """The first step that failed and its message."""
    failures = (step_failure(event) for event in result.all_events if event.is_step_failure)
    return next(failures, "the run failed before its first step")
