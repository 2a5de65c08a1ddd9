"""The interval of a difference of two proportions, which holds for few users and for none who convert; and how many
users it takes to see a difference."""

import math
from statistics import NormalDist

from flywheel_assets.tables.significance import wilson

Range = tuple[float, float]


def difference_range(counted: int, users: int, counted_before: int, users_before: int) -> Range:
    """The 95 % interval of counted / users - counted_before / users_before, of independent users, made of the Wilson
    interval of each (Newcombe 1998, method 10). Neither number of users is 0."""
    rate, before = counted / users, counted_before / users_before
    (low, high), (low_before, high_before) = wilson(counted, users), wilson(counted_before, users_before)
    difference = rate - before
    return (
        difference - math.hypot(rate - low, high_before - before),
        difference + math.hypot(high - rate, before - low_before),
    )


def users_per_arm(rate: float, other: float, level: float, power: float) -> int:
    """How many users each of two arms needs for a two-sided z test at ``level`` to tell the proportions ``rate`` and
    ``other`` apart with probability ``power`` (Fleiss, Levin and Paik 2003, "Statistical Methods for Rates and
    Proportions", equation 4.14, without its correction for continuity). The proportions differ."""
    normal = NormalDist()
    mean = (rate + other) / 2
    under_none = normal.inv_cdf(1 - level / 2) * math.sqrt(2 * mean * (1 - mean))
    under_effect = normal.inv_cdf(power) * math.sqrt(rate * (1 - rate) + other * (1 - other))
    return math.ceil(((under_none + under_effect) / (other - rate)) ** 2)


def detectable(rate: float, users: int, level: float, power: float) -> float | None:
    """The smallest proportion above ``rate`` that :func:`users_per_arm` tells from it with ``users`` per arm, to a
    ten-thousandth of what lies above it; None where even 1 is not."""
    steps = 10_000
    if users < users_per_arm(rate, 1.0, level, power):
        return None
    low, high = 0, steps  # the first is not enough, the second is
    while high - low > 1:
        middle = (low + high) // 2
        enough = users_per_arm(rate, rate + (1 - rate) * middle / steps, level, power) <= users
        low, high = (low, middle) if enough else (middle, high)
    return rate + (1 - rate) * high / steps
