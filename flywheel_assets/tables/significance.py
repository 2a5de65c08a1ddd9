"""Whether a change is more than chance would give, and so worth a sentence or a warning."""

import math
from collections.abc import Sequence

CRITICAL_95 = 1.959964
"""Two-sided 95 % point of the normal distribution."""

LEAST_USERS = 30
"""No sentence about a change or its causes rests on fewer users: one user would be more than three points."""


def beyond_chance(before: float, now: float, users_before: int, users_now: int) -> bool:
    """Whether two shares differ by more than independent samples of those sizes would 95 times in 100 (pooled
    two-proportion z test). Users of two intervals are largely the same, so it errs on the side of saying nothing.
    Without users on either side nothing is beyond chance."""
    if not users_before or not users_now:
        return False
    pooled = (before * users_before + now * users_now) / (users_before + users_now)
    error = math.sqrt(pooled * (1 - pooled) * (1 / users_before + 1 / users_now))
    return abs(now - before) > CRITICAL_95 * error


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """The ends of the 95 % interval of a share (Wilson 1927), which also holds for few rows and for shares near 0 or 1.
    Without rows it is 0 to 1."""
    if not rows:
        return 0.0, 1.0
    squared, share = CRITICAL_95**2, hits / rows
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    half = CRITICAL_95 * math.sqrt(share * (1 - share) / rows + squared / (4 * rows**2)) / (1 + squared / rows)
    return max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half) if hits < rows else 1.0


def exact_p(a: int, n: int, b: int, m: int) -> float:
    """The two-sided p-value that a of n and b of m share one proportion: Fisher's exact test, which also holds for
    small samples. Neither n nor m is 0."""
    from scipy.stats import fisher_exact  # a second to import, and only checks need it

    return float(fisher_exact([[a, n - a], [b, m - b]]).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (Holm 1979), in the order given."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for place, i in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - place) * values[i]))
        adjusted[i] = highest
    return adjusted
