"""Which intervals have data, from the first to the last: what is made without being asked for.

A session with a wrong clock is alone in an interval far before or after all others, where it would make decades."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from flywheel_assets.intervals import Calendar, Interval

MOST_SHARE = 0.001
"""Of all sessions. More than this is a business that paused, and not a clock."""


class Extent:
    """``sessions``: by key of the intervals that have any, oldest first."""

    def __init__(self, calendar: Calendar, sessions: Mapping[str, int]) -> None:
        self.sessions = dict(sorted(sessions.items()))
        self._calendar = calendar

    @cached_property
    def clock_errors(self) -> list[Interval]:
        """Intervals whose few sessions probably come from a wrong clock, see :func:`isolated_ends`. They are made only
        when somebody asks for them."""
        by_number = {self._calendar.key(key).number: count for key, count in self.sessions.items()}
        return [self._calendar.number(number) for number in isolated_ends(by_number)]

    @cached_property
    def _keys(self) -> list[str]:
        wrong = {interval.key for interval in self.clock_errors}
        return [key for key in self.sessions if key not in wrong]

    @property
    def first_key(self) -> str | None:
        """The key of the first interval with data; None without any."""
        return next(iter(self._keys), None)

    @property
    def last_number(self) -> int:
        """The number of the interval after the last with data, whose users are Absent: the end of what is made without
        being asked for. 0 without data."""
        return self._calendar.key(self._keys[-1]).number + 1 if self._keys else 0

    @cached_property
    def _since_first(self) -> list[Interval]:
        """From the first interval with data to the end of the calendar; made once, because a tick of a sensor looks at
        the intervals before each."""
        last = self._calendar.number(self._calendar.count)
        return self._calendar.between(self._calendar.key(self.first_key), last) if self.first_key else []

    def previous(self, interval: Interval) -> Interval | None:
        """The previous interval; None when nothing landed before this one."""
        return None if self.first_key is None or interval.key <= self.first_key else self._calendar.previous(interval)

    def earlier(self, interval: Interval) -> list[Interval]:
        """The intervals from the first with data to the one before this, oldest first."""
        return [i for i in self._since_first[: interval.number] if i.number < interval.number]

    def to_run(self, now: datetime) -> list[Interval]:
        """The closed intervals from the first with data to the one after the last with data, oldest first; none
        without data or while none is closed."""
        closed = self._calendar.last_closed(now)
        return [i for i in self._since_first if closed and i.number <= min(closed.number, self.last_number)]

    def without_data(self, now: datetime) -> list[Interval]:
        """The closed intervals after those of :meth:`to_run`: they wait until data return."""
        wanted, closed = self.to_run(now), self._calendar.last_closed(now)
        return self._calendar.between(wanted[-1], closed)[1:] if wanted and closed else []


def isolated_ends(sessions: Mapping[int, int]) -> list[int]:
    """The numbers of the intervals that probably hold nothing but clock errors, ascending.

    ``sessions``: per number of an interval. Such an interval is the first or the last with sessions, has fewer than
    0.1 % of all, and at least one interval without sessions lies between it and the next. Where two ends are so, the
    rule applies again to what is left."""
    numbers = sorted(number for number, count in sessions.items() if count)
    few = MOST_SHARE * sum(sessions.values())
    isolated: list[int] = []
    while len(numbers) > 1:
        if numbers[1] - numbers[0] > 1 and sessions[numbers[0]] < few:
            isolated.append(numbers.pop(0))
        elif numbers[-1] - numbers[-2] > 1 and sessions[numbers[-1]] < few:
            isolated.append(numbers.pop())
        else:
            break
    return sorted(isolated)
