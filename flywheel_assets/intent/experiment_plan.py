"""How many users an experiment needs, or how many intervals, to show an effect."""

from dataclasses import dataclass
from math import ceil

from flywheel_assets.intent.proportions import detectable, users_per_arm
from flywheel_assets.intent.sequential import LEAST_EXPECTED, LEVEL
from flywheel_assets.report.numbers import count, percent, plural

MOST_INTERVALS = 26


@dataclass(frozen=True)
class Plan:
    """``rate``: of users who convert in one interval without a change, above 0 and below 1. ``lift``: by which part of
    itself the rate is to grow, above 0. ``arms``: with the control; each is compared with it, at its part of the level
    (Bonferroni). ``power``: how probable it is to be that a lift is shown.

    A user is in an arm for several intervals and converts in each with the same probability, whatever came before."""

    rate: float
    arms: int
    power: float

    @property
    def level(self) -> float:
        return LEVEL / (self.arms - 1)

    def users(self, lift: float, intervals: int = 1) -> int:
        """The users that each arm needs after so many intervals; never so few that nothing is tested."""
        other = min(self.rate * (1 + lift), 1.0)
        before, after = _by(self.rate, intervals), _by(other, intervals)
        converted = (before + after) / 2
        tested = ceil(LEAST_EXPECTED / min(converted, 1 - converted))
        return max(users_per_arm(before, after, self.level, self.power), tested)

    def intervals(self, lift: float, users: int) -> int | None:
        """After how many intervals ``users`` per arm are enough; None where not within 26."""
        for n in range(1, MOST_INTERVALS + 1):
            if 1 - _by(self.rate, n) < LEAST_EXPECTED / max(users, 1):
                return None  # too few are left who have not converted, and ever fewer
            if self.users(lift, n) <= users:
                return n
        return None

    def lift(self, users: int) -> float | None:
        """The smallest lift that ``users`` per arm show after one interval; None where they show none at all."""
        other = detectable(self.rate, users, self.level, self.power) if users else None
        tested = max(other or 1.0, 2 * LEAST_EXPECTED / max(users, 1) - self.rate)
        return tested / self.rate - 1 if tested < 1 else None

    def sentences(self, lift: float | None, users: int | None) -> list[str]:
        """The plan in words. ``users``: who can be assigned, in all; None where that is not known."""
        sentences = [f"{percent(self.rate)} of users convert per interval without a change."]
        if lift is not None:
            each = self.users(lift)
            sentences.append(
                f"To show a lift of {percent(lift)}, to {percent(min(self.rate * (1 + lift), 1.0))}, in one interval "
                f"with a probability of {percent(self.power)}: {plural(each, 'user')} per arm, "
                f"{count(each * self.arms)} in {self.arms} arms."
            )
        if users is None:
            return sentences
        each, shown = users // self.arms, self.lift(users // self.arms)
        have = f"{plural(users, 'user')} can be assigned, {count(each)} per arm"
        few = "are too few to show any lift in one interval"
        what = few if shown is None else f"show a lift of {percent(shown)} or more after one interval"
        if lift is None:
            return [*sentences, f"{have}: they {what}."]
        needed = self.intervals(lift, each)
        never = f"do not show it within {MOST_INTERVALS} intervals"
        within = f"show it after {plural(needed, 'interval')}" if needed else never
        return [*sentences, f"{have}: they {within}.", f"They {what}."]


def _by(rate: float, intervals: int) -> float:
    """Who converts by the end of so many intervals."""
    return 1 - (1 - rate) ** intervals
