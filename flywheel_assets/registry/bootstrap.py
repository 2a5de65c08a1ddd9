"""The bootstrap over users: how far a figure moves when the users are drawn anew, with all of their rows each time.

Rows of one user resemble each other, so drawing rows would claim too much. Two models are compared on the same draws:
what a draw does to both of them is not in the difference. Intervals are percentiles (Efron and Tibshirani 1993, 13).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 500
CONFIDENCE = 0.95

_CELLS_AT_ONCE = 2_000_000
"""The size limit of the matrix of how often each draw has each user: 16 MB."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def as_difference(self) -> str:
        """``+0.0490 (+0.0280 to +0.0680)``."""
        return f"{self.value:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def sums_by_user(user: npt.NDArray[np.int64], users: int, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[users, k]: the sums of ``values`` [n, k] over the rows of each ``user`` [n], a number below ``users``."""
    return np.stack([np.bincount(user, column, users) for column in values.T], axis=1)


def resampled(sums: npt.NDArray[np.float64], resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """[resamples, k]: the sums over users of ``sums`` [users, k], of as many users drawn with replacement. The same
    number of users and seed draw the same ones."""
    return np.concatenate([times @ sums for times in times_drawn(len(sums), resamples, seed)])


def times_drawn(users: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each draw has each user, for some draws at a time [draws, users]; ``resamples`` draws in all."""
    draw = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // users)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = draw.integers(0, users, (count, users)) + users * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * users).reshape(count, users)


def estimate(value: float, draws: npt.NDArray[np.float64]) -> Estimate:
    """``value`` with the interval that 95 % of the draws lie in."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(low), float(high))
