"""A test that may be looked at every interval, and all the same says "different" of arms that do not differ in at most
one experiment of twenty.

Each look spends a part of the level (Lan and DeMets 1983), by the share of the looks that have been made: little at
first, as O'Brien and Fleming (1979) do. What a look may spend decides how large the largest difference of any arm must
be in units of its standard error. Looks at the same users are correlated, and arms that share a control too: the bound
is taken from draws with those correlations, so neither is paid for twice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from flywheel_assets.intent.cuped import Differences, FloatArray, differences

LEVEL = 0.04
"""Of 20 experiments without a difference not even one: the hundredth under 0.05 is kept for what drawn bounds and the
normal approximation are off by, and for chance where somebody counts them."""

DRAWS = 2**15

LEAST_DRAWS = 100
"""A bound that fewer draws exceed is not taken from draws but from Bonferroni's inequality."""

SMALLEST = 1e-12
"""A look that may spend no more than this, as the first of many, spends nothing."""

LEAST_EXPECTED = 10
"""A look counts only where the smallest arm can expect so many users with the outcome, and so many without: with fewer
a difference is far from normal."""


@dataclass(frozen=True)
class Looks:
    """``differences`` of each arm from the control at every look so far; ``bounds`` per look, in standard errors;
    ``since`` per arm after the control: the first look, from 0, at which it was different, None at none so far.
    ``enough`` per look: whether there are enough users for a test."""

    differences: Differences
    bounds: FloatArray
    since: tuple[int | None, ...]
    enough: tuple[bool, ...]


def looked_at(
    outcomes: npt.NDArray[np.bool_], arms: npt.NDArray[np.int64], covariates: FloatArray, arm_count: int, looks: int
) -> Looks:
    """Every look so far of an experiment of ``looks``. ``outcomes`` [user, look]: whether a user has it by then;
    the rest is as :func:`differences` takes it. An arm without users is compared with nothing."""
    compared = differences(outcomes, arms, covariates, arm_count)
    sizes = np.bincount(arms, minlength=arm_count)
    users = sizes[sizes > 0].tolist() if sizes[0] else []
    rates = outcomes.mean(axis=0) if len(arms) else np.zeros(outcomes.shape[1])
    enough = tuple(len(users) > 1 and min(users) * min(rate, 1 - rate) >= LEAST_EXPECTED for rate in rates.tolist())
    limits = bounds(compared.correlation, enough, users, looks)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.abs(compared.difference / compared.error) > limits[:, None]  # False where there is no difference
    since = tuple(int(of_arm.argmax()) if of_arm.any() else None for of_arm in above.T)
    return Looks(compared, limits, since, enough)


def spent(share: float) -> float:
    """The part of the level that may be spent when ``share``, above 0 and up to 1, of the looks have been made."""
    normal = NormalDist()
    return 2 * (1 - normal.cdf(normal.inv_cdf(1 - LEVEL / 2) / math.sqrt(share)))


def bounds(correlation: FloatArray, enough: Sequence[bool], sizes: Sequence[int], looks: int) -> FloatArray:
    """How many standard errors the difference of an arm from the control must exceed, at each look so far, to be
    called different; infinite at a look without ``enough`` users, which spends nothing.

    ``correlation`` [look, look]: of the outcomes at the looks so far, oldest first; ``sizes``: users per arm, first of
    the control, none of them 0; ``looks``: of the whole experiment. Later looks change no earlier bound."""
    limits, alive = np.full(len(enough), np.inf), np.ones(DRAWS, bool)
    if not any(enough):
        return limits
    arms = len(sizes) - 1
    mixing = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(correlation)))
    drawn = [_contrasts(_noise(look, arms + 1), sizes) for look in range(len(enough))]
    for look, tested in enumerate(enough):
        if not tested:
            continue
        largest = np.abs(sum(mixing[look, i] * drawn[i] for i in range(look + 1))).max(axis=1)
        allowed = max(spent((look + 1) / looks) - (1 - alive.mean()), 0.0)
        exceeding = math.floor(allowed * DRAWS)
        if exceeding >= LEAST_DRAWS:
            limits[look] = np.partition(largest[alive], -exceeding - 1)[-exceeding - 1]
        elif allowed > SMALLEST:
            limits[look] = -NormalDist().inv_cdf(allowed / (2 * arms))
        alive &= largest <= limits[look]
    return limits


@lru_cache(maxsize=64)
def _noise(look: int, groups: int) -> FloatArray:
    return np.random.default_rng([look, groups]).standard_normal((DRAWS, groups))


def _contrasts(noise: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """Of normal draws per arm: the difference of each arm's mean from the control's, in standard errors."""
    weights = 1 / np.sqrt(np.array(sizes, float))
    means = noise * weights
    return np.asarray((means[:, 1:] - means[:, :1]) / np.hypot(weights[1:], weights[0]))
