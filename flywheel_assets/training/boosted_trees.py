"""Gradient-boosted trees (XGBoost) that give a calibrated probability, and a logistic regression beside them.

Rows are in the order of time: trees are fitted on the earliest intervals, the number and depth of trees chosen and the
probabilities calibrated on the next, and all is judged on the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import TrainingError
from flywheel_assets.registry.booster import BoosterInfo, BoosterScorer, booster_version
from flywheel_assets.registry.files import digest

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

LEAST_CONVERSIONS = 20
"""Fewer in one of the three parts, and nothing is learnt or judged."""

DEPTHS = (1, 2, 3)
LEAST_HESSIAN = (2.0, 8.0)
"""What is tried: small trees, because the conversions are few."""

MOST_TREES, PATIENCE, LEARNING_RATE = 400, 30, 0.05


@dataclass(frozen=True)
class LearningRows:
    """``features`` [n, F], NaN for null, of the columns ``names``; ``converted`` [n]; ``user`` [n] numbers the users
    from 0; ``interval`` [n] are positions in ``intervals``, keys in the order of time: those of the outcomes."""

    names: tuple[str, ...]
    features: FloatArray
    converted: BoolArray
    user: IntArray
    interval: IntArray
    intervals: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """The rows of each part, as masks [n], and the keys of its intervals."""

    fit: BoolArray
    calibration: BoolArray
    holdout: BoolArray
    keys: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def split(interval: IntArray, intervals: Sequence[str], converted: BoolArray) -> Parts:
    """The last quarter of the intervals, one at least, is the holdout, as many before it the calibration. Raises
    TrainingError for fewer than three intervals, and for a part with fewer than LEAST_CONVERSIONS rows that converted
    or that did not."""
    count = len(intervals)
    if count < 3:
        raise TrainingError(
            f"there are outcomes of {count} intervals; expected 3 at least: to fit, to calibrate and to judge. Wait "
            "for the next interval to close, then type: flywheel run"
        )
    last = max(1, count // 4)
    bounds = (0, count - 2 * last, count - last, count)
    fit, calibration, holdout = masks = [(interval >= bounds[i]) & (interval < bounds[i + 1]) for i in range(3)]
    for mask, what in zip(masks, ("fit", "calibrate", "judge"), strict=True):
        positive = int(converted[mask].sum())
        fewest, name = min((positive, "that converted"), (int(mask.sum()) - positive, "that did not convert"))
        if fewest < LEAST_CONVERSIONS:
            raise TrainingError(
                f"too few outcomes: the intervals to {what} by have {fewest} users {name}; expected "
                f"{LEAST_CONVERSIONS} at least. Wait for more intervals to close"
            )
    keys = [tuple(intervals[bounds[i] : bounds[i + 1]]) for i in range(3)]
    return Parts(fit, calibration, holdout, (keys[0], keys[1], keys[2]))


def fit_booster(
    name: str,
    commands: str,
    rows: LearningRows,
    parts: Parts,
    directions: Sequence[int],
    groups: Sequence[str],
) -> BoosterScorer:
    """The booster with the lowest log loss on the calibration rows among those tried, calibrated there by Platt's line.

    Isotonic regression would need a thousand conversions (Niculescu-Mizil and Caruana 2005), and its steps tie users;
    a line in the log-odds has two numbers, keeps the ranking, and leaves SHAP values sums. The same rows give the
    same trees: nothing is drawn, and one thread has one order of additions."""
    import xgboost

    def matrix(part: BoolArray) -> xgboost.DMatrix:
        return xgboost.DMatrix(rows.features[part], rows.converted[part].astype(np.float64), nthread=1)

    fit, calibration = matrix(parts.fit), matrix(parts.calibration)
    best: tuple[float, xgboost.Booster] | None = None
    for depth, hessian in product(DEPTHS, LEAST_HESSIAN):
        parameters = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_depth": depth,
            "min_child_weight": hessian,
            "eta": LEARNING_RATE,
            "monotone_constraints": f"({','.join(map(str, directions))})",
            "nthread": 1,
        }
        booster = xgboost.train(
            parameters,
            fit,
            MOST_TREES,
            evals=[(calibration, "calibration")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        if best is None or booster.best_score < best[0]:
            best = booster.best_score, booster[: booster.best_iteration + 1]
    assert best is not None
    booster = best[1]
    slope, intercept = platt(booster.predict(calibration, output_margin=True), rows.converted[parts.calibration])
    learnt_to = parts.keys[1][-1]
    trees = bytes(booster.save_raw("ubj"))
    version = booster_version(
        bytes(booster.save_raw("json")), rows.names, tuple(directions), tuple(groups), slope, intercept, learnt_to
    )
    info = BoosterInfo(
        name,
        f"{name}_model.ubj",
        version,
        digest(trees),
        rows.names,
        tuple(directions),
        tuple(groups),
        slope,
        intercept,
        learnt_to,
        commands,
    )
    return BoosterScorer(info, trees)


def platt(log_odds: FloatArray, converted: BoolArray) -> tuple[float, float]:
    """Slope, never negative, and intercept of the line that makes log-odds those of calibrated probabilities (Platt
    1999), with his targets, which keep a few rows from claiming certainty."""
    from scipy.optimize import minimize

    positive = converted.sum()
    high, low = (positive + 1) / (positive + 2), 1 / (len(converted) - positive + 2)
    target, x = np.where(converted, high, low), np.asarray(log_odds, np.float64)

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        z = line[0] * x + line[1]
        error = 1 / (1 + np.exp(-z)) - target
        return float((np.logaddexp(0, z) - target * z).mean()), np.array([(error * x).mean(), error.mean()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def logistic_regression(rows: LearningRows, parts: Parts) -> FloatArray:
    """The probabilities [n] of a logistic regression fitted on the same rows, features standardized, the median in the
    place of null: what trees have to beat. What they are chosen and calibrated by, it is fitted on too."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = parts.fit | parts.calibration
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    model.fit(rows.features[known], rows.converted[known])
    return np.asarray(model.predict_proba(rows.features)[:, 1], np.float64)
