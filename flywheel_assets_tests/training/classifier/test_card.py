"""What the card says of calibration."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from flywheel_assets.registry.calibration_map import CalibrationMap, Method
from flywheel_assets.training.classifier.candidate import AS_FITTED, MODEL
from flywheel_assets.training.classifier.card import calibration_text
from flywheel_assets.training.classifier.evaluation import Scored, evaluate
from flywheel_assets_tests.training.classifier.test_evaluation import PROBABILITY, TARGET, TRUTH, USER


def text(method: Method, model: np.ndarray, as_fitted: np.ndarray) -> str:
    ways = {name: Scored(one, one > 0.2) for name, one in ((MODEL, model), (AS_FITTED, as_fitted))}
    info: Any = SimpleNamespace(calibration=replace(CalibrationMap(), method=method))
    return calibration_text(info, evaluate(TARGET, USER, ways))


def test_the_card_says_whether_calibration_helped() -> None:
    lean = np.sqrt(TRUTH)
    assert "calibration by sigmoid lowers the Brier score by 0." in text("sigmoid", TRUTH, lean)
    assert "calibration by isotonic raises the Brier score by 0." in text("isotonic", lean, TRUTH)
    assert "by no more than noise" in text("sigmoid", PROBABILITY, PROBABILITY + 1e-6)
    assert text("none", TRUTH, TRUTH).startswith("calibration: none, because")
