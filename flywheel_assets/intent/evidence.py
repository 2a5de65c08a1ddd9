"""A score in words: the reasons of each user with their evidence, and what would raise the score most."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flywheel_assets.intent.rules import IntentRules, Rule, since
from flywheel_assets.intent.scoring import (
    HUNDREDTHS,
    Features,
    IntArray,
    Scores,
    clamped,
    raw_points,
    shared,
    with_one_more,
)

Texts = npt.NDArray[np.object_]

REASONS = 3

PHRASES = {
    "events": "{:.0f} events",
    "days_since_event": "active {}",
    "active_days": "active on {:.0f} days",
    "sessions": "{:.0f} sessions",
    "pages_per_session": "{:.1f} pages per session",
    "minutes": "{:.0f} minutes in sessions",
    "features_used": "{:.0f} kinds of activity",
    "trend": "activity trend {:+.2f}",
    "first_seen_days": "first seen {}",
}
"""How the evidence of a feature that is no kind reads."""


def top_rules(scores: Scores) -> IntArray:
    """Per user the positions of the REASONS rules with the most points [users, REASONS], most first, then in the order
    of the file; -1 where a rule gives none."""
    order = np.argsort(-scores.points, axis=1, kind="stable")[:, :REASONS]
    chosen = np.where(np.take_along_axis(scores.points, order, axis=1) > 0, order, -1)
    missing = REASONS - chosen.shape[1]
    return np.pad(chosen, ((0, 0), (0, max(missing, 0))), constant_values=-1)


def reasons(scores: Scores, features: Features, rules: IntentRules, kinds: Sequence[str]) -> list[Texts]:
    """The texts of :func:`top_rules`, an array per place, None where there is none: "3 pricing visits, the last 2 days
    ago: +18"."""
    chosen = top_rules(scores)
    texts = [np.full(len(scores.score), None, object) for _ in range(REASONS)]
    for position, rule in enumerate(rules.rules):
        where, place = np.nonzero(chosen == position)
        words = sentences(rule, scores.points[where, position], features, where, kinds)
        for at in range(REASONS):
            texts[at][where[place == at]] = words[place == at]
    return texts


def sentences(rule: Rule, points: IntArray, features: Features, users: IntArray, kinds: Sequence[str]) -> Texts:
    """What a rule says of these users: the evidence and its points."""
    values = np.asarray(features[rule.feature])[users]
    days = np.full(len(users), np.nan)
    if rule.feature in kinds:
        days = np.asarray(features[since(rule.feature, kinds)], np.float64)[users]
    known: dict[tuple[object, float, int], str] = {}
    made = np.empty(len(users), object)
    for at, key in enumerate(zip(values.tolist(), days.tolist(), points.tolist(), strict=True)):
        value, day, number = key
        text = known.get((value, -1.0 if day != day else day, number))
        if text is None:
            text = f"{evidence(rule, value, day, kinds)}: {signed(number)}"
            known[value, -1.0 if day != day else day, number] = text
        made[at] = text
    return made


def evidence(rule: Rule, value: object, days: float, kinds: Sequence[str]) -> str:
    """What a user did, as a rule sees it. ``days`` since the last of it, NaN where that is unknown."""
    if rule.values:
        return f"{rule.feature.replace('_', ' ')} {value}"
    number = float(value)  # type: ignore[arg-type]
    if rule.feature in kinds:
        when = "" if days != days else f", {ago(days)}" if number == 1 else f", the last {ago(days)}"
        return f"{number:,.0f} {noun(rule.feature, number)}{when}"
    if rule.feature.startswith("days_since_") and rule.feature != "days_since_event":
        return f"last {noun(rule.feature.removeprefix('days_since_'), 1)} {ago(number)}"
    phrase = PHRASES[rule.feature]
    return phrase.format(ago(number) if phrase.endswith(" {}") else number)


def next_steps(scores: Scores, features: Features, rules: IntentRules, kinds: Sequence[str]) -> Texts:
    """What would raise each user's score most, as "1 demo request: +14": one more event of a kind that a rule is about,
    the outcome's aside, on the interval's last day. None where nothing would."""
    users = len(scores.score)
    best, texts = np.zeros(users, np.int64), np.full(users, None, object)
    for kind in dict.fromkeys(rule.feature for rule in rules.rules):
        if kind not in kinds or kind == rules.outcome:
            continue
        gains = _gains(kind, scores, features, rules, kinds)
        better = gains > best
        for number in np.unique(gains[better]).tolist():
            texts[better & (gains == number)] = f"1 {noun(kind, 1)}: {signed(number)}"
        best = np.maximum(best, gains)
    return texts


def _gains(kind: str, scores: Scores, features: Features, rules: IntentRules, kinds: Sequence[str]) -> IntArray:
    changed = with_one_more(kind, features)
    sums = scores.points.sum(axis=1)
    for group in rules.groups:
        of_group = rules.of_group(group.name)
        if kind in {rules.rules[i].feature for i in of_group}:
            raw = np.column_stack([raw_points(rules.rules[i], changed, kinds) for i in of_group])
            sums = sums + shared(raw, group.floor, group.cap).sum(axis=1) - scores.points[:, of_group].sum(axis=1)
    return clamped(sums, rules) - scores.score


def noun(kind: str, count: float) -> str:
    """A kind as a noun: kinds are plurals."""
    words = kind.replace("_", " ")
    return words.removesuffix("s") if count == 1 else words


def ago(days: float) -> str:
    return "today" if days == 0 else "1 day ago" if days == 1 else f"{days:.0f} days ago"


def signed(hundredths: int) -> str:
    """Points with their sign: +18, +7.5, -2.25."""
    return f"{hundredths / HUNDREDTHS:+.2f}".rstrip("0").rstrip(".")
