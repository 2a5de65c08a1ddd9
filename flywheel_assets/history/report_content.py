"""What the interval report says, as plain data. `report` gathers it, `page` makes a page of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from flywheel_assets.history.headlines import Headline, Rows, headlines, with_found
from flywheel_assets.history.model_shift import model_shift
from flywheel_assets.history.moves import Moves, moves_of
from flywheel_assets.intervals import Interval
from flywheel_assets.report.folding import Folding, fold
from flywheel_assets.sessions.reviewed_labels import ProposedLabels
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding

MOST_INTERVALS = 52
"""A page looks back two years of two weeks. More would be bars too thin to tell apart."""

SANKEY_STEPS = 3
"""How many transitions the diagram of paths shows: more columns leave no room to see any."""


@dataclass(frozen=True)
class Report:
    """Everything that the page of an interval says.

    ``intervals``: those with labels, oldest first, this one last, at most MOST_INTERVALS. ``mix`` and ``growth``: the
    rows of label_mix and growth_accounting of all of them; ``unmade``: how many earlier intervals lack these.
    ``transitions``: the rows of label_transitions of the last SANKEY_STEPS. ``shift``, ``forecast``: the rows of this
    interval alone. ``forecast_note``: what the forecast says about itself, the main line first. ``versions``: model
    versions by interval number and model, of all intervals; an interval without users has none. ``causes``: the rows of
    transition_causes of this interval, none when they do not belong to the labels as they are now. ``missing``: what to
    do, per table that the page needs and that is not there; transition_causes is needed where the models changed.
    ``incomplete``: those of the intervals that are, by number, in words (see `landing.coverage`). ``proposed``: where
    the session labels follow from clusters, how many a person reviewed. ``generation``: the digest of what the page is
    made from."""

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
    incomplete: Mapping[int, str] = field(default_factory=dict)
    proposed: ProposedLabels | None = None
    generation: str = ""

    @property
    def previous(self) -> Interval | None:
        """The previous interval, if it has labels."""
        return next((i for i in self.intervals if i.number == self.interval.number - 1), None)

    @property
    def is_incomplete(self) -> bool:
        return self.interval.number in self.incomplete

    @property
    def comparable(self) -> bool:
        """Whether both this interval and the previous one are complete."""
        return not {self.interval.number, self.interval.number - 1} & self.incomplete.keys()

    @cached_property
    def days(self) -> Mapping[int, date]:
        """The first day of every interval from the first with labels to this one, by number."""
        first, last = self.intervals[0].number, self.interval.number
        length = self.interval.last_day - self.interval.first_day + timedelta(days=1)
        return {x: self.interval.first_day - (last - x) * length for x in range(first, last + 1)}

    @cached_property
    def changed_models(self) -> list[str]:
        """The models (``session``, ``user``) whose version is not that of the previous interval."""
        now, before = (self.versions.get(self.interval.number - back, {}) for back in (0, 1))
        return [name for name, versions in now.items() if versions and before.get(name) and before[name] != versions]

    def model_changes(self, *models: str) -> list[int]:
        """The intervals whose labels come from another version of one of these models than the last labels before."""
        last: dict[str, Sequence[str]] = {}
        changes = []
        for interval in self.intervals:
            now = {name: by for name, by in self.versions.get(interval.number, {}).items() if name in models}
            if any(last.get(name, versions) != versions for name, versions in now.items()):
                changes.append(interval.number)
            last |= now
        return changes

    @cached_property
    def model_shift(self) -> Rows:
        """Where the models changed, each label's change by what users did and by what the new models say; empty where
        the two cannot be separated."""
        return model_shift(self.causes, self.user_order, self.interval) if self.changed_models and self.causes else ()

    @cached_property
    def headlines(self) -> Sequence[Headline]:
        best = self.user_order[-1] if self.user_order else None
        return headlines(list(self.days), self.mix, self.growth, best, self.incomplete)

    @property
    def users(self) -> int:
        """Users of the interval; 0 also where they were not counted."""
        return int(sum(row["Count"] for row in self.mix_now("users")))

    def mix_now(self, level: str) -> list[Mapping[str, Any]]:
        """The rows of label_mix of a level and this interval."""
        return [row for row in self.mix if row["Level"] == level and row["Interval"] == self.interval.number]

    def moves(self, number: int) -> Moves:
        """Users by pair of labels, of an interval."""
        return moves_of(row for row in self.transitions if row["Interval"] == number)

    @cached_property
    def growth_now(self) -> Mapping[str, Any] | None:
        """The row of growth_accounting of all users of the interval."""
        return next((r for r in self.growth if r["Label"] is None and r["Interval"] == self.interval.number), None)

    @cached_property
    def user_folding(self) -> Folding:
        moved = {row[side] for row in self.transitions for side in ("From_Label", "To_Label")}
        return self._folding("user", self.user_order, {*moved, *(row["Label"] for row in self.model_shift)})

    @cached_property
    def session_folding(self) -> Folding:
        return self._folding("session", self.session_order, set())

    def _folding(self, name: str, order: Sequence[str], others: set[str]) -> Folding:
        weights: Counter[str] = Counter()
        for row in self.mix:
            if row["Level"] == f"{name}s":
                weights[row["Label"]] += row["Count"]
        return fold(name, with_found(order, {*weights, *others}), weights)
