"""What people ask of the scores of an interval: the first users of a ranking, one user's points, what rules give over
all users, and what other rules would change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir
import numpy as np

from flywheel_assets.errors import NotMaterializedError, UnknownUserError
from flywheel_assets.intent import intent_explanations, intent_predictions, intent_scores, user_features
from flywheel_assets.intent.intent_scores import features_of
from flywheel_assets.intent.ranked_users import ranked_users
from flywheel_assets.intent.rules import CLAMP, IntentRules, Rule
from flywheel_assets.intent.scoring import curve, score
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import listed

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

Row = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    """A user's row of intent_scores, and the user's rows of intent_explanations, most points first; their points sum to
    the score."""

    scores: Row
    points: Sequence[Row]


@dataclass(frozen=True)
class RuleShare:
    """What a rule gives over all users: how many have points from it, how many they have on average, and its share of
    all points that rules give or take."""

    rule: str
    group: str
    users: int
    mean_points: float
    share: float


def scored_interval(flywheel: "Flywheel", key: str | None) -> Interval:
    """The interval of that key, by default the last that has scores. Raises SettingsError for a key that is none,
    NotMaterializedError without scores."""
    keys = flywheel.warehouse.keys(intent_scores.TABLE.name)
    if key is None and not keys:
        if not intent_scores.TABLE.used(flywheel.settings):
            raise NotMaterializedError(
                f"there are no scores without rules: {flywheel.settings.intent_file} is missing. To write it from the "
                "kinds in events.toml: flywheel intent init"
            )
        raise NotMaterializedError("no interval has scores of intent yet: flywheel run")
    interval = flywheel.interval(key or keys[-1])
    flywheel.warehouse.read(intent_scores.TABLE.name, interval)  # which says what to do where there are none
    return interval


def made_by_other_rules(flywheel: "Flywheel", interval: Interval) -> str:
    """A sentence where the scores of an interval are not by the rules as they are; empty where they are."""
    file = flywheel.settings.intent_file
    if not file.is_file():
        return f"These scores are by earlier rules: {file} is gone. To write one: flywheel intent init"
    if flywheel.intent.rules_wait:
        return f"These scores are by earlier rules: {flywheel.intent.rules_wait}"
    made = flywheel.warehouse.generation(intent_scores.TABLE.name, interval)
    if made and made.parameters.get(intent_scores.RULES) == flywheel.intent.rules.digest:
        return ""
    return "These scores are by earlier rules; flywheel run makes them again"


def first_users(flywheel: "Flywheel", interval: Interval, most: int) -> list[Row]:
    """The rows of ranked_users, for however many."""
    scores = flywheel.warehouse.read(intent_scores.TABLE.name, interval)
    features = flywheel.warehouse.read(user_features.TABLE.name, interval)
    traits = [name for name in flywheel.events.mapping.carried if name in features.columns]
    predictions = predictions_of(flywheel, interval)
    ranked = ranked_users(scores, features, traits, most, predictions)
    return flywheel.engine.collect(ranked).to_pylist()


def predictions_of(flywheel: "Flywheel", interval: Interval | None) -> ir.Table | None:
    """The model's predictions of an interval; None where it made none."""
    if interval is None or not intent_predictions.TABLE.used(flywheel.settings):
        return None
    made = flywheel.warehouse.rows(intent_predictions.TABLE.name, interval)
    return flywheel.warehouse.read(intent_predictions.TABLE.name, interval) if made else None


def explained(flywheel: "Flywheel", interval: Interval, user_id: str) -> Explained:
    """Raises UnknownUserError for a user without scores."""
    found = []
    for table in (intent_scores.TABLE, intent_explanations.TABLE):
        rows = flywheel.warehouse.read(table.name, interval)
        found.append(flywheel.engine.collect(rows.filter(rows.user_id == user_id)).to_pylist())
    scores, points = found
    if not scores:
        raise UnknownUserError(
            f"{user_id!r} has no event in the {flywheel.settings.look_back_days} days to {interval.last_day}, so no "
            "score; flywheel intent rank lists users who have"
        )
    return Explained(scores[0], sorted(points, key=lambda row: -row["points"]))


def rule_shares(flywheel: "Flywheel", interval: Interval) -> list[RuleShare]:
    """Per rule that gave points, the largest share first; the clamp aside."""
    rows = flywheel.warehouse.read(intent_explanations.TABLE.name, interval)
    rows = rows.filter(rows.rule != CLAMP)
    points = rows.points.cast("float64")
    counted = rows.group_by("rule", "rule_group").aggregate(
        users=rows.count(), mean_points=points.mean(), given=points.abs().sum()
    )
    found = flywheel.engine.collect(counted).to_pylist()
    total = sum(row["given"] for row in found)
    shares = [
        RuleShare(row["rule"], row["rule_group"], row["users"], row["mean_points"], row["given"] / total)
        for row in found
    ]
    return sorted(shares, key=lambda one: (-one.share, one.rule))


def tier_moves(flywheel: "Flywheel", interval: Interval, rules: IntentRules) -> Counter[tuple[str, str]]:
    """How many users of an interval have a tier, as scores stand, and would have another by these rules. Raises
    NotMaterializedError where user_features were made before events.toml had what a rule is about."""
    kinds = list(flywheel.events.mapping.kinds)
    features = flywheel.warehouse.read(user_features.TABLE.name, interval)
    missing = [name for name in rules.needed(kinds) if name not in features.columns]
    if missing:
        raise NotMaterializedError(f"user_features of {interval.key} does not have {listed(missing)} yet: flywheel run")
    features = features.select(rules.needed(kinds))
    stored = flywheel.warehouse.read(intent_scores.TABLE.name, interval).select("user_id", "tier")
    rows = flywheel.engine.collect(features.inner_join(stored, "user_id"))
    if not rows.num_rows:
        return Counter()
    scores = score(features_of(rows, rules, kinds), rules, kinds)
    names = [name for name, _ in rules.tiers]
    return Counter(zip(rows["tier"].to_pylist(), (names[tier] for tier in scores.tier), strict=True))


def curve_points(rule: Rule) -> list[tuple[float, float]]:
    """Values of a rule's feature with what they give, without decay: nothing, ``half_at`` and its multiples; no more
    than its ceiling."""
    values = [0.0, *(factor * rule.half_at for factor in (1, 2, 3, 4))]
    values = [value for value in values if rule.ceiling is None or value <= rule.ceiling]
    return list(zip(values, curve(rule, np.array(values)).tolist(), strict=True))
