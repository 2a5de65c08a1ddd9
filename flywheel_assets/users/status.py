"""What `flywheel status` knows: per interval what landed, what was made of it, and whether that is up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.needs import Failure, Need, needs
from flywheel_assets.tables.contract import Table
from flywheel_assets.users.spine import LABELLED, SPINE

State = Literal["done", "stale", "failed", "not run", "open"]


@dataclass(frozen=True)
class IntervalStatus:
    """``landed``: rows that landed, of sessions and of events; ``empty``: none did, and none is kept of files that are
    gone. ``why`` is empty for an interval that is done and of which there is nothing to say; ``due``: a run would make
    some table."""

    interval: Interval
    landed: int
    closed: bool
    state: State
    why: str
    empty: bool
    due: bool


def statuses(
    flywheel: Flywheel, failures: Mapping[str, Failure], now: datetime, tables: Sequence[Table] | None = None
) -> list[IntervalStatus]:
    """The intervals that `flywheel run` looks at, and those beside them that have data: open ones, and what a clock
    that was wrong made. ``failures``: by key. ``tables``: those that a run makes; the state is that of the spine, which
    they are by default."""
    closed = flywheel.extent.to_run(now)
    beside = flywheel.extent.sessions.keys() - {i.key for i in closed}
    intervals = sorted([*closed, *map(flywheel.calendar.key, beside)], key=lambda interval: interval.number)
    needed = {need.interval: need for need in needs(flywheel, flywheel.spine if tables is None else tables, intervals)}
    return [_status(flywheel, i, needed.get(i), failures.get(i.key), now) for i in intervals]


def _status(
    flywheel: Flywheel, interval: Interval, need: Need | None, failure: Failure | None, now: datetime
) -> IntervalStatus:
    closed = interval.closed(now)
    state: State
    done = need is None or not need.tables.keys() & {table.name for table in SPINE}
    if failure and (failure.check or need):
        state, why = "failed", f"{failure.table}: {failure.message}"
    elif need is None or done:
        due = [f"due: {need.because}"] if need and closed else []
        state, why = "done", "; ".join([*_remarks(flywheel, interval, closed), *due])
    elif not closed:
        state, why = "open", f"closes {interval.end:%Y-%m-%d %H:%M} UTC"
    elif need.new and interval in flywheel.extent.clock_errors:
        state, why = "not run", "probably a wrong clock"
    else:
        state, why = ("not run", "") if need.new else ("stale", need.because)
    empty = interval.key not in flywheel.extent.sessions
    return IntervalStatus(interval, _landed(flywheel, interval), closed, state, why, empty, bool(need and closed))


def _landed(flywheel: Flywheel, interval: Interval) -> int:
    return sum(index.rows(interval) for index in flywheel.indexes.values())


def _remarks(flywheel: Flywheel, interval: Interval, closed: bool) -> list[str]:
    """What else there is to say of an interval that is done."""
    remarks = [] if closed else ["made before the interval closed"]
    if labelled_by_others(flywheel, interval):
        remarks.append("labelled by an earlier model: flywheel run --rescore")
    gone = flywheel.index.missing(flywheel.landed_from(interval) or ())
    gone += flywheel.events.missing(interval) if flywheel.has_events else []
    if gone:
        more = f" and {len(gone) - 1} more" if gone[1:] else ""
        remarks.append(f"keeps the sessions of {gone[0]}{more}, now gone or no longer usable")
    return remarks


def labelled_by_others(flywheel: Flywheel, interval: Interval) -> list[str]:
    """The models, by name, that labelled the interval in another version than the champion's."""
    others: list[str] = []
    if flywheel.labels_wait:
        return others
    for table in LABELLED:
        made = flywheel.warehouse.generation(table.name, interval)
        if (
            table.labels
            and made
            and made.parameters[table.labels.parameter] != flywheel.models[table.labels.model].version
        ):
            others.append(table.labels.model)
    return others
