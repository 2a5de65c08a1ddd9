"""Rows of whom some convert: more for more views, and on a desktop; two inputs say nothing."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from flywheel_assets.training.classifier.comparison import Learnt
from flywheel_assets.training.classifier.estimators import LIGHTGBM, LOGISTIC, PLAIN, SMOTE, XGBOOST, Kind
from flywheel_assets.training.classifier.examples import Examples, examples_of
from flywheel_assets.training.classifier.task import ClassifierTask

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEW = (Kind(LOGISTIC, PLAIN), Kind(XGBOOST, PLAIN), Kind(LIGHTGBM, SMOTE))
"""Enough for a blend, trained in seconds."""


def rows(count: int, seed: int = 3) -> pa.Table:
    """views (skewed, with nulls), device (with nulls and a rare one), noise, flag, user, at, id and converted."""
    draw = np.random.default_rng(seed)
    views = draw.lognormal(6, 2, count)
    device = draw.choice(["mobile", "desktop", "tv"], count, p=[0.59, 0.4, 0.01])
    noise = draw.normal(size=count)
    log, desktop = np.log(views), device == "desktop"
    chance = 1 / (1 + np.exp(-(-5 + 0.5 * log + 1.5 * desktop + 1.2 * np.sin(log))))
    return pa.table(
        {
            "views": pa.array(views, mask=draw.random(count) < 0.05),
            "device": pa.array(device, mask=draw.random(count) < 0.05),
            "noise": noise,
            "flag": draw.random(count) < 0.5,
            "converted": draw.random(count) < chance,
            "at": np.arange(count),
            "user": draw.integers(0, count, count),
            "id": [f"s{i}" for i in range(count)],
        }
    )


def examples(count: int = 1500, seed: int = 3) -> Examples:
    return examples_of(rows(count, seed), "converted", user="user", row_id="id", time="at")


def task(models_dir: Path) -> ClassifierTask:
    return ClassifierTask(
        "conversion",
        "a conversion",
        "sessions",
        "after the first page",
        "flywheel conversion",
        "Conversion_Prediction_Classification",
        models_dir,
        models_dir.parent.parent,
    )


def learnt(of: Examples) -> Learnt:
    encoding = of.encoding(np.ones(len(of), bool))
    return Learnt(encoding.encode(of.inputs), of.target, of.user)
