"""What `flywheel status` knows: per interval what landed, what was made of it, and whether that is what it should be.

The files decide, not the record of a run: a table is done when its footer says that it was made from what is there
now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.users.spine import SPINE

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


def _status(flywheel: Flywheel, interval: Interval, failures: Mapping[str, str], now: datetime) -> IntervalStatus:
    closed = interval.closed(now)
    missing = [table.name for table in SPINE if not flywheel.warehouse.exists(table.name, interval)]
    there = [table for table in SPINE if table.name not in missing]
    reasons = {t.name: flywheel.stale_because(t, interval, flywheel.wanted_generation) for t in there}
    stale = [f"{table}: {why}" for table, why in reasons.items() if why]
    state: State
    if interval.key in failures:
        state, why = "failed", failures[interval.key]
    elif not missing and not stale:
        state, why = "done", "" if closed else "made before the interval closed"
    elif not closed:
        state, why = "open", f"closes {interval.end:%Y-%m-%d %H:%M} UTC"
    elif len(missing) == len(SPINE):
        state, why = "not run", ""
    else:
        state, why = "stale", stale[0] if stale else f"{missing[0]} is not there"
    return IntervalStatus(interval, flywheel.index.rows(interval), closed, state, why)
