"""Intervals: which exist, when they close, and which one an instant falls into.

The only source of an interval's bounds. Do not use Dagster's own partition windows: it believes each is a week long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

QUARTER_HOUR_SECONDS = 900
"""Offsets of all time zones have been multiples of this since 1972, so that days and intervals begin on one."""


@dataclass(frozen=True)
class Interval:
    """``[start, end)``, whole days in the interval timezone. ``number`` counts from 1 at the first interval."""

    number: int
    first_day: date
    last_day: date
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        """``2024-01-15``: its first day, which is also Dagster's partition key and the name of its folders."""
        return self.first_day.isoformat()

    @property
    def dates(self) -> str:
        """``2024-01-15 - 2024-01-28``, the last day included."""
        return f"{self.first_day} - {self.last_day}"

    @cached_property
    def start_unix(self) -> int:
        return int(self.start.timestamp())

    @cached_property
    def end_unix(self) -> int:
        return int(self.end.timestamp())

    def closed(self, now: datetime) -> bool:
        """Whether ``now``, an aware datetime, is at or after its end."""
        return now >= self.end


@dataclass(frozen=True)
class Calendar:
    """All intervals: ``weeks`` long, one after the other from ``first_day``; the last begins by ``last_day``."""

    first_day: date
    last_day: date
    weeks: int
    timezone: str

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def days(self) -> int:
        return 7 * self.weeks

    @cached_property
    def count(self) -> int:
        return (self.last_day - self.first_day).days // self.days + 1

    def __iter__(self) -> Iterator[Interval]:
        return (self.number(n) for n in range(1, self.count + 1))

    def number(self, number: int) -> Interval:
        """The interval with that number. Raises LookupError outside 1 .. count."""
        if not 1 <= number <= self.count:
            raise LookupError(f"there is no interval {number}: they run from 1 to {self.count}")
        first_day, next_day = self._first_day(number), self._first_day(number + 1)
        return Interval(
            number, first_day, next_day - timedelta(days=1), self.midnight(first_day), self.midnight(next_day)
        )

    def key(self, key: str) -> Interval:
        """The interval with that key. Raises LookupError for a day on which no interval starts, naming the nearest."""
        try:
            day = date.fromisoformat(key)
        except ValueError:
            raise LookupError(f"{key!r} is not an interval: expected its first day, as in {self.first_day}") from None
        number, rest = divmod((day - self.first_day).days, self.days)
        if rest or not 0 <= number < self.count:
            nearest = self.number(min(max(number + 1, 1), self.count))
            raise LookupError(f"no interval starts on {key}; the nearest is {nearest.key} ({nearest.dates})")
        return self.number(number + 1)

    def at(self, unix: int) -> Interval | None:
        """The interval that an instant, in Unix seconds, falls into; None before the first and after the last."""
        number = self._number_at(unix)
        return self.number(number) if 1 <= number <= self.count else None

    def first_day_at(self, unix: int) -> date:
        """The first day of the interval that an instant would fall into if the intervals had no first and no last."""
        return self._first_day(self._number_at(unix))

    def day_at(self, unix: int) -> date:
        """The day of an instant in the interval timezone."""
        return datetime.fromtimestamp(unix, self._zone).date()

    def previous(self, interval: Interval) -> Interval | None:
        """The interval before, None for the first."""
        return self.number(interval.number - 1) if interval.number > 1 else None

    def between(self, first: Interval, last: Interval) -> list[Interval]:
        """All intervals from ``first`` to ``last``, both included; empty when ``last`` is the earlier."""
        return [self.number(n) for n in range(first.number, last.number + 1)]

    def last_closed(self, now: datetime) -> Interval | None:
        """The latest closed interval; None while the first is open."""
        current = self.at(int(now.timestamp()))
        if current is not None:
            return self.previous(current)
        return None if now < self.number(1).start else self.number(self.count)

    def _number_at(self, unix: int) -> int:
        number = (self.day_at(unix) - self.first_day).days // self.days + 1
        # Where clocks go back just after midnight (St John's, until 2011), an instant of a new day has the old date.
        next_start = self.midnight(self._first_day(number + 1))
        return number + (unix >= next_start.timestamp())

    def _first_day(self, number: int) -> date:
        return self.first_day + timedelta(days=(number - 1) * self.days)

    def midnight(self, day: date) -> datetime:
        """When that day begins in the interval timezone, in UTC."""
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)


def utc_offsets(timezone: str, start_unix: int, end_unix: int) -> list[tuple[int, int]]:
    """The offsets from UTC that a timezone has in ``[start_unix, end_unix)``: ``(from_unix, seconds)``, in order.

    One pair for a zone without daylight saving, two where the clocks change once. The first pair begins at start_unix.
    """
    zone = ZoneInfo(timezone)
    offsets: list[tuple[int, int]] = []
    for unix in range(start_unix, end_unix, QUARTER_HOUR_SECONDS):
        delta = datetime.fromtimestamp(unix, zone).utcoffset()
        seconds = int(delta.total_seconds()) if delta is not None else 0
        if not offsets or offsets[-1][1] != seconds:
            offsets.append((unix, seconds))
    return offsets
