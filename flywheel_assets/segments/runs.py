"""The driver of `flywheel segments`: a fit and the clusters of intervals, in this process, as ordinary Dagster runs."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from flywheel_assets.cli.console import CheckLine
from flywheel_assets.errors import SegmentsError, SettingsError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.processes import PROCESS_TAG, this_process
from flywheel_assets.orchestration.runs import check_line, run_failure


@dataclass(frozen=True)
class FitRun:
    """What came of a fit. ``failure`` is empty when it completed."""

    checks: tuple[CheckLine, ...]
    failure: str


def run_fit(job: dg.JobDefinition, instance: dg.DagsterInstance, intervals: list[Interval], clusters: int) -> FitRun:
    """Fit the segments on a range of intervals; 0 clusters leave their number to the setting or the rule."""
    first, last = intervals[0].key, intervals[-1].key
    config: dict[str, Any] = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "ops": {
            "visit_features": {"config": {"first": first, "last": last}},
            "k_diagnostics": {"config": {"clusters": clusters}},
        },
    }
    tags = {PROCESS_TAG: this_process()}
    result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False, tags=tags)
    checks = tuple(check_line(f"{first} to {last}", check) for check in result.get_asset_check_evaluations())
    return FitRun(checks, "" if result.success else run_failure(result))


def intervals_to_assign(flywheel: Flywheel, first: str | None, last: str | None) -> list[Interval]:
    """The materialized intervals of a range of keys, oldest first; by default all of them.

    Raises SettingsError for a key that is no interval, SegmentsError when none in the range has been materialized."""
    start = flywheel.interval(first) if first else flywheel.calendar.number(1)
    end = flywheel.interval(last) if last else flywheel.calendar.number(flywheel.calendar.count)
    if start.number > end.number:
        raise SettingsError(f"from {start.key} to {end.key} there is no interval: the first comes after the last")
    made = set(flywheel.warehouse.keys("trimmed_sessions"))
    intervals = [interval for interval in flywheel.calendar.between(start, end) if interval.key in made]
    if not intervals:
        raise SegmentsError(f"no interval from {start.key} to {end.key} has been materialized: flywheel run")
    return intervals


def not_assigned(flywheel: Flywheel) -> dict[str, str]:
    """Per key of a materialized interval whose clusters are not those of the fit in use, why."""
    made = flywheel.warehouse.keys("trimmed_sessions")
    intervals = [interval for interval in flywheel.calendar if interval.key in set(made)]
    reasons = {i.key: flywheel.stale_because("session_clusters", i, flywheel.generation) for i in intervals}
    return {key: why for key, why in reasons.items() if why}
