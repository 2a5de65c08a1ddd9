"""`experiments.toml`: who is assigned to what, when, and when it ends.

[pricing_email]
assign = "2026-10-05"                  # users are assigned by their scores at the end of this interval
until = "2026-11-30"                   # the last interval that is read out
arms = { control = 0.5, email = 0.5 }  # the first is the control
hold_out = 0.1                         # the share of users that no arm gets
tiers = ["High", "Medium"]             # who is eligible; everybody without it
exclusive = "e-mail"                   # experiments with this word that overlap in time share no user
leave_out = ["other_experiment"]       # users of these are not eligible
outcome = "purchases"                  # what counts as a conversion; that of intent_rules.toml without it
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from flywheel_assets.errors import IntentError, nearest
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.toml_reader import TomlReader, either, read_text

HOLD_OUT = "hold_out"
KEYS = ("assign", "until", "arms", HOLD_OUT, "tiers", "exclusive", "leave_out", "outcome")
REQUIRED = ("assign", "until", "arms")

ROUNDING = Fraction(1, 10**6)
"""Shares may miss 1 by as much, as three of 0.3333333 do."""


@dataclass(frozen=True)
class Experiment:
    """``shares``: of all eligible users, by arm, in the order of the file, first the control; then, where there is
    one, that of ``hold_out``. They sum to 1. ``place``: the file and the line where it begins. An ``outcome`` of "" is
    that of the rules; no ``tiers`` are all of them."""

    name: str
    assign: Interval
    until: Interval
    shares: Mapping[str, Fraction]
    tiers: tuple[str, ...]
    exclusive: str
    leave_out: tuple[str, ...]
    outcome: str
    place: str

    @property
    def arms(self) -> tuple[str, ...]:
        """Those that are compared, the control first."""
        return tuple(arm for arm in self.shares if arm != HOLD_OUT)

    @property
    def looks(self) -> int:
        """How many intervals are read out."""
        return self.until.number - self.assign.number

    @property
    def stated_shares(self) -> str:
        """As a table keeps them: ``control 0.45, email 0.45, hold_out 0.1``."""
        return ", ".join(f"{arm} {float(share):.6g}" for arm, share in self.shares.items())

    def under_way(self, interval: Interval) -> bool:
        """Whether the interval is one of those that are read out."""
        return self.assign.number < interval.number <= self.until.number

    def overlaps(self, other: "Experiment") -> bool:
        """Whether both must not share users: they have one word of exclusion, and an interval in common."""
        same = bool(self.exclusive) and self.exclusive == other.exclusive and self.name != other.name
        return same and self.assign.number <= other.until.number and other.assign.number <= self.until.number


def read_experiments(
    path: Path, calendar: Calendar, tiers: Collection[str], kinds: Collection[str]
) -> dict[str, Experiment]:
    """The experiments that a file defines, by name; none where the file is missing or empty. ``tiers``: those of the
    rules; ``kinds``: what is counted per user, and so can be an outcome.

    Raises IntentError, naming file and line, for what is no experiment."""
    if not path.exists():
        return {}
    text = read_text(path, IntentError, "make it readable, or rename it")
    return experiments_in(text, path, calendar, tuple(tiers), tuple(kinds))


@lru_cache(maxsize=8)
def experiments_in(
    text: str, path: Path, calendar: Calendar, tiers: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[str, Experiment]:
    """As :func:`read_experiments`, of a text that ``path`` has."""
    reader = _Reader(text, path, IntentError)
    experiments = {name: reader.experiment(name, calendar, tiers, kinds) for name in reader.content}
    for one in experiments.values():
        for other in one.leave_out:
            reader.check_left_out(one, other, experiments)
    return experiments


class _Reader(TomlReader):
    def experiment(self, name: str, calendar: Calendar, tiers: Sequence[str], kinds: Sequence[str]) -> Experiment:
        where, value = f"[{name}]", self.content[name]
        if not isinstance(value, dict):
            raise self.error(name, f"{name} is {_shown(value)}; expected an experiment, as in [pricing_email]")
        self.only(value, KEYS, where)
        for key in REQUIRED:
            if key not in value:
                raise self.error(name, f"{where} has no {key}; expected {', '.join(REQUIRED)}", where)
        assign, until = (self._interval(where, key, value[key], calendar) for key in ("assign", "until"))
        if until.number <= assign.number:
            following = calendar.number(min(assign.number + 1, calendar.count)).key
            raise self.error(
                "until",
                f"{where} ends in {until.key} and assigns users in {assign.key}; expected an end in {following} or "
                "later, because outcomes count from the next interval on",
                where,
            )
        text = {key: self.text(value, key, where) if key in value else "" for key in ("exclusive", "outcome")}
        chosen, left_out = (self.names(value.get(key, ()), f"{where} {key}") for key in ("tiers", "leave_out"))
        for key, names, known in (("tiers", chosen, tiers), ("outcome", filter(None, [text["outcome"]]), kinds)):
            for one in names:
                if one not in known:
                    expected = f"expected {either(known)}" if known else "none are defined"
                    raise self.error(key, f"{where} has {key} = {one!r}; {expected}{nearest(one, known)}", where)
        shares = self._shares(where, value["arms"], value.get(HOLD_OUT, 0))
        place = str(self.error(name, "", where)).removesuffix(": ")
        return Experiment(name, assign, until, shares, chosen, text["exclusive"], left_out, text["outcome"], place)

    def _interval(self, where: str, key: str, value: Any, calendar: Calendar) -> Interval:
        try:
            return calendar.key(value.isoformat() if isinstance(value, date) else str(value))
        except LookupError as error:
            raise self.error(key, f"{where} has {key} = {_shown(value)}: {error}", where) from None

    def _shares(self, where: str, arms: Any, hold_out: Any) -> dict[str, Fraction]:
        if not isinstance(arms, dict) or len(arms) < 2:
            raise self.error(
                "arms",
                f"{where} has arms = {_shown(arms)}; expected two or more with their shares, the control first, as in "
                "{ control = 0.5, email = 0.5 }",
                where,
            )
        for arm, share in arms.items():
            if arm == HOLD_OUT:
                raise self.error("arms", f"{where} has an arm hold_out; set hold_out beside arms instead", where)
            if not _is_share(share) or share == 0:
                raise self.error(
                    "arms",
                    f"{where} has a share of {_shown(share)} for {arm}; expected a number above 0 and below 1",
                    where,
                )
        if not _is_share(hold_out) or hold_out == 1:
            raise self.error(
                HOLD_OUT, f"{where} has hold_out = {_shown(hold_out)}; expected a share from 0 to below 1", where
            )
        exact = {arm: Fraction(str(share)) for arm, share in arms.items()}
        total, left_out = sum(exact.values(), Fraction(0)), Fraction(str(hold_out))
        if abs(total - 1) > ROUNDING:
            shares = " + ".join(_shown(share) for share in arms.values())
            raise self.error(
                "arms", f"{where} has shares that sum to {float(total):.10g} ({shares}); expected 1", where
            )
        shares_of_all = {arm: (1 - left_out) * share / total for arm, share in exact.items()}
        return shares_of_all | ({HOLD_OUT: left_out} if left_out else {})

    def check_left_out(self, one: Experiment, other: str, experiments: Mapping[str, Experiment]) -> None:
        where = f"[{one.name}]"
        if other == one.name or other not in experiments:
            others = [name for name in experiments if name != one.name]
            expected = f"expected {either(others)}" if others else "no other is defined"
            raise self.error("leave_out", f"{where} leaves out {other!r}; {expected}{nearest(other, others)}", where)
        if experiments[other].assign.number > one.assign.number:
            raise self.error(
                "leave_out",
                f"{where} leaves out {other}, whose users are not known in {one.assign.key}: they are assigned in "
                f"{experiments[other].assign.key}; let {other} leave out {one.name} instead",
                where,
            )
        seen, waiting = set[str](), list(experiments[other].leave_out)
        while waiting:
            name = waiting.pop()
            if name == one.name:
                raise self.error(
                    "leave_out", f"{where} leaves out {other}, which leaves out {one.name}: drop one of them", where
                )
            if name in experiments and name not in seen:
                seen.add(name)
                waiting.extend(experiments[name].leave_out)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _shown(value: Any) -> str:
    """A value of the file as a person wrote it."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_shown(part)}" for key, part in value.items()) + " }" if value else "{ }"
    return value.isoformat() if isinstance(value, date) else repr(value)
