"""`intent_rules.toml`: the rules of the intent score, in a form that a marketer can read and change.

[outcome]
kind = "purchases"          # an event of this kind in the following interval is a conversion

[score]
floor = 1                   # nobody scores less
ceiling = 100               # or more

[tiers]                     # the lowest score of each
High = 60
Medium = 25
Low = 1

[groups.buying]
cap = 70                    # what its rules give together, at most
floor = 0                   # and at least
reason = "..."

[rules.pricing_visits]
group = "buying"
feature = "pricing_visits"  # a column of user_features
points = 30                 # at most
half_at = 2                 # so many give half of the points
half_life_days = 21         # so many days without one halve them
reason = "..."
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from flywheel_assets.errors import IntentError
from flywheel_assets.intent.rules import CLAMP, Group, IntentRules, Rule
from flywheel_assets.toml_reader import TomlReader, read_text

NUMBERS = ("points", "half_at", "half_life_days", "floor", "ceiling")
MOST_POINTS = 1000
"""More than ten times the greatest score; the points of many rules still fit into their columns."""

WAY_OUT = "to write one: flywheel intent init"


def read_rules(path: Path, kinds: Sequence[str], features: Sequence[str], traits: Sequence[str] = ()) -> IntentRules:
    """The rules in a file. ``kinds`` that events.toml names, ``features``: the columns of user_features that are
    numbers; ``traits``: those that are texts. Raises IntentError, which names file, line and key."""
    return rules_in(read_text(path, IntentError, WAY_OUT), path, kinds, features, traits)


def rules_in(
    text: str, path: Path, kinds: Sequence[str], features: Sequence[str], traits: Sequence[str] = ()
) -> IntentRules:
    """As :func:`read_rules`, of a text that ``path`` has or is to have."""
    return _Reader(text, path, IntentError).rules(kinds, features, traits)


class _Reader(TomlReader):
    def rules(self, kinds: Sequence[str], features: Sequence[str], traits: Sequence[str]) -> IntentRules:
        self.only(self.content, ("outcome", "score", "tiers", "groups", "rules"), "the file")
        score = self.table("score")
        self.only(score, ("floor", "ceiling"), "[score]")
        bounds = {"floor": 1.0, "ceiling": 100.0} | {name: self._bound(score, name, "[score]") for name in score}
        if not 1 <= bounds["floor"] < bounds["ceiling"] <= 100:
            raise self.error(
                "ceiling",
                f"[score] goes from {bounds['floor']:g} to {bounds['ceiling']:g}; expected a floor below the ceiling, "
                "both from 1 to 100",
                "[score]",
            )
        groups = tuple(self._group(name, value) for name, value in self.table("groups").items())
        names = [group.name for group in groups]
        rules = tuple(self._rule(n, v, names, features, traits) for n, v in self.table("rules").items())
        if not rules:
            raise self.error("rules", f"the file has no rule; expected [rules.NAME] tables; {WAY_OUT}")
        return IntentRules(
            rules, groups, self._tiers(bounds["floor"], bounds["ceiling"]), self._outcome(kinds), **bounds
        )

    def _outcome(self, kinds: Sequence[str]) -> str:
        table = self.table("outcome")
        self.only(table, ("kind",), "[outcome]")
        if "kind" not in table:
            raise self.error(
                "outcome",
                '[outcome] has no kind: name the kind of event that is a conversion, as in kind = "purchases"',
            )
        kind = self.text(table, "kind", "[outcome]")
        if kind not in kinds:
            raise self.error(
                "kind", f"[outcome] has kind = {kind!r}; the kinds in events.toml are {', '.join(kinds)}", "[outcome]"
            )
        return kind

    def _bound(self, table: dict[str, Any], name: str, where: str) -> float:
        """A score, which has two decimals."""
        number = self.number(table, name, where)
        if round(number, 2) != number:
            raise self.error(name, f"{where} has {name} = {number!r}; expected two decimals at most", where)
        return number

    def _points(self, table: dict[str, Any], name: str, where: str) -> float:
        points = self.number(table, name, where)
        if abs(points) > MOST_POINTS:
            expected = f"expected {-MOST_POINTS:,} to {MOST_POINTS:,} points"
            raise self.error(name, f"{where} has {name} = {points:g}; {expected}", where)
        return points

    def _tiers(self, floor: float, ceiling: float) -> tuple[tuple[str, float], ...]:
        table = self.table("tiers")
        least = {name: self._bound(table, name, "[tiers]") for name in table}
        if not least:
            raise self.error("tiers", "[tiers] is missing; expected the lowest score of each, as in High = 60")
        for name, number in least.items():
            if not floor <= number <= ceiling:
                raise self.error(
                    name, f"[tiers] has {name} = {number:g}; expected a score from {floor:g} to {ceiling:g}", "[tiers]"
                )
        tiers = sorted(least.items(), key=lambda tier: -tier[1])
        for (upper, bound), (lower, other) in pairwise(tiers):
            if bound == other:
                raise self.error(
                    upper,
                    f"[tiers] {upper} and {lower} overlap: both begin at {bound:g}; expected scores that differ",
                    "[tiers]",
                )
        name, number = tiers[-1]
        if number > floor:
            raise self.error(
                name,
                f"[tiers] {name}, the lowest, begins at {number:g}: scores from {floor:g} on would have no tier; "
                f"expected {name} = {floor:g}",
                "[tiers]",
            )
        return tuple(tiers)

    def _group(self, name: str, value: Any) -> Group:
        where = f"[groups.{name}]"
        table = self.as_table(value, where)
        self.only(table, ("cap", "floor", "reason"), where)
        if "cap" not in table:
            raise self.error(f"groups.{name}", f"{where} has no cap: how many points may its rules give together?")
        cap, floor = self._points(table, "cap", where), self._points({"floor": 0, **table}, "floor", where)
        if cap < floor:
            raise self.error("cap", f"{where} has the cap {cap:g}, below its floor {floor:g}; expected more", where)
        if not floor <= 0 <= cap:
            raise self.error(
                "cap", f"{where} has the floor {floor:g} and the cap {cap:g}; expected 0 in between", where
            )
        return Group(name, cap, floor, self._reason(table, where, f"groups.{name}"))

    def _rule(
        self, name: str, value: Any, groups: Sequence[str], features: Sequence[str], traits: Sequence[str]
    ) -> Rule:
        where, key = f"[rules.{name}]", f"rules.{name}"
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise self.error(key, f"{where} is no name: expected lower-case letters, digits and underscores")
        if name == CLAMP:
            raise self.error(key, f"{where} has the name of what the score's floor or ceiling changes; rename the rule")
        table = self.as_table(value, where)
        self.only(table, ("group", "feature", "falls", "values", "reason", *NUMBERS), where)
        for needed in ("group", "feature"):
            if needed not in table:
                raise self.error(key, f"{where} has no {needed}")
        group, feature = self.text(table, "group", where), self.text(table, "feature", where)
        if group not in groups:
            listed = ", ".join(groups) or "none"
            raise self.error("group", f"{where} has group = {group!r}; the file has [groups]: {listed}", where)
        known = traits if "values" in table else features
        if feature not in known:
            what = "columns with texts" if "values" in table else "features"
            raise self.error(
                "feature",
                f"{where} has feature = {feature!r}, which is unknown; the {what} of users are "
                f"{', '.join(known) or 'none'}",
                where,
            )
        reason = self._reason(table, where, key)
        if "values" in table:
            return self._by_value(name, group, feature, table, reason)
        if "points" not in table:
            raise self.error(key, f"{where} has no points: how many may it give?")
        numbers: dict[str, Any] = {number: self.number(table, number, where) for number in NUMBERS if number in table}
        self._points(table, "points", where)
        for number in ("half_at", "half_life_days"):
            if numbers.get(number, 1.0) <= 0:
                raise self.error(number, f"{where} has {number} = {numbers[number]:g}; expected more than 0", where)
        if "floor" in numbers and "ceiling" in numbers and numbers["ceiling"] < numbers["floor"]:
            raise self.error(
                "ceiling",
                f"{where} has the ceiling {numbers['ceiling']:g}, below its floor {numbers['floor']:g}; expected more",
                where,
            )
        falls = table.get("falls", False)
        if not isinstance(falls, bool):
            raise self.error("falls", f"{where} has falls = {falls!r}; expected true or false", where)
        for number in ("half_life_days", "floor"):
            if falls and number in numbers:
                raise self.error(number, f"{where} has falls and {number}; expected one of them", where)
        return Rule(name, group, feature, falls=falls, reason=reason, **numbers)

    def _by_value(self, name: str, group: str, feature: str, table: dict[str, Any], reason: str) -> Rule:
        where = f"[rules.{name}]"
        self.only(table, ("group", "feature", "values", "reason"), where)
        points = self.as_table(table["values"], f"{where} values")
        values = {value: self._points(points, value, f"{where} values") for value in points}
        if not values:
            raise self.error("values", f"{where} values is empty; expected points by {feature}", where)
        return Rule(name, group, feature, values=values, reason=reason)

    def _reason(self, table: dict[str, Any], where: str, key: str) -> str:
        if "reason" not in table:
            raise self.error(key, f"{where} has no reason: say in a sentence why it has these numbers")
        return self.text(table, "reason", where)
