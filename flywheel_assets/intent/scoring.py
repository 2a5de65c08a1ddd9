"""From the features of users to their points: curves, decay, caps shared in proportion, rounding that adds up.

Points are whole hundredths, so that the points of a user's rules and the clamp sum to the score exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.intent.rules import SINCE, IntentRules, Rule, since

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Features = Mapping[str, npt.NDArray[np.generic]]
"""Per column of user_features an array with a value per user: float64 with NaN for null, or objects of a trait."""

HUNDREDTHS = 100


@dataclass(frozen=True)
class Scores:
    """``points`` [users, rules] and ``score`` [users], int64 hundredths; ``tier`` [users], positions among the tiers of
    the rules. ``clamp``: what the floor adds to the sum of the points, or the ceiling takes away."""

    points: IntArray
    score: IntArray
    tier: IntArray

    @property
    def clamp(self) -> IntArray:
        return np.asarray(self.score - self.points.sum(axis=1), dtype=np.int64)


def score(features: Features, rules: IntentRules, kinds: Sequence[str]) -> Scores:
    """The score of each user. The same features and rules give the same scores, whoever else is scored."""
    users = len(next(iter(features.values())))
    raw = [raw_points(rule, features, kinds) for rule in rules.rules]
    points = np.zeros((users, len(rules.rules)), np.int64)
    for group in rules.groups:
        of_group = rules.of_group(group.name)
        if of_group:
            points[:, of_group] = shared(np.column_stack([raw[i] for i in of_group]), group.floor, group.cap)
    total = clamped(points.sum(axis=1), rules)
    bounds = np.array([round(least * HUNDREDTHS) for _, least in rules.tiers])
    tier = (total[:, None] < bounds[None, :]).sum(axis=1)
    return Scores(points, total, np.asarray(tier, np.int64))


def clamped(hundredths: IntArray, rules: IntentRules) -> IntArray:
    """Sums of points held between the floor and the ceiling of the score."""
    return np.clip(hundredths, round(rules.floor * HUNDREDTHS), round(rules.ceiling * HUNDREDTHS))


def raw_points(rule: Rule, features: Features, kinds: Sequence[str]) -> FloatArray:
    """What a rule gives each user, before the cap of its group."""
    if rule.values:
        column = features[rule.feature]
        return np.array([rule.values.get(value, 0.0) for value in column], dtype=np.float64)
    points = curve(rule, np.asarray(features[rule.feature], np.float64))
    if rule.half_life_days:
        days = np.asarray(features[since(rule.feature, kinds)], np.float64)
        points = points * np.where(np.isnan(days), 0.0, np.exp2(-days / rule.half_life_days))
    return points


def curve(rule: Rule, values: FloatArray) -> FloatArray:
    """Points by value of the feature, without decay. NaN gives 0."""
    below = np.isnan(values) if rule.floor is None else ~(values >= rule.floor)
    limited = values if rule.ceiling is None else np.minimum(values, rule.ceiling)
    remaining = np.exp2(-np.maximum(np.where(below, 0.0, limited), 0.0) / rule.half_at)
    return np.asarray(np.where(below, 0.0, rule.points * (remaining if rule.falls else 1 - remaining)), np.float64)


def shared(raw: FloatArray, floor: float, cap: float) -> IntArray:
    """Points of the rules of one group [users, rules] as hundredths. Where their sum is beyond the cap or the floor,
    each rule is scaled by the same factor. The limited sum is rounded, and so that the rules sum to it, each is rounded
    down and those with the largest remainders get one hundredth more; the first of equal ones goes before."""
    totals = raw.sum(axis=1)
    limited = np.clip(totals, floor, cap)
    factors = np.divide(limited, totals, out=np.ones_like(totals), where=limited != totals)
    exact = raw * factors[:, None] * HUNDREDTHS
    down = np.floor(exact)
    left = group_points(raw, floor, cap) - down.sum(axis=1)
    order = np.argsort(down - exact, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(raw.shape[1]), raw.shape).copy(), axis=1)
    return np.asarray(down + (rank < left[:, None]), np.int64)


def group_points(raw: FloatArray, floor: float, cap: float) -> IntArray:
    """What the rules of one group [users, rules] give together, as hundredths."""
    return np.asarray(np.rint(np.clip(raw.sum(axis=1), floor, cap) * HUNDREDTHS), np.int64)


def with_one_more(kind: str, features: Features) -> dict[str, npt.NDArray[np.float64]]:
    """The features, of those given, that change for users with one more event on the interval's last day, of that kind
    alone. Not among them: the trend, and features of sessions, because the session of that event is unknown."""

    def column(name: str) -> FloatArray:
        return np.asarray(features[name], np.float64)

    changed = {name: column(name) + 1 for name in (kind, "events") if name in features}
    if "active_days" in features:
        changed["active_days"] = column("active_days") + (column(f"{SINCE}event") > 0)
    if "features_used" in features:
        changed["features_used"] = column("features_used") + np.isnan(column(f"{SINCE}{kind}"))
    for name in (f"{SINCE}{kind}", f"{SINCE}event"):
        if name in features:
            changed[name] = np.zeros(len(features[name]))
    return changed
