"""Coverage: on which days of an interval sessions landed, against the usual, and whether the interval is incomplete.

Data that end, or begin, within an interval look like users who left, or came. Whoever compares two intervals asks here
whether both are complete; no other module decides that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from statistics import median, median_high
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

COMPLETE_FROM = 0.8
"""An interval whose days with sessions usually hold less than this share of its sessions is incomplete. One day without
any, of the ten of a business that closes on weekends, leaves 0.9."""

LEAST_SESSIONS = 20
"""Days that would usually have fewer sessions than this may be empty by chance."""

STRAY_SHARE = 0.01
"""A day with less of its usual sessions has none: a wrong clock puts a few behind the end of the data."""

USUAL_INTERVALS = 6
"""The usual is that of at most this many earlier intervals with sessions."""

LEAST_INTERVALS = 3
"""From so many on they show how regular days are. Before that, days are taken to have sessions every week."""

COVERAGE = Check("coverage", "Sessions on all days that have some in earlier intervals, chance aside (warning).")

SessionsByDay = Sequence[int]
"""Sessions per day of an interval, its first day first."""


@dataclass(frozen=True)
class Coverage:
    """``empty``: the places, from 0, of the days of the interval that have no sessions though their weekday usually
    does. ``days``: how many have some. ``share``: of usual sessions, those on days that have some, at most 1.
    ``lost``: how many usually are on the others."""

    days: int
    empty: tuple[int, ...]
    share: float
    lost: float

    @property
    def short(self) -> bool:
        """Whether days are empty that chance would not leave empty."""
        return self.lost >= LEAST_SESSIONS

    @property
    def incomplete(self) -> bool:
        return self.short and self.share < COMPLETE_FROM


UNKNOWN = Coverage(0, (), 1.0, 0.0)


def coverage(by_day: SessionsByDay, earlier: Sequence[SessionsByDay]) -> Coverage:
    """How much of an interval has sessions, against ``earlier`` ones.

    A weekday's usual sessions are the median of its days with any, so an incomplete interval among the earlier ones
    does no harm. A business without sessions on weekends misses none there. Where days are empty at random, fewer are
    usual, and that is measured too, once there are LEAST_INTERVALS. The first interval is compared with itself: data
    that begin on Wednesday of its second week show what Wednesday to Sunday of the first should have had. Of a first
    interval of one week nothing can be said, and of one without sessions after no other, so they are complete."""
    known = [one for one in earlier if any(one)]
    usual = _usual_by_weekday(known or [by_day])
    whole = sum(_on_days(usual, range(len(by_day))))
    if not whole:
        return UNKNOWN

    def covered(days: SessionsByDay) -> float:
        return sum(_on_days(usual, _with_sessions(days, usual))) / whole

    typical = median_high(map(covered, known)) if len(known) >= LEAST_INTERVALS else 1.0
    share = min(covered(by_day) / (typical or 1.0), 1.0)  # 0 where earlier ones are strays to each other
    found = _with_sessions(by_day, usual)
    empty = tuple(k for k in range(len(by_day)) if k not in found and usual[k % 7])
    return Coverage(len(found), empty, share, (1 - share) * whole)


def in_words(found: Coverage, interval: Interval) -> str:
    """A clause: how many days have sessions, which have none, and what share of the sessions these usually hold."""
    length = (interval.last_day - interval.first_day).days + 1
    if not found.days:
        return f"it has no sessions on any of its {length} days"
    have = f"it has sessions on {found.days} of its {length} days"
    if not found.short:
        return have
    # Consecutive days are those whose distance to their place in the list is the same.
    runs = [[k for _, k in run] for _, run in groupby(enumerate(found.empty), lambda pair: pair[1] - pair[0])]
    dates = [[interval.first_day + timedelta(days=k) for k in (run[0], run[-1])] for run in runs]
    named = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in dates)
    return f"{have}; those without ({named}) usually hold {1 - found.share:.0%} of its sessions"


def verdict(found: Coverage, interval: Interval) -> Verdict:
    """Warns when days are empty that usually have sessions, and says whether that leaves the interval incomplete."""
    clause = in_words(found, interval)
    tail = ": it is incomplete, so nothing is concluded from it" if found.incomplete else ""
    numbers = {"days_with_sessions": found.days, "usual_share": found.share, "incomplete": int(found.incomplete)}
    return Verdict(COVERAGE.name, not found.short, f"{clause.removeprefix('it has ')}{tail}", "WARN", numbers)


def coverage_of(flywheel: "Flywheel", interval: Interval) -> Coverage:
    """The coverage of an interval by landed_sessions; complete where that is not there to tell."""
    by_day = _sessions_by_day(flywheel, interval)
    if by_day is None:
        return UNKNOWN
    before = (_sessions_by_day(flywheel, i) for i in reversed(flywheel.extent.earlier(interval)))
    return coverage(by_day, list(islice((one for one in before if one and any(one)), USUAL_INTERVALS)))


def incomplete(flywheel: "Flywheel", intervals: Iterable[Interval]) -> Mapping[int, str]:
    """Those of the intervals that are incomplete, by number, each with the clause of :func:`in_words`."""
    found = {interval: coverage_of(flywheel, interval) for interval in intervals}
    return {i.number: in_words(one, i) for i, one in found.items() if one.incomplete}


def _usual_by_weekday(intervals: Iterable[SessionsByDay]) -> list[float]:
    """Per weekday, that of the first day first, the median sessions of its days that have any; 0 where none has."""
    days: list[list[int]] = [[] for _ in range(7)]
    for by_day in intervals:
        for k, sessions in enumerate(by_day):
            days[k % 7] += [sessions] if sessions else []
    return [median(some) if some else 0.0 for some in days]


def _with_sessions(by_day: SessionsByDay, usual: Sequence[float]) -> list[int]:
    return [k for k, sessions in enumerate(by_day) if sessions and sessions >= STRAY_SHARE * usual[k % 7]]


def _on_days(usual: Sequence[float], days: Iterable[int]) -> list[float]:
    return [usual[k % 7] for k in days]


def _sessions_by_day(flywheel: "Flywheel", interval: Interval) -> SessionsByDay | None:
    """Of landed_sessions; None where it is not there or cannot be read, which others report."""
    path = flywheel.warehouse.path("landed_sessions", interval)
    try:
        found = path.stat()
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        return _counted(path, state, interval.start_unix, flywheel.calendar.days)
    except (OSError, pa.ArrowException):
        return None


@lru_cache(maxsize=4096)
def _counted(path: Path, state: tuple[int, int, int], start_unix: int, days: int) -> tuple[int, ...]:
    """Kept per state of the file: a page, a forecast and six later checks ask for the same. Reads one column, without
    an engine: 0.3 seconds per 10 M sessions, where a query costs as much to compile for a few rows. Days are 24 hours:
    clocks that change within the interval shift the rest of them by an hour."""
    counts = np.zeros(days, dtype=np.int64)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["timestamp_unix"]):
            place = (batch.column(0).to_numpy(zero_copy_only=False) - start_unix) // 86_400
            counts += np.bincount(place.clip(0, days - 1), minlength=days)
    return tuple(counts.tolist())
