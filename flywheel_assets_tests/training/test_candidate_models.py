import numpy as np
import pytest

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training.calibration import temperature
from flywheel_assets.training.candidate_models import _Validation
from flywheel_assets.training.metrics import evaluate, positions
from flywheel_assets.training.network_grid import Task
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS
from flywheel_assets_tests.labelled import labelled_sessions

TASK = Task(SESSION_MODEL, SESSION_LABELS, FEATURES)


def test_a_baseline_is_measured_at_a_temperature_of_its_own_as_the_network_is() -> None:
    rows = labelled_sessions(users=20)["session"].rows
    validation = rows[rows["part"] == "validation"]
    true = positions(validation["session_quality_label"], SESSION_LABELS)
    said = np.where(np.arange(len(true)) % 4, true, (true + 1) % 3)  # right three times in four, and surer than that
    sure = np.full((len(true), 3), 0.001)
    sure[np.arange(len(true)), said] = 0.998

    found, probabilities = _Validation(TASK, rows).measured("sure", sure, 1, lambda features: None)

    assert found.temperature == temperature(true, sure) > 1
    assert found.evaluation == evaluate(true, probabilities, SESSION_LABELS)
    assert found.evaluation.log_loss < evaluate(true, sure, SESSION_LABELS).log_loss / 2
    assert found.evaluation.accuracy == pytest.approx(0.75)
