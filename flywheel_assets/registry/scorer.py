"""Scoring: raw features in, labels and probabilities out, by a compiled scorer and ONNX Runtime alone."""

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.compilation import compile_model, scorer_metadata
from flywheel_assets.registry.files import digest
from flywheel_assets.tables.labels import probability_column
from flywheel_assets.warehouse.files import write_all, write_whole


class Scorer:
    """One model, ready to score. ``features`` are the columns it reads, ``labels`` the order of its probabilities.

    Can be pickled: it then carries the compiled model, and opens it again where it arrives."""

    def __init__(self, info: ModelInfo, content: bytes) -> None:
        self.features = info.features
        self.labels = info.labels
        self.version = info.version
        self._content = content

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "session"}

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """The compiled model, opened. Raises an exception of ONNX Runtime's for a broken one."""
        return _session(self._content)

    def score(self, features: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """For raw features [n, F] the index of each row's label in ``labels``, and the probabilities [n, C].

        Raises ValueError for a feature that is NaN or infinite: its label would be the first one, whatever it means.
        """
        if not np.isfinite(features).all():
            raise ValueError(f"NaN or infinite values among {', '.join(self.features)}; a model cannot score them")
        label, probabilities = self.session.run(["label", "probabilities"], {"features": features})
        return label, probabilities

    def labelled(self, batch: pa.RecordBatch, label_column: str, version_column: str) -> pa.RecordBatch:
        """``batch`` and, at its end, the columns of :meth:`schema`; an empty batch gives an empty one.

        Raises ArtefactError when a feature has no column, ValueError when one holds null, NaN or infinite values.
        """
        schema = self.schema(batch.schema, label_column, version_column)
        columns = [batch.column(name).cast(pa.float64(), safe=False) for name in self.features]
        features = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        label, probabilities = self.score(features)
        arrays = [
            *batch.columns,
            self._label_names.take(pa.array(label)),
            *(pa.array(np.ascontiguousarray(column)) for column in probabilities.T),
            pa.repeat(self.version, batch.num_rows),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def schema(self, schema: pa.Schema, label_column: str, version_column: str) -> pa.Schema:
        """``schema``, ``label_column`` string, ``probability_<label>`` float32 per label, ``version_column`` string.

        Raises ArtefactError when a feature has no column, or a column of these names is there already.
        """
        missing = [name for name in self.features if name not in schema.names]
        if missing:
            raise ArtefactError(
                f"no column {', '.join(map(repr, missing))}, which the model of version {self.version} needs; "
                f"found: {', '.join(schema.names)}"
            )
        added = [
            pa.field(label_column, pa.string()),
            *(pa.field(probability_column(label), pa.float32()) for label in self.labels),
            pa.field(version_column, pa.string()),
        ]
        present = {name.lower(): name for name in schema.names}
        for field in added:
            if field.name.lower() in present:
                raise ArtefactError(
                    f"the column {present[field.name.lower()]!r} has the name of one that the model adds, "
                    f"{field.name!r}; rename it in the landed files"
                )
        return pa.schema([*schema, *added])

    @cached_property
    def _label_names(self) -> pa.Array:
        return pa.array(self.labels, pa.string())


class Scorers:
    """A bundle's models, ready to score. ``compiled_dir``: where compiled scorers go if its folder is read-only."""

    def __init__(self, bundle: ModelBundle, compiled_dir: Path) -> None:
        self.bundle = bundle
        self._scorers = {name: open_scorer(bundle, name, compiled_dir) for name in bundle.models}

    def __getitem__(self, model: str) -> Scorer:
        """The scorer of the model of that name. Raises KeyError."""
        return self._scorers[model]


def open_scorer(bundle: ModelBundle, model: str, fallback_dir: Path) -> Scorer:
    """Opens the compiled file beside the artefacts if the manifest vouches for it, else the one that was compiled again
    in ``fallback_dir``. When both are missing, stale, broken or altered, compiles again and keeps the file: beside the
    artefacts where it is the manifest's, else, or where that is read-only, in ``fallback_dir`` with its digest.

    Where the manifest has no digest, as those of earlier versions, and the model cannot be compiled, because that needs
    TensorFlow, the file beside the artefacts is used as it is."""
    info = bundle[model]
    present = compiled_scorer(bundle.directory, info)
    if present and info.compiled:
        return present
    kept, kept_digest = fallback_dir / info.files.compiled, fallback_dir / f"{info.files.compiled}.sha256"
    if kept_digest.is_file():
        again = compiled_scorer(fallback_dir, replace(info, compiled=kept_digest.read_text().strip()))
        if again:
            return again
    try:
        content = compile_model(bundle.directory, info)
    except ArtefactError:
        if present:
            return present
        raise
    if digest(content) == info.compiled:
        with suppress(OSError):
            write_whole(bundle.directory / info.files.compiled, content)
            return Scorer(info, content)
    write_all({kept: content, kept_digest: digest(content).encode()})
    return Scorer(info, content)


def compiled_scorer(directory: Path, info: ModelInfo) -> Scorer | None:
    """The scorer compiled in ``directory``; None when it is missing, broken, not the one whose digest ``info`` has, or
    stale: made of other artefacts."""
    path = directory / info.files.compiled
    content = path.read_bytes() if path.is_file() else b""
    if not content or info.compiled not in (None, digest(content)):
        return None
    scorer = Scorer(info, content)
    try:
        metadata = scorer.session.get_modelmeta().custom_metadata_map
    except Exception:  # ONNX Runtime has an exception class of its own for each kind of broken file
        return None
    return scorer if metadata == scorer_metadata(info) else None


def _session(content: bytes) -> onnxruntime.InferenceSession:
    """One thread: batches come one after another, and the reader ahead of them needs the other cores (measured: 10 M
    rows in 2.3 s against 5.6 s with ONNX Runtime's own threads)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
