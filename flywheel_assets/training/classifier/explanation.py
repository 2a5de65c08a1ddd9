"""Why a classifier gives the probabilities that it gives: permutation importance, and Shapley values of inputs, for any
model alike, because both only ask the scorer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.calibration_map import log_odds
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.training.classifier.leakage import auc_of

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float32]

REPEATS = 5
MOST_ROWS = 20_000
"""Of more rows so many are drawn for permutation importance."""

BACKGROUND, EXPLAINED, ROUNDS = 40, 150, 3
"""Rows that a value is explained against, rows that are explained for a summary, and permutations of the inputs for
each, with their reverse."""


def permutation_importance(
    scorer: ClassifierScorer, encoded: Matrix, target: BoolArray, seed: int
) -> dict[str, FloatArray]:
    """Per input how far ROC-AUC falls when its values are shuffled among rows [REPEATS] (Breiman 2001). A category's
    numbers are shuffled together."""
    draw = np.random.default_rng(seed)
    if len(target) > MOST_ROWS:
        at = np.sort(draw.choice(len(target), MOST_ROWS, replace=False))
        encoded, target = encoded[at], target[at]
    whole = auc_of(target, scorer.of_encoded(encoded))
    falls = {}
    for name, place in scorer.info.encoding.slices():
        found = []
        for _ in range(REPEATS):
            shuffled = encoded.copy()
            shuffled[:, place] = encoded[draw.permutation(len(encoded)), place]
            found.append(whole - auc_of(target, scorer.of_encoded(shuffled)))
        falls[name] = np.array(found)
    return falls


@dataclass(frozen=True)
class ShapleyValues:
    """``values`` [n, inputs]: how far each input moves a row's log-odds from ``base``, those of the background's mean;
    ``base`` and the values sum to the row's log-odds."""

    names: tuple[str, ...]
    values: FloatArray
    base: float

    def reasons(self, row: int, most: int = 3) -> list[tuple[str, float]]:
        """The inputs that move a row furthest, and by how much, the furthest first."""
        order = np.argsort(-np.abs(self.values[row]), kind="stable")[:most]
        return [(self.names[i], float(self.values[row, i])) for i in order if self.values[row, i]]


def shapley_values(
    scorer: ClassifierScorer, encoded: Matrix, background: Matrix, seed: int, most: int = BACKGROUND
) -> ShapleyValues:
    """Of the calibrated log-odds of each row (SHAP: Lundberg and Lee 2017), against up to ``most`` rows of
    ``background``: per row of these the inputs take the row's values one after the other, in a random order and in its
    reverse (Strumbelj and Kononenko 2014). An input that is a category counts as one."""
    places = [place for _, place in scorer.info.encoding.slices()]
    draw = np.random.default_rng(seed)
    against = background[np.sort(draw.choice(len(background), min(most, len(background)), replace=False))]

    def odds(rows: Matrix) -> FloatArray:
        return log_odds(scorer.of_encoded(rows))

    base, own = odds(against), odds(encoded)
    values = np.zeros((len(encoded), len(places)))
    for start, before in zip(against, base, strict=True):
        order = draw.permutation(len(places))
        for steps in (order, order[::-1]):
            mixed = np.repeat(start[None, None], len(encoded), axis=1).repeat(len(steps) - 1, axis=0)
            for number, step in enumerate(steps[:-1]):
                mixed[number:, :, places[step]] = encoded[:, places[step]]
            between = odds(mixed.reshape(-1, encoded.shape[1])).reshape(len(steps) - 1, len(encoded))
            path = np.concatenate([np.full((1, len(encoded)), before), between, own[None]])
            values[:, steps] += np.diff(path, axis=0).T
    return ShapleyValues(scorer.info.encoding.names, values / (2 * len(against)), float(base.mean()))


def importance(falls: Mapping[str, FloatArray], values: ShapleyValues) -> list[dict[str, float | str]]:
    """Per input: its permutation importance with standard deviation, and the mean size of its Shapley values; the most
    important first."""
    sizes = dict(zip(values.names, np.abs(values.values).mean(axis=0).tolist(), strict=True))
    rows: list[dict[str, float | str]] = [
        {"input": name, "auc_fall": float(fall.mean()), "auc_fall_sd": float(fall.std()), "mean_shap": sizes[name]}
        for name, fall in falls.items()
    ]
    return sorted(rows, key=lambda row: (-float(row["auc_fall"]), str(row["input"])))
