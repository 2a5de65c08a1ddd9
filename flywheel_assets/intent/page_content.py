"""What the page of intent is made from: rows of tables and the rules, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from flywheel_assets.intent.ranking import RuleShare
from flywheel_assets.intent.rules import IntentRules
from flywheel_assets.intervals import Interval

Row = Mapping[str, Any]
Rows = Sequence[Row]

MOST_USERS = 500
"""So many of the ranked users are on the page, each with a view of about 6 KB."""


@dataclass(frozen=True)
class Content:
    """``users``: all with a score; ``tiers``: how many of them each has; ``shares``: what rules give over all of them.
    ``ranked``: the first MOST_USERS rows of ranked_users, which has ``ranked_in_all``; ``explanations`` and ``days``:
    the rows of intent_explanations and user_days of each of them, by user. ``labels``: the flywheel label of those who
    have one; None where the interval has no labels. ``label_order``: from the best to the worst.

    ``tiers_before``: users and conversions by their tier at the end of the previous interval, empty without outcomes.
    ``performance``, ``calibration``, ``probability``, ``disagreements``, ``readout``: rows of the tables
    that judge scores and experiments, empty where they are not there. ``links``: other pages."""

    interval: Interval
    closed: bool
    rules: IntentRules
    kinds: Sequence[str]
    traits: Sequence[str]
    look_back_days: int
    users: int
    tiers: Mapping[str, int]
    shares: Sequence[RuleShare]
    ranked: Rows
    ranked_in_all: int
    explanations: Mapping[str, Rows] = field(default_factory=dict)
    days: Mapping[str, Rows] = field(default_factory=dict)
    labels: Mapping[str, str] | None = None
    label_order: Sequence[str] = ()
    tiers_before: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    performance: Rows = ()
    calibration: Rows = ()
    probability: Rows = ()
    disagreements: Rows = ()
    readout: Rows = ()
    links: Sequence[tuple[str, str]] = ()
    generation: str = ""

    @property
    def first_day(self) -> date:
        """Of the look-back."""
        return self.interval.last_day - timedelta(days=self.look_back_days - 1)

    @cached_property
    def _chances(self) -> Mapping[int, float | None]:
        return {row["score"]: row["probability"] for row in self.probability}

    def chance(self, row: Row) -> float | None:
        """The probability that a ranked user converts: the model's where one is in use, else what outcomes say of such
        a score; None without outcomes."""
        known: float | None = row.get("probability")
        return self._chances.get(round(row["score"])) if known is None else known

    @property
    def ranked_by_model(self) -> bool:
        """Whether the order is that of the model's probabilities."""
        return any(row.get("ranked_by") == "model" for row in self.ranked)
