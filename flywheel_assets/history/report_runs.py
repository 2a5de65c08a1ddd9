"""What `flywheel report` runs: tables of history and pages that are missing or stale, as ordinary Dagster runs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.assets import csv_copies_are_stale
from flywheel_assets.history.contracts import HISTORY
from flywheel_assets.history.report import is_stale, labelled_intervals
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.processes import PROCESS_TAG, this_process
from flywheel_assets.orchestration.status import step_failure


@dataclass(frozen=True)
class ReportRun:
    """What came of making a report: ``failure`` is empty when the page and all ``tables`` were made; ``paged`` is
    whether the page tells what is there now, which it does too where only a table could not be made."""

    interval: Interval
    tables: Sequence[str]
    seconds: float
    failure: str
    paged: bool = True


def in_short(total: int, runs: Sequence[ReportRun]) -> str:
    """How many of so many reports were made, of the runs that it took."""
    parts = {
        "not in full": sum(run.paged and bool(run.failure) for run in runs),
        "up to date already": total - len(runs),
        "could not be made": sum(not run.paged for run in runs),
    }
    said = "".join(f", {count} {words}" for words, count in parts.items() if count)
    return f"{sum(run.paged for run in runs)} of {total} {'report' if total == 1 else 'reports'} made{said}"


def reportable(flywheel: Flywheel, key: str | None) -> tuple[list[Interval], Interval]:
    """The intervals that there can be a report of, and the one asked for, by default the last.

    Raises SettingsError for a key that is no interval, NotMaterializedError for one without labels, and without any."""
    intervals = labelled_intervals(flywheel)
    if not intervals:
        raise NotMaterializedError("no interval has been run yet, so there is nothing to report: flywheel run")
    wanted = flywheel.interval(key) if key else intervals[-1]
    if wanted not in intervals:
        raise NotMaterializedError(
            f"interval {wanted.key} ({wanted.dates}) has not been run, so there is nothing to report: "
            f"flywheel run --from {wanted.key} --to {wanted.key}"
        )
    return intervals, wanted


def make_reports(
    flywheel: Flywheel, job: dg.JobDefinition, instance: dg.DagsterInstance, intervals: Sequence[Interval]
) -> Iterator[ReportRun | None]:
    """One an interval, in order: None for one whose tables of history and page are what they should be. A table that
    cannot be made fails its run and does not stop the page, which tells what is there."""
    for interval in intervals:
        wanted = {t for t in HISTORY if flywheel.stale_because(t, interval, flywheel.generation)}
        last = interval == intervals[-1]
        copies = ["csv_copies"] if last and (wanted or csv_copies_are_stale(flywheel)) else []
        if wanted or copies or is_stale(flywheel, interval):
            run = _run(job, instance, interval, [*(t for t in HISTORY if t in wanted), *copies])
            if run.failure and run.tables and is_stale(flywheel, interval):
                _run(job, instance, interval, [])
            yield replace(run, paged=not (run.failure and is_stale(flywheel, interval)))
        else:
            yield None


def _run(job: dg.JobDefinition, instance: dg.DagsterInstance, interval: Interval, tables: Sequence[str]) -> ReportRun:
    started = time.monotonic()
    result = job.execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        instance=instance,
        partition_key=interval.key,
        asset_selection=[dg.AssetKey(name) for name in (*tables, "interval_report")],
        raise_on_error=False,
        tags={PROCESS_TAG: this_process()},
    )
    failures = [step_failure(event) for event in result.all_events if event.is_step_failure]
    failure = "" if result.success else failures[0] if failures else "the run failed before its first step"
    return ReportRun(interval, tables, time.monotonic() - started, failure)
