"""Calibrating a classifier's probabilities: Platt's line, steps, or neither, whichever fits rows that it was not fitted
on best."""

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.calibration_map import LEAST, CalibrationMap, Method, log_odds
from flywheel_assets.training.boosted_trees import platt
from flywheel_assets.training.ranking_metrics import ScoreProbability

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

METHODS: tuple[Method, ...] = ("none", "sigmoid", "isotonic")

LEAST_POSITIVES = 1000
"""Steps need so many, in the smaller class (Niculescu-Mizil and Caruana 2005)."""

STEP_ROWS = 50
"""A step of isotonic calibration holds so many rows at least."""


def fit_map(method: Method, probability: FloatArray, target: BoolArray) -> CalibrationMap:
    """The map of a method, from rows that the model was not fitted on."""
    if method == "sigmoid":
        slope, intercept = platt(log_odds(probability), target)
        return CalibrationMap("sigmoid", slope, intercept)
    if method == "isotonic":
        steps = ScoreProbability.fit(probability, target, STEP_ROWS)
        low, high = 1 / (len(target) + 2), 1 - 1 / (len(target) + 2)
        return CalibrationMap(
            "isotonic", levels=tuple(steps.levels), probabilities=tuple(np.clip(steps.probabilities, low, high))
        )
    return CalibrationMap()


def out_of_fold(method: Method, probability: FloatArray, target: BoolArray, fold: IntArray) -> FloatArray:
    """Calibrated probabilities [n], each from a map that was fitted without the row's fold."""
    made = np.empty(len(target))
    for number in np.unique(fold):
        held_out = fold == number
        made[held_out] = fit_map(method, probability[~held_out], target[~held_out])(probability[held_out])
    return made


def choose(probability: FloatArray, target: BoolArray, fold: IntArray) -> tuple[CalibrationMap, FloatArray]:
    """The map of a method, and its probabilities out of fold [n]: the first of METHODS whose log loss out of fold is no
    worse than the lowest one beyond noise, because steps tie rows and so cost ranking. Isotonic steps are tried from
    LEAST_POSITIVES rows of either class on."""
    enough = min(int(target.sum()), int((~target).sum())) >= LEAST_POSITIVES
    tried = {
        method: out_of_fold(method, probability, target, fold) for method in METHODS if enough or method != "isotonic"
    }
    losses = {method: row_losses(target, one) for method, one in tried.items()}
    lowest = min(losses.values(), key=lambda one: float(one.mean()))
    best = next(method for method, one in losses.items() if not _worse(one - lowest))
    return fit_map(best, probability, target), tried[best]


def _worse(more: FloatArray) -> bool:
    """Whether losses are larger by more than two standard errors of their mean."""
    return bool(more.mean() > 2 * more.std() / np.sqrt(len(more)))


def log_loss(target: BoolArray, probability: FloatArray) -> float:
    """The mean log loss, in nats."""
    return float(row_losses(target, probability).mean())


def row_losses(target: BoolArray, probability: FloatArray) -> FloatArray:
    """The log loss of each row [n], in nats."""
    clipped = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(-np.where(target, np.log(clipped), np.log(1 - clipped)))
