"""How well a score tells who converts: AUC, average precision and lift of its ranking, and of probabilities Brier skill
and calibration error. Each comes with the same bootstrap draws of users, so that differences have intervals too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.bootstrap import RESAMPLES, Estimate, estimate, resampled, sums_by_user, times_drawn
from flywheel_assets.training.metrics import CALIBRATION_BINS

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

AUC, AVERAGE_PRECISION, LIFT, BRIER_SKILL, CALIBRATION_ERROR = (
    "AUC",
    "average precision",
    "lift at 10 %",
    "Brier skill",
    "calibration error",
)
OF_RANKING = (AUC, AVERAGE_PRECISION, LIFT)
OF_PROBABILITY = (BRIER_SKILL, CALIBRATION_ERROR)

TOP_SHARE = 0.1
SEED = 1

MOST_CELLS = 50_000_000
"""Rows times draws: of more than 100,000 rows there are fewer draws than RESAMPLES, never fewer than 100."""


@dataclass(frozen=True)
class Measured:
    """A metric on all rows, and on each draw."""

    value: float
    draws: FloatArray

    @property
    def estimate(self) -> Estimate:
        return estimate(self.value, self.draws)

    def less(self, other: "Measured") -> Estimate:
        """This less another of the same draws."""
        return estimate(self.value - other.value, self.draws - other.draws)


def measure(
    converted: BoolArray, score: FloatArray, user: IntArray, is_probability: bool = False
) -> dict[str, Measured]:
    """By name the metrics of OF_RANKING, and for probabilities those of OF_PROBABILITY too. A higher ``score`` is to
    mean a likelier conversion; ``user`` numbers the users from 0, and draws take all rows of one. The same rows and
    users give the same draws, whatever the score. At least one row has converted and one has not; a draw that lacks
    either counts as chance."""
    users, draws = int(user.max()) + 1, draws_for(len(user))
    found = dict(zip(OF_RANKING, measured_ranking(converted, score, user), strict=True))
    if is_probability:
        sums = sums_by_user(user, users, probability_sums(converted, score))
        values, columns = (
            probability_figures(sums.sum(axis=0, keepdims=True)),
            probability_figures(resampled(sums, draws, SEED)),
        )
        found |= {
            name: Measured(float(value[0]), column)
            for name, value, column in zip(OF_PROBABILITY, values, columns, strict=True)
        }
    return found


def measured_ranking(
    converted: BoolArray, score: FloatArray, user: IntArray, shares: Sequence[float] = (TOP_SHARE,)
) -> list[Measured]:
    """What :func:`ranking_figures` gives, in its order, on all rows and on each draw of users."""
    level = np.unique(-score, return_inverse=True)[1]
    count = int(level.max()) + 1

    def ranked(weight: FloatArray) -> tuple[float, ...]:
        hits = np.bincount(level, weight * converted, count).astype(float)
        return ranking_figures(hits, np.bincount(level, weight, count).astype(float) - hits, shares)

    every = times_drawn(int(user.max()) + 1, draws_for(len(user)), SEED)
    drawn = np.array([ranked(times[user]) for some in every for times in some.astype(np.float64)])
    return [Measured(value, column) for value, column in zip(ranked(np.ones(len(user))), drawn.T, strict=True)]


def draws_for(rows: int) -> int:
    """How many draws are made of that many rows."""
    return max(100, min(RESAMPLES, MOST_CELLS // max(rows, 1)))


def ranking_figures(hits: FloatArray, misses: FloatArray, shares: Sequence[float] = (TOP_SHARE,)) -> tuple[float, ...]:
    """AUC, average precision and the lift at each of ``shares`` from the weights of those who converted and of those
    who did not, by level of the score, the highest first. Of users with one score any may come first: AUC counts such a
    pair as half, lift counts a share of the level that the cut goes through."""
    positive, negative = hits.sum(), misses.sum()
    if not positive or not negative:
        return 0.5, float(positive > 0), *(1.0 for _ in shares)
    true, false = hits.cumsum(), misses.cumsum()
    auc = float((misses * (true - hits / 2)).sum() / (positive * negative))
    seen = true + false
    precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
    cuts = np.asarray(shares)
    top = np.interp(cuts * seen[-1], np.concatenate(([0.0], seen)), np.concatenate(([0.0], true)))
    return auc, float((hits * precision).sum() / positive), *(top / (cuts * positive)).tolist()


def probability_sums(converted: BoolArray, probability: FloatArray) -> FloatArray:
    """[n, 3 + bins]: one, the outcome, the squared error, and in the column of the row's bin how far the probability is
    above the outcome."""
    rows = len(converted)
    sums = np.zeros((rows, 3 + CALIBRATION_BINS))
    sums[:, 0], sums[:, 1], sums[:, 2] = 1, converted, (probability - converted) ** 2
    bins = np.empty(rows, np.int64)
    for number, members in enumerate(np.array_split(np.argsort(probability, kind="stable"), CALIBRATION_BINS)):
        bins[members] = number
    sums[np.arange(rows), 3 + bins] = probability - converted
    return sums


def probability_figures(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Brier skill (1 - BS / BS of the base rate) and expected calibration error, of sums [r, 3 + bins], each [r]."""
    rows, converted, squared = sums[:, 0], sums[:, 1], sums[:, 2]
    reference = converted * (1 - converted / rows)
    skill = 1 - np.divide(squared, reference, out=np.ones_like(squared), where=reference > 0)
    return skill, np.abs(sums[:, 3:]).sum(axis=1) / rows


@dataclass(frozen=True)
class ScoreProbability:
    """Probabilities by score that never fall as the score rises: at ``levels``, linear in between, level beyond."""

    levels: FloatArray
    probabilities: FloatArray

    @classmethod
    def fit(cls, score: FloatArray, converted: BoolArray, least: int = 1) -> "ScoreProbability":
        """Isotonic regression (pool adjacent violators) of outcomes on a score; at least one row. Neighbouring scores
        are first put together, from the highest down, until ``least`` rows or more share a level, their mean: four of
        the five highest that converted are no 80 %."""
        from scipy.optimize import isotonic_regression

        _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
        above = counts[::-1].cumsum()[::-1] - counts
        group = np.unique(-np.minimum(above // least, max(len(score) // least - 1, 0)), return_inverse=True)[1][place]
        counts = np.bincount(group)
        levels, rates = np.bincount(group, score) / counts, np.bincount(group, converted) / counts
        return cls(levels, isotonic_regression(rates, weights=counts).x)

    def __call__(self, score: FloatArray) -> FloatArray:
        return np.interp(score, self.levels, self.probabilities)


def differences(of: Mapping[str, Measured], other: Mapping[str, Measured]) -> dict[str, Estimate]:
    """``of`` less ``other``, metric by metric, of those that both have."""
    return {name: one.less(other[name]) for name, one in of.items() if name in other}
