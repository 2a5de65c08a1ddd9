"""How many clusters: the diagnostics of each number, and the rule that chooses one. No single metric decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SHARE = 0.005
"""A cluster with a smaller share of the sessions is too small to act on, and is usually a few odd sessions."""

LEAST_STABILITY = 0.75
"""A cluster whose mean Jaccard similarity is lower dissolves too easily to be a pattern of its own (Hennig 2007)."""


@dataclass(frozen=True)
class Stability:
    """What fits to resamples found again. ``jaccards``: per cluster the mean Jaccard similarity with the most similar
    cluster of a resample (Hennig 2007). ``adjusted_rand``: the mean adjusted Rand index of both partitions."""

    jaccards: tuple[float, ...]
    adjusted_rand: float

    @property
    def mean(self) -> float:
        """The mean over clusters: what a number of clusters is judged by."""
        return float(np.mean(self.jaccards))


@dataclass(frozen=True)
class Diagnostics:
    """One number of clusters. ``inertia``: sum of squared distances to own centres, in standard deviations squared.
    ``silhouette``: -1 to 1, higher is better. ``davies_bouldin``: from 0, lower is better. ``calinski_harabasz``: from
    0, higher is better. ``smallest_share``: of the smallest cluster."""

    clusters: int
    inertia: float
    silhouette: float
    davies_bouldin: float
    calinski_harabasz: float
    smallest_share: float


@dataclass(frozen=True)
class Choice:
    """The chosen number, why in words, and the stability of each number that it was found for. ``mean_ranks`` has the
    numbers that were in the running."""

    clusters: int
    why: str
    mean_ranks: Mapping[int, float]
    stabilities: Mapping[int, Stability]


def elbow(found: Sequence[Diagnostics]) -> dict[int, float]:
    """How far inertia lies below the straight line from the first number to the last, as a part of the fall between
    them (the elbow of Satopaa et al. 2011): the number at the bend has most, the first and last have 0."""
    if len(found) < 3:
        return {d.clusters: 0.0 for d in found}
    k, inertia = np.array([d.clusters for d in found], float), np.array([d.inertia for d in found])
    fall = inertia[0] - inertia[-1]
    line = 1 - (k - k[0]) / (k[-1] - k[0])
    below = line - (inertia - inertia[-1]) / fall if fall > 0 else np.zeros_like(k)
    return {d.clusters: float(b) for d, b in zip(found, below, strict=True)}


def mean_ranks(found: Sequence[Diagnostics]) -> dict[int, float]:
    """Per number its mean place, 1 the best, by silhouette, Davies-Bouldin, Calinski-Harabasz and :func:`elbow`. Equal
    values share the mean of their places."""
    bend = elbow(found)
    better = [
        [d.silhouette for d in found],
        [-d.davies_bouldin for d in found],
        [d.calinski_harabasz for d in found],
        [bend[d.clusters] for d in found],
    ]
    places = np.mean([_places(values) for values in better], axis=0)
    return {d.clusters: float(place) for d, place in zip(found, places, strict=True)}


def choose(found: Sequence[Diagnostics], stability_of: Callable[[int], Stability], wanted: int | None = None) -> Choice:
    """The number of clusters, by this rule:

    1. Numbers whose smallest cluster holds under 0.5 % of the sessions are out (if that is all of them, none is).
    2. The others are ranked by each of silhouette, Davies-Bouldin, Calinski-Harabasz and the elbow of the inertia; the
       lowest mean rank is first, of equal ones the smaller number.
    3. The first whose stability, the mean over clusters of the mean Jaccard similarity in resamples, is at least 0.75
       is chosen; when none is that stable, the most stable.

    ``wanted`` overrides the rule. Stability is asked for as rule 3 needs it and for the neighbours of the chosen
    number, which a reader compares it with; ``found`` stand by number, ascending, ``wanted`` is one of them."""
    large = [d for d in found if d.smallest_share >= LEAST_SHARE] or list(found)
    ranks = mean_ranks(large)
    ranked = sorted(ranks, key=lambda k: (ranks[k], k))
    stabilities: dict[int, Stability] = {}
    chosen = wanted or _first_stable(ranked, stability_of, stabilities)
    numbers = [d.clusters for d in found]
    place = numbers.index(chosen)
    for k in numbers[max(place - 1, 0) : place + 2]:
        stabilities.setdefault(k, stability_of(k))
    why = _why(chosen, found, ranks, ranked, stabilities, wanted is not None)
    return Choice(chosen, why, ranks, dict(sorted(stabilities.items())))


def _first_stable(
    ranked: Sequence[int], stability_of: Callable[[int], Stability], stabilities: dict[int, Stability]
) -> int:
    for k in ranked:
        stabilities[k] = stability_of(k)
        if stabilities[k].mean >= LEAST_STABILITY:
            return k
    return max(ranked, key=lambda k: stabilities[k].mean)


def _why(
    chosen: int,
    found: Sequence[Diagnostics],
    ranks: Mapping[int, float],
    ranked: Sequence[int],
    stabilities: Mapping[int, Stability],
    asked: bool,
) -> str:
    stable = stabilities[chosen].mean
    judged = f"its stability is {stable:.2f}" + ("" if stable >= LEAST_STABILITY else f", under {LEAST_STABILITY}")
    small = [d.clusters for d in found if d.clusters not in ranks]
    out = f"; {_listed(small)} out: a cluster under {LEAST_SHARE:.1%} of sessions" if small else ""
    if asked:
        own = f"; by the rule it would rank {ranked.index(chosen) + 1} of {len(ranked)}" if chosen in ranks else ""
        return f"{chosen} clusters, as asked for: {judged}{own}{out}"
    less = [k for k in ranked[: ranked.index(chosen)] if k in stabilities]
    passed = f"; ranked better, but less stable: {', '.join(f'{k} ({stabilities[k].mean:.2f})' for k in less)}"
    return (
        f"{chosen} clusters: mean rank {ranks[chosen]:.2f} of {len(ranked)} by silhouette, Davies-Bouldin, "
        f"Calinski-Harabasz and elbow, and {judged}{passed if less else ''}{out}"
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) + (" is" if len(numbers) == 1 else " are")


def _places(values: Sequence[float]) -> list[float]:
    """1 for the greatest; equal values share the mean of their places."""
    array = np.array(values)
    above, equal = (array > array[:, None]).sum(axis=1), (array == array[:, None]).sum(axis=1)
    return [float(a + (e + 1) / 2) for a, e in zip(above, equal, strict=True)]
