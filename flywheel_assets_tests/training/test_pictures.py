import numpy as np
import pytest

from flywheel_assets.training.metrics import evaluate, label_calibration_errors, label_reliability
from flywheel_assets.training.pictures import confusion_picture, reliability_picture

TRUE, LABELS = np.array([0, 0, 1, 1]), ("bad", "good", "never seen")
PROBABILITIES = np.array([[0.8, 0.2, 0], [0.8, 0.2, 0], [0.4, 0.6, 0], [0.8, 0.2, 0]])


def written_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a picture drawn from now on says."""
    from matplotlib.text import Text

    said: list[str] = []
    set_text = Text.set_text
    monkeypatch.setattr(Text, "set_text", lambda self, text: (said.append(str(text)), set_text(self, text))[1])
    return said


def test_the_confusion_is_a_png_with_every_count_and_its_share_of_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    said = written_in(monkeypatch)
    picture = confusion_picture("session model", evaluate(TRUE, PROBABILITIES, LABELS))

    assert picture.startswith(b"\x89PNG")
    assert {"2\n100.0 %", "1\n50.0 %", "0\n0.0 %", "session model", *LABELS} <= set(said)


def test_the_reliability_is_a_png_with_a_line_a_label_and_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = written_in(monkeypatch)
    errors = label_calibration_errors(TRUE, PROBABILITIES)
    picture = reliability_picture("session model", LABELS, label_reliability(TRUE, PROBABILITIES), errors)

    assert picture.startswith(b"\x89PNG")
    assert {f"bad, ECE {errors[0]:.3f}", "never seen, ECE 0.000"} <= set(said)
