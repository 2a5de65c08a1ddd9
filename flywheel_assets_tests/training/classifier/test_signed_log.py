"""Skewed numbers before a model that adds them up, in the library and in ONNX."""

import numpy as np
import pytest

from flywheel_assets.registry.classifier import open_session, raw_probability
from flywheel_assets.training.classifier.estimators import LOGISTIC, PLAIN, Kind, estimator, probability, to_onnx
from flywheel_assets.training.classifier.signed_log import signed_log


def test_a_skewed_column_gets_its_logarithm_and_a_symmetric_one_stays() -> None:
    skewed, symmetric = np.array([0, 0, 0, 1, 2, -100.0]), np.array([-2, -1, 0, 0, 1, 2.0])
    rows = np.stack([skewed, symmetric], axis=1).astype(np.float32)
    made = signed_log()().fit_transform(rows)
    assert made[:, 1] == pytest.approx(symmetric)
    assert made[:, 0] == pytest.approx(np.sign(skewed) * np.log1p(np.abs(skewed) * 10 / 2), rel=1e-5)


def test_columns_of_few_values_are_the_same_in_onnx() -> None:
    draw = np.random.default_rng(1)
    rows = draw.poisson(0.1, (400, 3)).astype(np.float32)
    rows[:, 2] = 0
    rows[::7, 1] = np.nan
    target = draw.random(400) < 0.3
    fitted = estimator(Kind(LOGISTIC, PLAIN), {"C": 1.0}, 400, 0.3, 1).fit(rows, target.astype(int))
    compiled = raw_probability(open_session(to_onnx(fitted, 3)), rows)
    assert compiled == pytest.approx(probability(fitted, rows), abs=1e-6)
