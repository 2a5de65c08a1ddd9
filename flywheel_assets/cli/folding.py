"""Consecutive intervals without sessions as one line, so that an outage does not fill a page."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from flywheel_assets.intervals import Interval

Item = TypeVar("Item")


def fold(items: Iterable[Item], empty: Callable[[Item], object]) -> list[list[Item]]:
    """The items in their order: neighbours for which ``empty`` gives the same true value together, all others alone."""
    alone = enumerate(items, start=1)
    groups = groupby(alone, key=lambda numbered: empty(numbered[1]) or -numbered[0])
    return [[item for _, item in group] for _, group in groups]


def span(intervals: Sequence["Interval"], kind: str = "intervals") -> str:
    """``2024-01-01 - 2024-01-14``, and for several their first and last day and how many they are."""
    first, last = intervals[0], intervals[-1]
    dates = f"{first.first_day} - {last.last_day}"
    return dates if first == last else f"{dates} ({len(intervals)} {kind})"
