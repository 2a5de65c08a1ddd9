"""Tiny but real model artefacts, for tests of whatever reads a models folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import digests_of
from flywheel_assets.registry.keras_import import import_keras
from flywheel_assets.registry.originals import Originals, library_versions
from flywheel_assets.registry.spec import ModelFiles, ModelSpec, share_features
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.tables.drift import Baseline, FeatureBaseline
from flywheel_assets.users.user_model import USER_MODEL

ALL_FILES = (*SESSION_MODEL.files.originals, *USER_MODEL.files.originals)

FEATURES = ("pageviews", "leads")
SESSION_LABELS = ("Low Quality", "Medium Quality", "High Quality")
USER_LABELS = ("Passive", "Engaged")
"""Labels from worst to best; encoders sort them by name, so outputs are in another order."""


def write_model(
    directory: Path,
    files: ModelFiles,
    features: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int = 1,
    highest: float = 100,
    clip: bool = False,
    activation: str = "softmax",
) -> None:
    """The three artefacts of one model with random weights, its scaler fitted on 0 to ``highest``."""
    import joblib
    from sklearn.preprocessing import LabelEncoder, MinMaxScaler

    keras = import_keras()
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input((len(features),), name="features"),
            keras.layers.Dense(5, "tanh", bias_initializer="glorot_normal", name="hidden"),
            keras.layers.Dense(len(labels), activation, bias_initializer="glorot_normal", name="labels"),
        ],
        name=Path(files.network).stem,
    )
    network.save(directory / files.network)
    rows = pd.DataFrame([[0.0] * len(features), [highest] * len(features)], columns=list(features))
    joblib.dump(MinMaxScaler(clip=clip).fit(rows), directory / files.scaler)
    joblib.dump(LabelEncoder().fit(list(labels)), directory / files.encoder)


def write_originals(
    directory: Path,
    features: Sequence[str] = FEATURES,
    session_labels: Sequence[str] = SESSION_LABELS,
    user_labels: Sequence[str] = USER_LABELS,
    seed: int = 1,
) -> None:
    """The six artefacts as a team brings them, without a manifest."""
    directory.mkdir(parents=True, exist_ok=True)
    write_model(directory, SESSION_MODEL.files, features, session_labels, seed=seed)
    write_model(directory, USER_MODEL.files, share_features(session_labels), user_labels, seed=seed, highest=1)


def write_artefacts(
    directory: Path,
    features: Sequence[str] = FEATURES,
    session_labels: Sequence[str] = SESSION_LABELS,
    user_labels: Sequence[str] = USER_LABELS,
    seed: int = 1,
    with_baseline: bool = True,
    compiled: bool = True,
) -> ModelBundle:
    """The six artefacts with their manifest and, unless ``compiled`` is false, both compiled scorers."""
    write_originals(directory, features, session_labels, user_labels, seed)
    orders = {SESSION_MODEL: session_labels, USER_MODEL: user_labels}
    bundle = vouched(directory, orders, with_baseline)
    if compiled:
        bundle = compile_bundle(bundle)
    return bundle


def with_other_weights(compiled: Path) -> None:
    """Turns the weights of a compiled scorer round, and leaves all that it says of itself."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(compiled)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("network/"):
            tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
    onnx.save(model, compiled)


def vouched(directory: Path, orders: Mapping[ModelSpec, Sequence[str]], with_baseline: bool = True) -> ModelBundle:
    """A manifest for the artefacts that are there, with labels from worst to best."""
    infos = []
    for spec, order in orders.items():
        digests = digests_of(directory, spec.files.originals)
        model = Originals.open(directory, spec.files, digests)
        bins = {name: FeatureBaseline((0.0, 5.0, 20.0), (30, 30, 30, 30)) for name in model.features}
        baseline = Baseline(dict.fromkeys(order, 40), bins) if with_baseline else None
        infos.append(model.info(spec, tuple(order), digests, baseline))
    return write_manifest(directory, infos, libraries=library_versions())


def random_features(rows: int, columns: int = len(FEATURES), seed: int = 1) -> np.ndarray:
    """Heavy-tailed whole numbers, as counts are, some beyond what the scaler was fitted on."""
    return np.floor(np.random.default_rng(seed).lognormal(2, 1.5, (rows, columns)))
