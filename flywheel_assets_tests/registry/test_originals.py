from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.files import digest, digests_of
from flywheel_assets.registry.originals import Originals
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets_tests.bundles import ALL_FILES, FEATURES, SESSION_LABELS, write_model


def open_session(directory: Path) -> Originals:
    """As after an adoption: trusted as it is now."""
    return Originals.open(directory, SESSION_MODEL.files, digests_of(directory, SESSION_MODEL.files.originals))


def test_a_scaler_fitted_on_an_array_is_refused_with_the_reason(models_dir: Path) -> None:
    joblib.dump(MinMaxScaler().fit(np.array([[0.0, 0.0], [1.0, 1.0]])), models_dir / SESSION_MODEL.files.scaler)

    with pytest.raises(ArtefactError, match=r"was fitted on an array.* names of its 2 features; fit it on a DataFrame"):
        open_session(models_dir)


def test_a_network_for_other_features_than_the_scalers_is_refused(models_dir: Path) -> None:
    scaler = joblib.load(models_dir / SESSION_MODEL.files.scaler)
    write_model(models_dir, SESSION_MODEL.files, (*FEATURES, "shares"), SESSION_LABELS)
    joblib.dump(scaler, models_dir / SESSION_MODEL.files.scaler)

    with pytest.raises(
        ArtefactError, match=r"features of shape \(None, 3\); expected \(None, 2\).*: pageviews, leads\."
    ):
        open_session(models_dir)


def test_a_network_for_other_labels_than_the_encoders_is_refused(models_dir: Path) -> None:
    joblib.dump(LabelEncoder().fit(["High", "Low"]), models_dir / SESSION_MODEL.files.encoder)

    with pytest.raises(ArtefactError, match=r"labels of shape \(None, 3\); expected \(None, 2\).*: High, Low\."):
        open_session(models_dir)


def test_labels_that_would_share_a_column_are_refused(models_dir: Path) -> None:
    joblib.dump(LabelEncoder().fit(["High", "high!", "Low"]), models_dir / SESSION_MODEL.files.encoder)

    with pytest.raises(ArtefactError, match="share a column: 'High' and 'high!'"):
        open_session(models_dir)


@pytest.mark.parametrize(
    ("content", "found"), [(StandardScaler(), "StandardScaler"), (MinMaxScaler(), "MinMaxScaler"), ([1], "list")]
)
def test_what_is_no_fitted_scaler_is_refused(models_dir: Path, content: object, found: str) -> None:
    joblib.dump(content, models_dir / SESSION_MODEL.files.scaler)

    with pytest.raises(ArtefactError, match=f"holds a {found}; expected a fitted MinMaxScaler"):
        open_session(models_dir)


def test_a_pickle_cut_short_before_it_was_adopted_is_refused(models_dir: Path) -> None:
    path = models_dir / SESSION_MODEL.files.encoder
    path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(ArtefactError, match=r"label_encoder_sessions.pkl cannot be opened by joblib \(\w+: "):
        open_session(models_dir)


def test_a_network_cut_short_before_it_was_adopted_is_refused(models_dir: Path) -> None:
    path = models_dir / SESSION_MODEL.files.network
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(ArtefactError, match=r"session_quality_model.keras cannot be opened as a Keras model"):
        open_session(models_dir)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was opened')",))


def test_a_pickle_that_nobody_vouched_for_is_not_opened(models_dir: Path) -> None:
    digests = digests_of(models_dir, ALL_FILES)
    joblib.dump(Bomb(), models_dir / SESSION_MODEL.files.scaler)

    with pytest.raises(ArtefactError, match="truncated or replaced"):
        Originals.open(models_dir, SESSION_MODEL.files, digests)


def test_a_version_is_of_the_content_and_not_of_the_file(models_dir: Path) -> None:
    before, files = open_session(models_dir), digests_of(models_dir, ALL_FILES)
    before.network.save(models_dir / SESSION_MODEL.files.network)

    assert digests_of(models_dir, ALL_FILES) != files
    assert (
        open_session(models_dir).info(SESSION_MODEL, SESSION_LABELS).version
        == before.info(SESSION_MODEL, SESSION_LABELS).version
    )


@pytest.mark.parametrize("change", ["seed", "highest", "clip", "labels", "features"])
def test_a_version_changes_with_whatever_changes_predictions(tmp_path: Path, change: str) -> None:
    settings = {"seed": 1, "highest": 100.0, "clip": False, "labels": ["a", "b"], "features": ["x", "y"]}
    changed = {"seed": 2, "highest": 200.0, "clip": True, "labels": ["a", "c"], "features": ["y", "x"]}
    versions = set()
    for values in (settings, settings | {change: changed[change]}):
        write_model(tmp_path, SESSION_MODEL.files, **values)
        digests = {name: digest((tmp_path / name).read_bytes()) for name in SESSION_MODEL.files.originals}
        versions.add(Originals.open(tmp_path, SESSION_MODEL.files, digests).info(SESSION_MODEL, ()).version)
    assert len(versions) == 2
