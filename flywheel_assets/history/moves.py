"""Moves: the users of each pair of labels in label_transitions, and what the tables of history have in common."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.tables.contract import Column, interval_number
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.users import label_transitions

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

LABEL = Column("Label", "string", "A label of the model, even without users, or one that only an earlier model gave.")
LABEL_ORDER = Column(
    "Label_Order", "int32", "The label's place from worst to best, from 1; then those of earlier models."
)

Moves = Mapping[tuple[str, str], int]
"""Users by (From_Label, To_Label), Absent included; a pair that is not there has none."""

Row = dict[str, Any]
"""A row of a table of history, by column."""


def moves_of(rows: Iterable[Mapping[str, Any]]) -> Moves:
    """The moves in rows of label_transitions."""
    return {(row["From_Label"], row["To_Label"]): row["User_Count"] for row in rows}


def number_and_labels(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """The parameters of a table that has one row per user label."""
    return {**interval_number(flywheel, interval), "user labels": ", ".join(flywheel.models["user"].order)}


def users_before(moves: Moves) -> Counter[str]:
    """Users by their label in the previous interval, of those who had one."""
    return _summed((before, users) for (before, _), users in moves.items() if before != ABSENT)


def users_now(moves: Moves) -> Counter[str]:
    """Users by their label in this interval, of those who have one."""
    return _summed((now, users) for (_, now), users in moves.items() if now != ABSENT)


def all_labels(order: Sequence[str], moves: Moves) -> list[str]:
    """Every label of the model, worst to best, then by name those that only an earlier model gave."""
    return [*order, *sorted({label for pair in moves for label in pair} - {*order, ABSENT})]


def when(interval: Interval) -> Row:
    """The columns that say which interval a row belongs to."""
    return {"First_Day": interval.first_day, "Interval": interval.number, "Interval_Dates": interval.dates}


def newest_first(flywheel: "Flywheel", interval: Interval) -> list[Interval]:
    """The interval and, back to the first with data, those before it."""
    return [interval, *reversed(flywheel.extent.earlier(interval))]


def read_moves(flywheel: "Flywheel", interval: Interval) -> Moves:
    """The moves into an interval, of its label_transitions. Raises NotMaterializedError."""
    return moves_of(flywheel.rows(label_transitions.TABLE, interval))


def moves_so_far(flywheel: "Flywheel", interval: Interval) -> list[Moves]:
    """The moves into each interval from the first with data to this one, oldest first. Raises NotMaterializedError."""
    return [read_moves(flywheel, i) for i in reversed(newest_first(flywheel, interval))]


def incomplete_so_far(flywheel: "Flywheel", interval: Interval) -> list[int]:
    """The places, from 0, of the incomplete ones among the intervals of :func:`moves_so_far`."""
    intervals = newest_first(flywheel, interval)[::-1]
    cut = incomplete(flywheel, intervals)
    return [place for place, one in enumerate(intervals) if one.number in cut]


def _summed(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for label, users in counts:
        total[label] += users
    return total
