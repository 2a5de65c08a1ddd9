"""What the sessions of a cluster are like, in words: "many detail views, few leads"."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from flywheel_assets.segments.segments import FloatArray
from flywheel_assets.segments.visit_features import RATES

MANY, VERY_MANY, FEW = 0.5, 2.0, -0.5
"""Standard deviations from the mean of all sessions from which a feature is worth a word."""

NONE = 0.001
"""A centre of at most this part of the mean is described as none."""

TRAITS = 3

NOUNS = {
    "pageviews": "page views",
    "detail_pageviews": "detail views",
    "distinct_items": "different items",
    "distinct_categories": "different categories",
}
"""Features whose name does not read as words; of another, underscores become spaces."""

_RATES = {rate.name: rate for rate in RATES}


def noun(feature: str) -> str:
    """``detail views per page view`` for ``detail_pageviews_per_pageview``."""
    if feature in _RATES:
        return f"{noun(_RATES[feature].numerator)} per {noun(_RATES[feature].denominator).removesuffix('s')}"
    return NOUNS.get(feature, feature.replace("_", " "))


def descriptions(
    centers: FloatArray,
    means: Sequence[float],
    scales: Sequence[float],
    features: Sequence[str],
    outcome: str | None = None,
    rates: Sequence[float] | None = None,
    rate: float = 0.0,
) -> list[str]:
    """One per cluster, no two the same. ``centers`` in standard deviations.

    A feature is *many* from half a standard deviation above the mean and *very many* from two, *few* from half a one
    below, or from half the mean down, *no* where there is next to none. The three that stand out most are told, one per
    numerator, the count before its rate where both say the same, and no rate per what there is none of; then the
    outcome where the cluster's conversion rate (``rates``) is at least twice the overall ``rate`` or at most half of
    it. More are told where two clusters would sound alike, and a cluster of which there is nothing to say has *average
    sessions*."""
    told = [
        _traits(center, np.array(means), np.array(scales), features, outcome, rates[i] if rates else None, rate)
        for i, center in enumerate(centers)
    ]
    texts = [_text(*said, TRAITS) for said in told]
    for most in range(TRAITS + 1, len(features) + 1):
        twice = _repeated(texts)
        texts = [_text(*said, most) if text in twice else text for said, text in zip(told, texts, strict=True)]
    twice = _repeated(texts)
    return [f"{text} ({texts[:i].count(text) + 1})" if text in twice else text for i, text in enumerate(texts)]


def _repeated(texts: Sequence[str]) -> set[str]:
    return {text for text, count in Counter(texts).items() if count > 1}


def _text(traits: Sequence[str], last: str, most: int) -> str:
    said = [*traits[:most], *([last] if last and last not in traits[:most] else [])]
    return ", ".join(said) or "average sessions"


def _traits(
    center: FloatArray,
    means: FloatArray,
    scales: FloatArray,
    features: Sequence[str],
    outcome: str | None,
    conversion: float | None,
    overall: float,
) -> tuple[list[str], str]:
    """What stands out, the most striking first, and what is said of the outcome, which may be nothing."""
    words = {
        feature: _word(float(z), float(z * scale + mean), float(mean))
        for feature, z, scale, mean in zip(features, center, scales, means, strict=True)
    }
    told = [i for i, f in enumerate(features) if words[f] and words.get(_denominator(f)) != "no"]
    striking = sorted(told, key=lambda i: -abs(center[i]))
    traits: dict[str, str] = {}
    for feature in (features[i] for i in striking):
        of = _numerator(feature)
        if of not in traits:
            count = of if words.get(of) == words[feature] else feature
            traits[of] = f"{words[feature]} {noun(count)}"
    last = ""
    if outcome and conversion is not None and outcome not in list(traits)[:TRAITS]:
        if conversion >= 2 * overall > 0:
            last = f"many {noun(outcome)}"
        elif conversion <= overall / 2 and overall > 0:
            last = f"{'few' if conversion > NONE * overall else 'no'} {noun(outcome)}"
    others = [text for of, text in traits.items() if of != outcome or not last]
    return others, last


def _word(z: float, value: float, mean: float) -> str:
    if z >= VERY_MANY:
        return "very many"
    if z >= MANY:
        return "many"
    if mean > 0 and value <= NONE * mean:
        return "no"
    return "few" if z <= FEW or value <= mean / 2 else ""


def _denominator(feature: str) -> str:
    return _RATES[feature].denominator if feature in _RATES else ""


def _numerator(feature: str) -> str:
    return _RATES[feature].numerator if feature in _RATES else feature
