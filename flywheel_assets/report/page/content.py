"""What the interval report says, as plain data. Who gathers it is `defs.report`, what it looks like is the page's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flywheel_assets.history.headlines import Headline, Rows, headlines, with_found
from flywheel_assets.history.model_shift import model_shift
from flywheel_assets.intervals import Interval
from flywheel_assets.report.folding import Folding, fold
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding

MOST_INTERVALS = 52
"""As many as a page looks back on: two years of two weeks. More would be bars too thin to tell apart."""

SANKEY_STEPS = 3
"""Over how many transitions the paths of users are drawn: more columns leave no room to see any."""


@dataclass(frozen=True)
class Report:
    """Everything that the page of an interval says.

    ``intervals``: those with labels, oldest first, this one last, at most MOST_INTERVALS. ``mix`` and ``growth`` are
    the rows of label_mix and growth_accounting of all of them, ``unmade`` of how many before this one they are not
    there; ``transitions`` those of label_transitions of the last SANKEY_STEPS, ``shift`` and ``forecast`` rows of this
    interval alone. ``forecast_note``: what the forecast says of
    itself, first line first. ``versions``: model versions by interval number and model, of all intervals; an interval
    without users has none. ``causes``: rows of transition_causes of this interval, none where these are not of what
    the tables say now. ``missing``: per table that is not there and would be told of, what to do; transition_causes is
    told of where the models changed. ``generation``: the digest of what the page was made from."""

    interval: Interval
    intervals: Sequence[Interval]
    closed: bool
    user_order: Sequence[str]
    session_order: Sequence[str]
    mix: Rows = ()
    growth: Rows = ()
    shift: Rows = ()
    transitions: Rows = ()
    forecast: Rows = ()
    forecast_note: str = ""
    findings: Sequence[Finding] = ()
    ledger: Ledger | None = None
    versions: Mapping[int, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    causes: Rows = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    previous_page: str | None = None
    unmade: int = 0
    generation: str = ""

    @property
    def previous(self) -> Interval | None:
        """The interval before, if it has labels."""
        before = [i for i in self.intervals if i.number == self.interval.number - 1]
        return before[0] if before else None

    @cached_property
    def changed_models(self) -> list[str]:
        """The models that are another version in this interval than in the one before: ``session``, ``user``."""
        now, before = (self.versions.get(self.interval.number - back, {}) for back in (0, 1))
        return [name for name, versions in now.items() if versions and before.get(name) and before[name] != versions]

    def model_changes(self, *models: str) -> list[int]:
        """The intervals whose labels are by another version of one of these models than the last labels before."""
        last: dict[str, Sequence[str]] = {}
        found = []
        for interval in self.intervals:
            now = {name: of for name, of in self.versions.get(interval.number, {}).items() if name in models}
            if any(last.get(name, versions) != versions for name, versions in now.items()):
                found.append(interval.number)
            last |= now
        return found

    @cached_property
    def model_shift(self) -> Rows:
        """Where the models changed, each label's change by what users did and by what the new models say; empty where
        nobody can tell these apart."""
        return model_shift(self.causes, self.user_order, self.interval) if self.changed_models and self.causes else ()

    @cached_property
    def headlines(self) -> Sequence[Headline]:
        first = self.intervals[0].number
        numbers = range(first, self.interval.number + 1)
        return headlines(numbers, self.mix, self.growth, self.user_order[-1] if self.user_order else None)

    @property
    def users(self) -> int:
        """Users of the interval, 0 also where nobody counted them."""
        return int(sum(row["Count"] for row in self.of_mix("users", self.interval.number)))

    def of_mix(self, level: str, number: int) -> list[Mapping[str, Any]]:
        """The rows of label_mix of a level and an interval."""
        return [row for row in self.mix if row["Level"] == level and row["Interval"] == number]

    def moves(self, number: int) -> list[Mapping[str, Any]]:
        """The rows of label_transitions of an interval."""
        return [row for row in self.transitions if row["Interval"] == number]

    @cached_property
    def growth_now(self) -> Mapping[str, Any] | None:
        """The row of growth_accounting of all users of the interval."""
        return next((r for r in self.growth if r["Label"] is None and r["Interval"] == self.interval.number), None)

    @cached_property
    def user_folding(self) -> Folding:
        weights = {row["Label"]: 0 for row in self.mix if row["Level"] == "users"}
        for row in self.mix:
            if row["Level"] == "users":
                weights[row["Label"]] += row["Count"]
        found = {*weights, *(row[side] for row in self.transitions for side in ("From_Label", "To_Label"))}
        found |= {row["Label"] for row in self.model_shift}
        return fold("user", with_found(self.user_order, found), weights)

    @cached_property
    def session_folding(self) -> Folding:
        weights = {row["Label"]: 0 for row in self.mix if row["Level"] == "sessions"}
        for row in self.mix:
            if row["Level"] == "sessions":
                weights[row["Label"]] += row["Count"]
        return fold("session", with_found(self.session_order, weights), weights)
