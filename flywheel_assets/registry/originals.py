"""The three artefacts a model is made of, opened: network, scaler and encoder. Opening runs code that the files hold,
so it takes the digests that someone vouched for, and refuses any other files."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelInfo
from flywheel_assets.registry.files import read_trusted, versions_of
from flywheel_assets.registry.keras_import import import_keras
from flywheel_assets.registry.spec import ModelFiles, ModelSpec
from flywheel_assets.tables.drift import Baseline
from flywheel_assets.tables.labels import clashes

LIBRARIES = ("tensorflow", "keras", "scikit-learn", "joblib", "numpy", "onnx", "tf2onnx")
"""What reads and writes the artefacts; the manifest has their versions."""


@dataclass(frozen=True)
class Originals:
    """A Keras network, the MinMaxScaler in front of it and the LabelEncoder behind it, known to fit each other."""

    network: Any
    scaler: Any
    encoder: Any

    @classmethod
    def open(cls, directory: Path, files: ModelFiles, digests: Mapping[str, str]) -> "Originals":
        """The model whose files have these ``digests``. Raises ArtefactError for other files, files that cannot be
        opened, and three that do not belong together."""
        keras = import_keras()
        read_trusted(directory / files.network, digests[files.network])
        try:
            network = keras.saving.load_model(directory / files.network, compile=False)
        except Exception as error:  # whatever the file's code raises
            raise ArtefactError(
                f"{directory / files.network} cannot be opened as a Keras model ({_first_line(error)}); "
                "expected a .keras file without custom objects or Lambda layers"
            ) from None
        scaler = _unpickled(directory / files.scaler, digests[files.scaler])
        encoder = _unpickled(directory / files.encoder, digests[files.encoder])
        originals = cls(network, scaler, encoder)
        originals._check(directory, files)
        return originals

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(map(str, self.scaler.feature_names_in_))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(map(str, self.encoder.classes_))

    def info(
        self,
        spec: ModelSpec,
        order: tuple[str, ...],
        digests: Mapping[str, str] | None = None,
        baseline: Baseline | None = None,
    ) -> ModelInfo:
        """What the manifest says about this model, given its labels from worst to best. ``digests``: of its files."""
        minimums = tuple(map(float, self.scaler.data_min_))
        own = {name: sha for name, sha in (digests or {}).items() if name in spec.files.originals}
        return ModelInfo(spec, self._version(), self.features, minimums, self.labels, order, own, baseline)

    def probabilities(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """What scaler and network predict from raw features: the reference that a compiled scorer is compared with."""
        scaled = self.scaler.transform(_frame(features, self.features)).astype(np.float32)
        return np.asarray(self.network.predict(scaled, batch_size=65536, verbose=0), np.float32)

    def _version(self) -> str:
        """From the content, not the files: the bytes of a .keras file differ at every save."""
        config = json.dumps(self.network.get_config(), sort_keys=True, default=str)
        sha = hashlib.sha256(config.encode())
        for weights in self.network.get_weights():
            sha.update(f"{weights.shape}{weights.dtype}".encode() + np.ascontiguousarray(weights).tobytes())
        for values in (self.scaler.scale_, self.scaler.min_, self.scaler.data_min_):
            sha.update(np.asarray(values, np.float64).tobytes())
        sha.update(json.dumps([self.features, self.labels, self.scaler.clip, self.scaler.feature_range]).encode())
        return sha.hexdigest()[:12]

    def _check(self, directory: Path, files: ModelFiles) -> None:
        scaler, encoder = directory / files.scaler, directory / files.encoder
        for path, content, expected, attribute in (
            (scaler, self.scaler, "MinMaxScaler", "scale_"),
            (encoder, self.encoder, "LabelEncoder", "classes_"),
        ):
            if type(content).__name__ != expected or not hasattr(content, attribute):
                raise ArtefactError(f"{path} holds a {type(content).__name__}; expected a fitted {expected}")
        if not hasattr(self.scaler, "feature_names_in_"):
            raise ArtefactError(
                f"{scaler} was fitted on an array, so it doesn't know the names of its {self.scaler.n_features_in_} "
                "features; fit it on a DataFrame whose columns are the features, as in scaler.fit(table[features])"
            )
        pairs = clashes(self.labels)
        if pairs:
            raise ArtefactError(f"{encoder} has labels that would share a column: {pairs[0][0]!r} and {pairs[0][1]!r}")
        for path, what, shape, names in (
            (scaler, "features", getattr(self.network, "input_shape", None), self.features),
            (encoder, "labels", getattr(self.network, "output_shape", None), self.labels),
        ):
            if not (isinstance(shape, tuple) and len(shape) == 2 and shape[1] == len(names)):
                raise ArtefactError(
                    f"{directory / files.network} has {what} of shape {shape}; expected (None, {len(names)}), "
                    f"because {path} has {len(names)}: {', '.join(names)}. "
                    "Take network, scaler and encoder from the same training"
                )


def library_versions() -> dict[str, str]:
    return versions_of(LIBRARIES)


def _unpickled(path: Path, expected: str) -> Any:
    import joblib

    content = read_trusted(path, expected)
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:  # whatever the pickle's code raises
        raise ArtefactError(
            f"{path} cannot be opened by joblib ({_first_line(error)}); expected a scikit-learn object saved with "
            "joblib.dump by a version near the installed one"
        ) from None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _frame(features: npt.NDArray[np.float64], names: tuple[str, ...]) -> Any:
    import pandas as pd

    return pd.DataFrame(features, columns=list(names))
