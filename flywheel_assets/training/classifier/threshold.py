"""From which probability on a classifier decides for a row: chosen for F1, for a ratio of costs or for a capacity, by
cross-validation, never on the rows that judge it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import TrainingError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

MOST_THRESHOLDS = 500


@dataclass(frozen=True)
class ThresholdRule:
    """``F1``: the highest. ``cost``: a missed positive costs as much as ``amount`` false alarms. ``capacity``: the
    ``amount`` rows of the highest probability, per interval."""

    kind: str = "F1"
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "ThresholdRule":
        """``f1``, ``cost:5`` or ``capacity:2000``. Raises TrainingError for anything else."""
        found = re.fullmatch(r"(?i)(f1)|(cost|capacity):(\d+(?:\.\d+)?)", text.strip())
        if not found or (found[3] and float(found[3]) <= 0):
            raise TrainingError(
                f"the threshold is {text!r}; expected f1, cost:5 (a missed positive costs as much as 5 false alarms) "
                "or capacity:2000 (so many can be treated per interval)"
            )
        return cls("F1") if found[1] else cls(found[2].lower(), float(found[3]))

    def __str__(self) -> str:
        if self.kind == "cost":
            return f"a missed positive costs as much as {self.amount:g} false alarms"
        return f"{self.amount:,.0f} can be treated per interval" if self.kind == "capacity" else "the highest F1"


def choose_threshold(
    rule: ThresholdRule, probability: FloatArray, target: BoolArray, fold: IntArray, rows_per_interval: float
) -> float:
    """The threshold with the best mean over folds, of probabilities [n] that come from models that had not seen the
    row, as scikit-learn's TunedThresholdClassifierCV has it. For a capacity the lowest probability that
    at most so many of ``rows_per_interval`` rows reach; the highest one where rows that are tied there are more."""
    if rule.kind == "capacity":
        share = min(1.0, rule.amount / max(1.0, rows_per_interval))
        levels, counts = np.unique(probability, return_counts=True)
        reach = counts[::-1].cumsum()[::-1]
        fits = np.flatnonzero(reach <= share * len(probability) + 1e-9)
        return float(levels[fits[0] if len(fits) else -1])
    tried = np.unique(np.quantile(probability, np.linspace(0, 1, MOST_THRESHOLDS), method="higher"))
    value: Callable[[FloatArray, FloatArray, float], FloatArray] = (
        _f1
        if rule.kind == "F1"
        else lambda hits, chosen, positives: -(rule.amount * (positives - hits) + chosen - hits)
    )
    means = np.zeros(len(tried))
    for number in np.unique(fold):
        of_fold = fold == number
        hits, chosen = _counts(probability[of_fold], target[of_fold], tried)
        means += value(hits, chosen, float(target[of_fold].sum()))
    return float(tried[means.argmax()])


def _counts(probability: FloatArray, target: BoolArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each threshold how many positives, and how many rows, are at or above it."""
    positives, every = np.sort(probability[target]), np.sort(probability)
    return (
        (len(positives) - np.searchsorted(positives, thresholds, "left")).astype(float),
        (len(every) - np.searchsorted(every, thresholds, "left")).astype(float),
    )


def _f1(hits: FloatArray, chosen: FloatArray, positives: float) -> FloatArray:
    return np.asarray(2 * hits / np.maximum(chosen + positives, 1))
