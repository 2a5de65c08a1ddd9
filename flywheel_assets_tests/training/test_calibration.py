from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.registry.files import digests_of
from flywheel_assets.registry.originals import Originals
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training.calibration import build_in, temperature, tempered
from flywheel_assets.training.metrics import probabilities_in_order, row_losses
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS, random_features, write_originals


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with just these probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (rows, 3))
    cumulative = softmax(logits).cumsum(axis=1)
    return logits, (random.random((rows, 1)) > cumulative[:, :2]).sum(axis=1)


@pytest.mark.parametrize("sharper", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_probabilities_too_sharp_or_too_soft(sharper: float) -> None:
    logits, true = drawn(20_000, seed=1)
    probabilities = softmax(logits * sharper)

    assert temperature(true, probabilities) == pytest.approx(sharper, rel=0.05)
    np.testing.assert_allclose(tempered(probabilities, sharper), softmax(logits), rtol=1e-6)


@given(st.integers(0, 1000), st.integers(5, 60))
def test_no_temperature_raises_the_log_loss_or_changes_a_label(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = softmax(random.normal(0, 3, (rows, 4)))
    true = random.integers(0, 4, rows)
    calibrated = tempered(probabilities, temperature(true, probabilities))

    assert row_losses(true, calibrated).mean() <= row_losses(true, probabilities).mean() + 1e-12
    assert calibrated.sum(axis=1) == pytest.approx(1)
    assert (calibrated.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_probabilities_that_are_certain_and_right_stay_what_they_are() -> None:
    assert temperature(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]])) == 1.0


def test_a_temperature_that_is_built_in_gives_the_tempered_probabilities(tmp_path: Path) -> None:
    write_originals(tmp_path)
    model = Originals.open(tmp_path, SESSION_MODEL.files, digests_of(tmp_path, SESSION_MODEL.files.originals))
    rows = pd.DataFrame(random_features(200), columns=list(FEATURES))
    before = probabilities_in_order(model, rows, SESSION_LABELS)
    build_in(model, 2.5)

    np.testing.assert_allclose(
        probabilities_in_order(model, rows, SESSION_LABELS), tempered(before, 2.5), rtol=1e-4, atol=1e-6
    )
