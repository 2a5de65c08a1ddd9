"""A score in words: the reasons of each user with their evidence, and what would raise the score most."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flywheel_assets.intent.rules import SINCE, IntentRules, Rule, since
from flywheel_assets.intent.scoring import (
    HUNDREDTHS,
    Features,
    FloatArray,
    IntArray,
    Scores,
    clamped,
    group_points,
    raw_points,
    with_one_more,
)
from flywheel_assets.report.numbers import plural

Texts = npt.NDArray[np.object_]

REASONS = 3

COUNTED = {
    "events": ("{}", "event", "events"),
    "active_days": ("active on {}", "day", "days"),
    "sessions": ("{}", "session", "sessions"),
    "minutes": ("{} in sessions", "minute", "minutes"),
    "features_used": ("{}", "kind of activity", "kinds of activity"),
}
"""How the evidence of a feature that is no kind and counts something reads."""


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
    if rule.feature == "days_since_event":
        return f"active {ago(number)}"
    if rule.feature.startswith(SINCE):
        return f"last {noun(rule.feature.removeprefix(SINCE), 1)} {ago(number)}"
    if rule.feature == "first_seen_days":
        return f"first seen {ago(number)}"
    if rule.feature == "pages_per_session":
        return f"{number:,.1f} pages per session"
    if rule.feature == "trend":
        return f"activity trend {number:+.2f}"
    phrase, one, several = COUNTED[rule.feature]
    return phrase.format(plural(round(number), one, several))


def next_steps(scores: Scores, features: Features, rules: IntentRules, kinds: Sequence[str]) -> Texts:
    """What would raise each user's score most, as "1 demo request: +14": one more event of a kind that a rule is about,
    the outcome's aside, as :func:`with_one_more` changes the features. None where nothing would."""
    users = len(scores.score)
    raw = [raw_points(rule, features, kinds) for rule in rules.rules]
    best, texts = np.zeros(users, np.int64), np.full(users, None, object)
    for kind in dict.fromkeys(rule.feature.removeprefix(SINCE) for rule in rules.rules):
        if kind not in kinds or kind == rules.outcome:
            continue
        gains = _gains(kind, raw, scores, features, rules, kinds)
        better = gains > best
        for number in np.unique(gains[better]).tolist():
            texts[better & (gains == number)] = f"1 {noun(kind, 1)}: {signed(number)}"
        best = np.maximum(best, gains)
    return texts


def _gains(
    kind: str, raw: Sequence[FloatArray], scores: Scores, features: Features, rules: IntentRules, kinds: Sequence[str]
) -> IntArray:
    changed = with_one_more(kind, features)
    after, more = {**features, **changed}, list(raw)
    concerned = set()
    for i, rule in enumerate(rules.rules):
        if rule.feature in changed or (rule.half_life_days and since(rule.feature, kinds) in changed):
            more[i] = raw_points(rule, after, kinds)
            concerned.add(rule.group)
    sums = scores.points.sum(axis=1)
    for group in rules.groups:
        if group.name in concerned:
            of_group = rules.of_group(group.name)
            together = group_points(np.column_stack([more[i] for i in of_group]), group.floor, group.cap)
            sums = sums + together - scores.points[:, of_group].sum(axis=1)
    return clamped(sums, rules) - scores.score


def noun(kind: str, count: float) -> str:
    """A kind as a noun in the singular or the plural, in either of which kinds are named: "entries" and "entry",
    "searches" and "search", "statuses" and "status"."""
    words = kind.replace("_", " ")
    named_in_plural = words.endswith("s") and not words.endswith(("ss", "us", "is"))
    if count == 1:
        return next((re.sub(end, one, words) for end, one in SINGULAR if re.search(end, words)), words)
    if named_in_plural:
        return words
    if re.search("[^aeiou]y$", words):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("s", "ch", "sh", "x")) else f"{words}s"


SINGULAR = (
    (r"(?<=\w\w)ies$", "y"),
    (r"(?<=\w\w[^aeiou\s]us)es$|(?<=ch|sh|ss)es$|(?<=x)es$", ""),
    (r"(?<![sui])s$", ""),
)
"""Endings of a plural and what the singular has in their place; the first that fits."""


def ago(days: float) -> str:
    return "today" if days == 0 else f"{plural(days, 'day')} ago"


def signed(hundredths: int) -> str:
    """Points with their sign: +18, +7.5, -2.25."""
    return f"{hundredths / HUNDREDTHS:+.2f}".rstrip("0").rstrip(".")
