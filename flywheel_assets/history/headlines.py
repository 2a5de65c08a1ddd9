"""Headlines: the few numbers that say how an interval and those before it went."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flywheel_assets.tables.labels import ABSENT

Rows = Sequence[Mapping[str, Any]]
Unit = Literal["count", "share", "ratio"]


@dataclass(frozen=True)
class Headline:
    """A number over intervals, oldest first, without gaps; the last is that of the interval in question. None where it
    is not known or, for a ratio, has no denominator."""

    name: str
    unit: Unit
    meaning: str
    history: tuple[float | None, ...]

    @property
    def value(self) -> float | None:
        return self.history[-1]

    @property
    def previous(self) -> float | None:
        return self.history[-2] if len(self.history) > 1 else None

    @property
    def change(self) -> float | None:
        """The difference from the previous interval; None where either number is unknown."""
        return None if self.value is None or self.previous is None else self.value - self.previous


def headlines(
    numbers: Sequence[int], mix: Rows, growth: Rows, best: str | None, incomplete: Collection[int] = ()
) -> list[Headline]:
    """Users, sessions, the share of the best label, retention and quick ratio of the intervals with these ``numbers``,
    from rows of label_mix and growth_accounting. Without labels there is no share of the best. What an ``incomplete``
    interval has is told of the last alone, for there it is not compared; retention and quick ratio, into it and out of
    it, are not known."""
    totals = {row["Interval"]: row for row in growth if row["Label"] is None}
    told = [number if number == numbers[-1] or number not in incomplete else None for number in numbers]

    def counted(level: str) -> tuple[float | None, ...]:
        known = {row["Interval"] for row in mix if row["Level"] == level}
        sums = dict.fromkeys(known, 0)
        for row in mix:
            if row["Level"] == level:
                sums[row["Interval"]] += row["Count"]
        return tuple(sums.get(number) for number in told)

    def accounted(column: str) -> tuple[float | None, ...]:
        known = {number for number in totals if number not in incomplete and number - 1 not in incomplete}
        return tuple(totals[number][column] if number in known else None for number in numbers)

    shares = {row["Interval"]: row["Share"] for row in mix if row["Level"] == "users" and row["Label"] == best}
    found = [
        Headline("Active users", "count", "users with at least one session", counted("users")),
        Headline("Sessions", "count", "after trimming outliers", counted("sessions")),
    ]
    if best is not None:
        of_best = tuple(shares.get(number) for number in told)
        found.append(Headline(best, "share", "of users; the best label", of_best))
    return [
        *found,
        Headline("Retention", "share", "of the previous interval's users, active again", accounted("Retention")),
        Headline("Quick ratio", "ratio", "users gained per user lost", accounted("Quick_Ratio")),
    ]


def with_found(order: Sequence[str], labels: Iterable[str]) -> list[str]:
    """The labels in their order, then by name those that only an earlier model gave; without Absent."""
    return [*order, *sorted(set(labels) - {*order, ABSENT})]
