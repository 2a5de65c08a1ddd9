"""Whether a change of a share is more than chance gives: what is worth a sentence."""

import math

CRITICAL_95 = 1.959964
"""Two-sided 95 % point of the normal distribution."""


def beyond_chance(before: float, now: float, users_before: int, users_now: int) -> bool:
    """Whether two shares differ by more than independent samples of those sizes would 95 times in 100 (pooled
    two-proportion z test). Users of two intervals are largely the same, so it errs on the side of saying nothing.
    Without users on either side nothing is beyond chance."""
    if not users_before or not users_now:
        return False
    pooled = (before * users_before + now * users_now) / (users_before + users_now)
    error = math.sqrt(pooled * (1 - pooled) * (1 / users_before + 1 / users_now))
    return abs(now - before) > CRITICAL_95 * error
