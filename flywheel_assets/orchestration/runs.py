"""The driver of `flywheel run`: closed intervals, oldest first, in this process, as ordinary Dagster runs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from flywheel_assets.cli.console import CheckLine
from flywheel_assets.errors import LandingError, SettingsError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.processes import PROCESS_TAG, this_process
from flywheel_assets.orchestration.status import step_failure
from flywheel_assets.sessions.assets import FORGET_MISSING_TAG

RUN_COLUMNS = ("interval", "sessions", "quarantined", "trimmed", "users", "seconds", "passed", "warned", "failed")


@dataclass(frozen=True)
class IntervalRun:
    """What came of running one interval. ``failure`` is empty when it completed; the rows of what a failed run did not
    reach are None."""

    interval: Interval
    sessions: int | None
    quarantined: int | None
    trimmed: int | None
    users: int | None
    seconds: float
    checks: tuple[CheckLine, ...]
    failure: str

    def line(self) -> tuple[object, ...]:
        """The run as a line of RUN_COLUMNS."""
        states = [check.state for check in self.checks]
        counts = [states.count("passed"), states.count("warned"), states.count("failed")]
        return (self.interval.dates, self.sessions, self.quarantined, self.trimmed, self.users, self.seconds, *counts)


def intervals_to_run(flywheel: Flywheel, first: str | None, last: str | None, now: datetime) -> list[Interval]:
    """The closed intervals of a range of keys: by default from the first with data to the last closed one.

    Raises SettingsError for a key that is no interval or not closed and for a range without any, LandingError when
    nothing has landed."""
    closed = flywheel.calendar.last_closed(now)
    if closed is None:
        raise SettingsError(f"no interval is closed yet: the first, {flywheel.calendar.number(1).dates}, is still open")
    if first is None:
        with_data = flywheel.first_key
        if with_data is None:
            raise LandingError(nothing_landed(flywheel))
        first = with_data
    start, end = flywheel.interval(first), flywheel.interval(last) if last else closed
    for interval in (start, end):
        if interval.number > closed.number:
            raise SettingsError(
                f"interval {interval.key} ({interval.dates}) is not closed; the last closed one is {closed.key}"
            )
    if start.number > end.number:
        raise SettingsError(f"from {start.key} to {end.key} there is no interval: the first comes after the last")
    return flywheel.calendar.between(start, end)


def run_intervals(
    job: dg.JobDefinition, instance: dg.DagsterInstance, intervals: Sequence[Interval], forget_missing: bool = False
) -> Iterator[IntervalRun]:
    """Run a partitioned job for each interval in turn. One that fails is told of, and the rest go on.

    ``forget_missing``: sessions of files that vanished are given up, where a run would fail rather than lose them."""
    tags = {PROCESS_TAG: this_process(), **({FORGET_MISSING_TAG: "true"} if forget_missing else {})}
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    for interval in intervals:
        started = time.monotonic()
        result = job.execute_in_process(
            run_config=quiet, instance=instance, partition_key=interval.key, raise_on_error=False, tags=tags
        )
        yield _outcome(interval, result, time.monotonic() - started)


def _outcome(interval: Interval, result: dg.ExecuteInProcessResult, seconds: float) -> IntervalRun:
    return IntervalRun(
        interval,
        _number(result, "landed_sessions", "rows"),
        _number(result, "landed_sessions", "quarantined"),
        _number(result, "trimmed_sessions", "trimmed"),
        _number(result, "user_labels", "rows"),
        seconds,
        tuple(check_line(interval.key, check) for check in result.get_asset_check_evaluations()),
        "" if result.success else run_failure(result),
    )


def check_line(interval: str, check: dg.AssetCheckEvaluation) -> CheckLine:
    """A check of a run as the command line tells it; ``interval`` is a key."""
    bad = "warned" if check.severity == dg.AssetCheckSeverity.WARN else "failed"
    state, table = "passed" if check.passed else bad, check.asset_key.to_user_string()
    return CheckLine(state, table, check.check_name, interval, check.description or "")


def _number(result: dg.ExecuteInProcessResult, table: str, name: str) -> int | None:
    for event in result.get_asset_materialization_events():
        if event.asset_key == dg.AssetKey(table):
            return int(event.materialization.metadata[name].value)  # type: ignore[arg-type]
    return None


def run_failure(result: dg.ExecuteInProcessResult) -> str:
    """The first step that failed and what it said."""
    for event in result.all_events:
        if event.is_step_failure:
            return step_failure(event)
    return "the run failed before its first step"


def nothing_landed(flywheel: Flywheel) -> str:
    """Why there is nothing to run, and what to do."""
    problems = flywheel.index.problems()
    if not problems:
        return f"no session has landed in {flywheel.landing.folder}; to try with sample data: flywheel sample data"
    return (
        f"no session that landed in {flywheel.landing.folder} belongs to an interval: {'; '.join(problems)}. See "
        "FLYWHEEL_FIRST_INTERVAL, FLYWHEEL_LAST_INTERVAL and FLYWHEEL_SESSION_ID_PATTERN"
    )
