"""What is tried: models, four ways to treat imbalance, and a small grid for each; and their form in ONNX."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.training.classifier.signed_log import signed_log

LOGISTIC, FOREST, XGBOOST, LIGHTGBM = "logistic regression", "random forest", "XGBoost", "LightGBM"
SCALED_LOGISTIC = "scaled logistic regression"
MODELS = (LOGISTIC, FOREST, XGBOOST, LIGHTGBM)
"""Those that are compared where nobody says which."""

PLAIN, CLASS_WEIGHTS, SMOTE, SCALED = "none", "class weights", "SMOTE", "scale_pos_weight"
STRATEGIES = (PLAIN, CLASS_WEIGHTS, SMOTE, SCALED)

GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    LOGISTIC: {"C": (0.03, 0.1, 1.0)},
    SCALED_LOGISTIC: {"C": (0.03, 0.1, 1.0)},
    FOREST: {"min_samples_leaf": (3, 5), "max_features": ("sqrt", 0.4)},
    XGBOOST: {"max_depth": (4, 5), "n_estimators": (250, 400)},
    LIGHTGBM: {"num_leaves": (7, 15), "n_estimators": (250, 400)},
}
"""The values tried of each parameter, by model."""

LARGE_GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    LOGISTIC: GRIDS[LOGISTIC],
    SCALED_LOGISTIC: GRIDS[SCALED_LOGISTIC],
    FOREST: {"min_samples_leaf": (25, 100), "max_features": ("sqrt", 0.4), "n_estimators": (50,)},
    XGBOOST: {"max_depth": (4, 5), "n_estimators": (100, 160), "learning_rate": (0.05,)},
    LIGHTGBM: {"num_leaves": (7, 15), "n_estimators": (100, 160), "learning_rate": (0.05,)},
}
"""Of many rows: fewer trees score 2.5 to 4 times as many rows per second. On 60,000 rows that costs boosted trees
0.001 of AUC, and forests gain 0.01 by the larger leaves."""

LARGE_ROWS = 150_000

LEARNING_RATE, FOREST_TREES = 0.02, 200

FOREST_ROWS = 25_000
"""Each tree of a forest is grown on so many rows at most: more of them cost minutes and gain little."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """A model with a way to treat imbalance."""

    model: str
    strategy: str

    def __str__(self) -> str:
        return self.model if self.strategy == PLAIN else f"{self.model}, {self.strategy}"


def kinds(models: tuple[str, ...] = MODELS, strategies: tuple[str, ...] = STRATEGIES) -> list[Kind]:
    """Those that exist: only boosted trees have a scale_pos_weight."""
    return [
        Kind(model, strategy)
        for model, strategy in product(models, strategies)
        if strategy != SCALED or model in (XGBOOST, LIGHTGBM)
    ]


def grid(kind: Kind, positive_share: float, rows: int) -> dict[str, tuple[Any, ...]]:
    """The parameters to try of the last step of :func:`estimator`, fitted on so many ``rows`` in the end. Class weights
    and SMOTE make both classes equal; scale_pos_weight is tried at the square root of their ratio too, which leans
    less."""
    points = dict((LARGE_GRIDS if rows >= LARGE_ROWS else GRIDS)[kind.model])
    if kind.strategy == SCALED:
        ratio = (1 - positive_share) / positive_share
        points["scale_pos_weight"] = (float(np.sqrt(ratio)), float(ratio))
    return points


def estimator(kind: Kind, parameters: dict[str, Any], rows: int, positive_share: float, seed: int) -> Any:
    """A pipeline whose last step is the model, ready to fit on so many ``rows`` of float32 numbers with NaN for what is
    missing.

    Boosted trees take NaN as it is; for the others, and for SMOTE, the median takes its place. A logistic regression
    gets logarithms of skewed numbers, and both kinds of it numbers with mean 0 and variance 1. One thread each: kinds
    are fitted side by side."""
    from imblearn import over_sampling
    from imblearn.pipeline import Pipeline
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    steps: list[tuple[str, Any]] = []
    if kind.model in (LOGISTIC, SCALED_LOGISTIC, FOREST) or kind.strategy == SMOTE:
        steps.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if kind.model == LOGISTIC:
        steps.append(("logarithms", signed_log()()))
    if kind.model in (LOGISTIC, SCALED_LOGISTIC):
        steps.append(("scale", StandardScaler()))
    if kind.strategy == SMOTE:
        steps.append(("smote", over_sampling.SMOTE(random_state=seed)))
    return Pipeline([*steps, ("model", _model(kind, parameters, rows, positive_share, seed))])


def _model(kind: Kind, parameters: dict[str, Any], rows: int, positive_share: float, seed: int) -> Any:
    balanced = "balanced" if kind.strategy == CLASS_WEIGHTS else None
    if kind.model in (LOGISTIC, SCALED_LOGISTIC):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=2000, class_weight=balanced, **parameters)
    if kind.model == FOREST:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            max_samples=FOREST_ROWS if rows > FOREST_ROWS else None,
            class_weight=balanced,
            random_state=seed,
            **{"n_estimators": FOREST_TREES, **parameters},
        )
    if kind.model == XGBOOST:
        from xgboost import XGBClassifier

        weight = {"scale_pos_weight": (1 - positive_share) / positive_share} if balanced else {}
        return XGBClassifier(
            subsample=0.7,
            colsample_bytree=0.5,
            min_child_weight=5,
            tree_method="hist",
            n_jobs=1,
            random_state=seed,
            **{"learning_rate": LEARNING_RATE, **weight, **parameters},
        )
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        subsample=0.7,
        subsample_freq=1,
        colsample_bytree=0.5,
        min_child_samples=30,
        class_weight=balanced,
        n_jobs=1,
        random_state=seed,
        deterministic=True,
        force_col_wise=True,
        verbose=-1,
        **{"learning_rate": LEARNING_RATE, **parameters},
    )


def probability(fitted: Any, rows: Matrix) -> npt.NDArray[np.float64]:
    """Of the positive class [n], before calibration."""
    return np.asarray(fitted.predict_proba(rows)[:, 1], np.float64)


def to_onnx(fitted: Any, width: int) -> bytes:
    """A fitted pipeline as an ONNX file of one input [n, width] float32; what resamples rows is not in it."""
    import skl2onnx
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from sklearn.pipeline import Pipeline

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for name, convert in (("XGBClassifier", convert_xgboost), ("LGBMClassifier", convert_lightgbm)):
        if type(fitted[-1]).__name__ == name:
            skl2onnx.update_registered_converter(
                type(fitted[-1]), f"Flywheel{name}", calculate_linear_classifier_output_shapes, convert, options=options
            )
    steps = Pipeline([(name, step) for name, step in fitted.steps if name != "smote"])
    model = skl2onnx.to_onnx(
        steps,
        initial_types=[("inputs", FloatTensorType([None, width]))],
        options={id(steps): {"zipmap": False}},
        target_opset={"": 15, "ai.onnx.ml": 3},
    )
    return bytes(model.SerializeToString())
