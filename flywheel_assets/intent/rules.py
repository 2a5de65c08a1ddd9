"""The rules of the intent score: how many points what a user did gives, as `intent_rules.toml` says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flywheel_assets.tables.generation import digest

SINCE = "days_since_"

CLAMP = "clamp"
"""In place of a rule's name: what the score's floor or ceiling changes."""

INTENT_MODEL = "intent"
"""The name, in its bundle, of the model that learns from what these rules' outcomes were."""


@dataclass(frozen=True)
class Rule:
    """Up to ``points`` for a feature of user_features. With ``values`` the feature is a trait, and each value of it
    gives points of its own. Otherwise a value x gives

        points * (1 - 2 ** (-x / half_at))    rising: ``half_at`` gives half of the points, twice that three quarters
        points * 2 ** (-x / half_at)          with ``falls``: 0 gives all of them, ``half_at`` half

    where x below ``floor`` gives nothing and x above ``ceiling`` counts as ``ceiling``; null gives nothing. With
    ``half_life_days`` the points halve with every so many days since the last event of the feature's kind, or of any
    for a feature that is no kind. ``points`` below 0 are a deduction."""

    name: str
    group: str
    feature: str
    points: float = 0.0
    half_at: float = 1.0
    falls: bool = False
    floor: float | None = None
    ceiling: float | None = None
    half_life_days: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def most(self) -> float:
        """The greatest number of points it can give, below 0 for a deduction."""
        extremes = self.values.values() if self.values else (self.points,)
        return max(extremes, key=abs, default=0.0)

    @property
    def direction(self) -> int:
        """1 where more of the feature never lowers the score, -1 where it never raises it, 0 for a trait."""
        if self.values or not self.points:
            return 0
        return (1 if self.points > 0 else -1) * (-1 if self.falls else 1)


@dataclass(frozen=True)
class Group:
    """The rules of a group give no more than ``cap`` and no less than ``floor`` points together."""

    name: str
    cap: float
    floor: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class IntentRules:
    """``tiers``: name and lowest score, the highest first. ``outcome``: the kind of event that is a conversion."""

    rules: tuple[Rule, ...]
    groups: tuple[Group, ...]
    tiers: tuple[tuple[str, float], ...]
    outcome: str
    floor: float = 1.0
    ceiling: float = 100.0

    @cached_property
    def digest(self) -> str:
        """Changes with whatever changes the rows of intent_scores, the order of rules included: columns and
        reasons of equal points stand in it. Not with comments, reasons or the order of groups."""
        rules = [(r.name, r.group, r.feature, *_numbers(r), sorted(r.values.items())) for r in self.rules]
        groups = sorted((g.name, g.cap, g.floor) for g in self.groups)
        return digest(repr((rules, groups, self.tiers, self.floor, self.ceiling, self.outcome)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.rules)

    def of_group(self, group: str) -> list[int]:
        """The positions of the group's rules."""
        return [i for i, rule in enumerate(self.rules) if rule.group == group]

    def needed(self, kinds: Sequence[str]) -> list[str]:
        """The columns of user_features that scores are made from."""
        of_rules = [rule.feature for rule in self.rules]
        return list(dict.fromkeys(["user_id", *of_rules, *(since(rule.feature, kinds) for rule in self.rules)]))


def since(feature: str, kinds: Sequence[str]) -> str:
    """The column with the days since what a feature counts."""
    return f"{SINCE}{feature}" if feature in kinds else f"{SINCE}event"


def _numbers(rule: Rule) -> tuple[str, ...]:
    return tuple(
        str(number) for number in (rule.points, rule.half_at, rule.falls, rule.floor, rule.ceiling, rule.half_life_days)
    )
