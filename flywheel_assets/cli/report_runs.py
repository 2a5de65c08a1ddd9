"""What `flywheel report` runs: tables of history and pages that are missing or stale, as ordinary Dagster runs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from flywheel_assets.conversion.page_file import is_stale as conversion_is_stale
from flywheel_assets.engagement.page_file import is_stale as engagement_is_stale
from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.assets import SYSTEM, csv_copies_are_stale
from flywheel_assets.history.report import is_stale
from flywheel_assets.intent.page_file import is_stale as intent_is_stale
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.runs import run_job
from flywheel_assets.ranges import labelled_intervals
from flywheel_assets.tables.contract import Table

OTHERS = {
    "intent_page": intent_is_stale,
    "conversion_page": conversion_is_stale,
    "engagement_page": engagement_is_stale,
}
"""The assets of an interval's other pages, and what says whether each has to be made."""


@dataclass(frozen=True)
class ReportRun:
    """The outcome of making a report: ``failure`` is empty when the page and all ``tables`` were made; ``paged`` is
    whether the page is current, even if some table could not be made."""

    interval: Interval
    tables: Sequence[str]
    seconds: float
    failure: str
    paged: bool = True


def in_short(total: int, runs: Sequence[ReportRun]) -> str:
    """How many of ``total`` reports were made, were current or failed."""
    parts = {
        "incomplete": sum(run.paged and bool(run.failure) for run in runs),
        "already up to date": total - len(runs),
        "could not be made": sum(not run.paged for run in runs),
    }
    others = "".join(f", {count} {words}" for words, count in parts.items() if count)
    return f"{sum(run.paged for run in runs)} of {total} {'report' if total == 1 else 'reports'} made{others}"


def reportable(flywheel: Flywheel, key: str | None) -> tuple[list[Interval], Interval]:
    """The intervals that can have a report, and the requested one, by default the last.

    Raises SettingsError for a key that is no interval, NotMaterializedError for one without labels, and without any."""
    if flywheel.labels_wait:
        raise NotMaterializedError(f"there can be no report. {flywheel.labels_wait}")
    intervals = labelled_intervals(flywheel)
    if not intervals:
        raise NotMaterializedError("no interval has been run yet, so there is nothing to report: flywheel run")
    wanted = flywheel.interval(key) if key else intervals[-1]
    if wanted not in intervals and flywheel.warehouse.exists("user_labels", wanted):
        return [*intervals, wanted], wanted
    if wanted not in intervals:
        raise NotMaterializedError(
            f"interval {wanted.key} ({wanted.dates}) has not been run, so there is nothing to report: "
            f"flywheel run --from {wanted.key} --to {wanted.key}"
        )
    return intervals, wanted


def make_reports(
    flywheel: Flywheel, job: dg.JobDefinition, instance: dg.DagsterInstance, intervals: Sequence[Interval]
) -> Iterator[ReportRun | None]:
    """One per interval, in order: None for one whose history tables and pages are up to date. A table that cannot be
    made fails its run, but the report is still made from what exists."""
    for interval in intervals:
        tables = [table.name for table, missing in _stale(flywheel, interval).items() if not missing]
        if interval == intervals[-1] and (tables or csv_copies_are_stale(flywheel)):
            tables.append("csv_copies")
        made = ["interval_report"] if tables or is_stale(flywheel, interval) else []
        made += [name for name, other_is_stale in OTHERS.items() if other_is_stale(flywheel, interval)]
        if not made:
            yield None
            continue
        run = run_job(job, instance, interval.key, interval.key, [*tables, *made])
        if run.failure and tables and is_stale(flywheel, interval):
            run_job(job, instance, interval.key, interval.key, ["interval_report"])
        paged = not (run.failure and is_stale(flywheel, interval))
        yield ReportRun(interval, tables, run.seconds, run.failure, paged)


def held(flywheel: Flywheel, intervals: Sequence[Interval]) -> list[str]:
    """What reports lack because a table of some interval is missing, in one sentence for each of these."""
    lacking: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for interval in intervals:
        for one in {missing for missing in _stale(flywheel, interval).values() if missing}:
            lacking[one].append(interval.key)
    return [
        f"{table} of {key} is missing, so {len(keys)} {'report is' if len(keys) == 1 else 'reports are'} incomplete, "
        f"the first of {keys[0]}: flywheel run"
        for (table, key), keys in sorted(lacking.items())
    ]


def _stale(flywheel: Flywheel, interval: Interval) -> dict[Table, tuple[str, str] | None]:
    """The tables of history that are missing or stale, each with the first table, and its key, that it lacks."""
    stale: dict[Table, tuple[str, str] | None] = {}
    for table in (one.table for one in SYSTEM.tables.values()):
        if flywheel.lineage.stale_because(table, interval):
            inputs = flywheel.lineage.inputs(table, interval)
            stale[table] = next(((s.name, i.key) for s, i in inputs if not flywheel.warehouse.exists(s.name, i)), None)
    return stale
