from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle, compile_model, compiled
from flywheel_assets.registry.files import digest
from flywheel_assets.registry.keras_import import import_keras
from flywheel_assets.registry.originals import Originals
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS, write_model


@pytest.fixture(scope="module", params=[False, True], ids=["unclipped", "clipped"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Originals:
    directory = tmp_path_factory.mktemp("model")
    write_model(directory, SESSION_MODEL.files, FEATURES, SESSION_LABELS, clip=request.param)
    digests = {name: digest((directory / name).read_bytes()) for name in SESSION_MODEL.files.originals}
    return Originals.open(directory, SESSION_MODEL.files, digests)


@pytest.fixture(scope="module")
def runtime(model: Originals) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(compiled(model, {"version": "1"}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(features=arrays.arrays(np.float64, (20, len(FEATURES)), elements=st.floats(-1e9, 1e9)))
def test_onnx_says_what_scaler_and_keras_say(
    features: np.ndarray, model: Originals, runtime: onnxruntime.InferenceSession
) -> None:
    expected = model.probabilities(features)
    label, probabilities = runtime.run(["label", "probabilities"], {"features": features})

    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(label, probabilities.argmax(axis=1))


def test_large_values_are_told_apart_where_single_precision_cannot(model: Originals) -> None:
    from sklearn.preprocessing import MinMaxScaler

    rows = pd.DataFrame({"pageviews": [1e9, 1e9 + 10], "leads": [0, 1]})
    far = Originals(model.network, MinMaxScaler().fit(rows), model.encoder)
    features = np.array([[1e9 + 2, 0], [1e9 + 7, 0]])
    session = onnxruntime.InferenceSession(compiled(far, {}))
    (probabilities,) = session.run(["probabilities"], {"features": features})

    assert np.float32(1e9 + 2) == np.float32(1e9 + 7)
    assert np.abs(probabilities[0] - probabilities[1]).max() > 1e-3
    np.testing.assert_allclose(probabilities, far.probabilities(features), atol=1e-6)


def test_a_compiled_scorer_says_what_it_was_made_of(models_dir: Path) -> None:
    bundle = compile_bundle(ModelBundle.open(models_dir))
    paths = [models_dir / info.files.compiled for info in bundle.models.values()]

    assert [path.name for path in paths] == [SESSION_MODEL.files.compiled, USER_MODEL.files.compiled]
    metadata = onnxruntime.InferenceSession(paths[0]).get_modelmeta().custom_metadata_map
    assert set(metadata) == {"version", "features", "labels", "sources"}
    assert metadata["features"] == '["pageviews", "leads"]'


def test_the_same_artefacts_compile_to_the_same_bytes(models_dir: Path) -> None:
    before = (models_dir / SESSION_MODEL.files.compiled).read_bytes()
    bundle = ModelBundle.open(models_dir)

    assert compile_model(models_dir, bundle["session"]) == before


def test_a_manifest_with_other_features_than_the_artefacts_is_refused(models_dir: Path) -> None:
    bundle = ModelBundle.open(models_dir)
    other = replace(bundle["session"], features=("leads", "pageviews"))
    bundle = write_manifest(models_dir, [other, bundle["user"]], libraries={})

    with pytest.raises(
        ArtefactError, match=r"names other features \(leads, pageviews\) than the artefacts \(pageviews, leads\)"
    ):
        compile_model(models_dir, bundle["session"])


def test_a_network_that_cannot_be_exported_is_refused(model: Originals) -> None:
    keras = import_keras()
    features = keras.Input((len(FEATURES),), name="features")
    outputs = keras.layers.Dense(len(SESSION_LABELS), "softmax")(keras.ops.log1p(features))

    with pytest.raises(ArtefactError, match="cannot be compiled for ONNX Runtime"):
        compiled(Originals(keras.Model(features, outputs), model.scaler, model.encoder), {})
