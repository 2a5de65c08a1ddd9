from pathlib import Path

import joblib
import numpy as np
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets.registry.adoption import matching_order
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import MANIFEST
from flywheel_assets.registry.scorer import open_scorer
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets_tests.bundles import (
    FEATURES,
    SESSION_LABELS,
    USER_LABELS,
    random_features,
    write_model,
    write_originals,
)

SESSION_ORDER, USER_ORDER = ", ".join(SESSION_LABELS), ",".join(USER_LABELS)
BOTH_ORDERS = ["--label-order", USER_ORDER, "--label-order", SESSION_ORDER]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    write_originals(tmp_path / "theirs")
    return tmp_path / "theirs"


def adopt(directory: Path, *options: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["models", "adopt", str(directory), *options], input=answers)


def test_adopted_artefacts_are_a_bundle_that_scores(theirs: Path, tmp_path: Path) -> None:
    result = adopt(theirs, "--yes", *BOTH_ORDERS)

    assert result.exit_code == 0, result.output
    bundle = ModelBundle.open(theirs)
    assert bundle["session"].order == SESSION_LABELS
    assert bundle["user"].order == USER_LABELS
    assert bundle["session"].baseline is None
    scorer = open_scorer(bundle, "session", tmp_path / "unused")
    scaler = joblib.load(theirs / SESSION_MODEL.files.scaler)
    assert scorer.features == tuple(scaler.feature_names_in_)
    assert scorer.score(random_features(5))[1].shape == (5, 3)
    assert not (tmp_path / "unused").exists()


def test_adopting_shows_the_files_then_asks_for_trust_then_for_orders(theirs: Path) -> None:
    result = adopt(theirs, answers=f"y\n{SESSION_ORDER}\n{USER_ORDER}\n")

    assert result.exit_code == 0, result.output
    steps = [
        "session_quality_model.keras",
        "SHA-256",
        "runs whatever code",
        "trust",
        "Dense",
        "Labels of the session model",
    ]
    positions = [result.output.index(step) for step in steps]
    assert positions == sorted(positions)
    assert ModelBundle.open(theirs)["session"].order == SESSION_LABELS


def test_an_order_that_does_not_fit_is_asked_for_again(theirs: Path) -> None:
    result = adopt(theirs, "--label-order", USER_ORDER, answers=f"y\nLow, High\n{SESSION_ORDER}\n")

    assert result.exit_code == 0, result.output
    assert "the labels of the session model are High Quality, Low Quality, Medium Quality" in result.output


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was opened')",))


def test_without_trust_nothing_is_opened_or_written(theirs: Path) -> None:
    joblib.dump(Bomb(), theirs / SESSION_MODEL.files.scaler)
    before = sorted(theirs.iterdir())
    result = adopt(theirs, answers="n\n")

    assert result.exit_code == 1
    assert "the pickle was opened" not in result.output
    assert sorted(theirs.iterdir()) == before


def test_without_questions_both_orders_are_needed(theirs: Path) -> None:
    result = adopt(theirs, "--yes", "--label-order", SESSION_ORDER)

    assert result.exit_code == 2
    assert "the labels of the user model are Engaged, Passive; expected --label-order" in result.output
    assert not (theirs / MANIFEST).exists()


def test_a_bundle_with_a_manifest_is_not_adopted_again(models_dir: Path) -> None:
    result = adopt(models_dir, "--yes", *BOTH_ORDERS)

    assert result.exit_code == 2
    assert f"flywheel models verify {models_dir}" in result.output


def test_a_missing_file_is_named(theirs: Path) -> None:
    (theirs / SESSION_MODEL.files.encoder).unlink()
    result = adopt(theirs, "--yes", *BOTH_ORDERS)

    assert result.exit_code == 2
    assert f"lacks {SESSION_MODEL.files.encoder}" in result.output


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    result = adopt(tmp_path / "nowhere", "--yes", *BOTH_ORDERS)

    assert result.exit_code == 2
    assert f"there is no folder {tmp_path / 'nowhere'}" in result.output
    assert SESSION_MODEL.files.encoder not in result.output


def test_outputs_that_are_no_probabilities_are_refused(theirs: Path) -> None:
    write_model(theirs, SESSION_MODEL.files, FEATURES, SESSION_LABELS, activation="sigmoid")
    result = adopt(theirs, "--yes", *BOTH_ORDERS)

    assert result.exit_code == 2
    assert "session_quality_model.keras are not probabilities" in result.output
    assert "expected a softmax layer" in result.output
    assert not (theirs / MANIFEST).exists()


def test_a_scaler_fitted_on_an_array_cannot_be_adopted(theirs: Path) -> None:
    scaler = joblib.load(theirs / SESSION_MODEL.files.scaler)
    joblib.dump(type(scaler)().fit(np.zeros((2, 2))), theirs / SESSION_MODEL.files.scaler)

    assert "was fitted on an array" in adopt(theirs, "--yes", *BOTH_ORDERS).output


def test_a_user_model_of_other_session_labels_cannot_be_adopted(theirs: Path, tmp_path: Path) -> None:
    write_originals(tmp_path / "other", session_labels=("Low Quality", "Fair Quality", "High Quality"))
    for name in SESSION_MODEL.files.originals:
        (tmp_path / "other" / name).replace(theirs / name)
    result = adopt(
        theirs, "--yes", "--label-order", USER_ORDER, "--label-order", "Low Quality,Fair Quality,High Quality"
    )

    assert result.exit_code == 2
    assert "session labels that the user model doesn't know: Fair Quality" in result.output


def test_the_order_that_has_exactly_the_labels_matches() -> None:
    assert matching_order(("High", "Low"), ["Low", "Low,Mid,High", " Low , High "]) == ("Low", "High")
    assert matching_order(("High", "Low"), ["Low,Low,High"]) is None
    assert matching_order(("High", "Low"), []) is None
