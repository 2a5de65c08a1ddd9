"""Ranges of intervals that a person asks for by their keys."""

from datetime import datetime

import ibis.expr.types as ir

from flywheel_assets.errors import LandingError, NotMaterializedError, SettingsError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval


def intervals_between(flywheel: Flywheel, first: str, last: str) -> list[Interval]:
    """All intervals of a range of keys. Raises SettingsError for a key that is no interval, and for an empty range."""
    start, end = flywheel.interval(first), flywheel.interval(last)
    if start.number > end.number:
        raise SettingsError(f"from {start.key} to {end.key} there is no interval: the first comes after the last")
    return flywheel.calendar.between(start, end)


def intervals_to_run(flywheel: Flywheel, first: str | None, last: str | None, now: datetime) -> list[Interval]:
    """The closed intervals of a range of keys: by default from the first with data to the one after the last with data.

    Raises SettingsError for a key that is no interval or not closed and for a range without any, LandingError when
    nothing has landed."""
    closed = flywheel.calendar.last_closed(now)
    if closed is None:
        raise SettingsError(f"no interval is closed yet: the first, {flywheel.calendar.number(1).dates}, is still open")
    wanted = flywheel.extent.to_run(now)
    first = first or flywheel.extent.first_key
    if first is None:
        raise LandingError(nothing_landed(flywheel))
    end = max(wanted[-1].key, first) if wanted and not last else closed.key
    for key in (first, last or closed.key):
        interval = flywheel.interval(key)
        if interval.number > closed.number:
            raise SettingsError(
                f"interval {interval.key} ({interval.dates}) is not closed; the last closed one is {closed.key}"
            )
    return intervals_between(flywheel, first, last or end)


def materialized_intervals(flywheel: Flywheel, first: str | None, last: str | None) -> list[Interval]:
    """The intervals of a range of keys that have trimmed_sessions, oldest first; by default all of them.

    Raises SettingsError for a key that is no interval, NotMaterializedError when none in the range has them."""
    calendar = flywheel.calendar
    asked = intervals_between(flywheel, first or calendar.number(1).key, last or calendar.number(calendar.count).key)
    made = set(flywheel.warehouse.keys("trimmed_sessions"))
    intervals = [interval for interval in asked if interval.key in made]
    if not intervals:
        raise NotMaterializedError(
            f"no interval from {asked[0].key} to {asked[-1].key} has been materialized: flywheel run"
        )
    return intervals


def trimmed_sessions(flywheel: Flywheel, interval: Interval) -> ir.Table:
    """The interval's trimmed sessions, with every feature. Raises NotMaterializedError where they are not there, or
    were made before a feature was stated."""
    rows = flywheel.warehouse.read("trimmed_sessions", interval)
    missing = [name for name in flywheel.feature_names if name not in rows.columns]
    if missing:
        raise NotMaterializedError(
            f"trimmed_sessions of interval {interval.key} has no column {', '.join(missing)}, a feature by now; "
            "make it again: flywheel run"
        )
    return rows


def labelled_intervals(flywheel: Flywheel) -> list[Interval]:
    """The intervals that have user labels, oldest first: those that there can be a report of. Up to the one after the
    last with data."""
    made = set(flywheel.warehouse.keys("user_labels"))
    if not made:
        return []  # nor may anything say what a session is
    last = flywheel.extent.last_number or flywheel.calendar.count
    return [interval for interval in flywheel.calendar if interval.key in made and interval.number <= last]


def nothing_landed(flywheel: Flywheel) -> str:
    """Why there is nothing to run, and what to do about it."""
    problems, folder = flywheel.problems(), str(flywheel.landing.folder)
    what, where = (
        ("event", f"{flywheel.events.folder.folder} or {folder}") if flywheel.has_events else ("session", folder)
    )
    if not problems:
        return f"no {what} has landed in {where}; to try with sample data: flywheel sample data"
    return (
        f"no {what} that landed in {where} belongs to an interval: {'; '.join(problems)}. See "
        "FLYWHEEL_FIRST_INTERVAL, FLYWHEEL_LAST_INTERVAL, FLYWHEEL_SESSION_ID_PATTERN and "
        "FLYWHEEL_SESSION_TIME_COLUMN"
    )
