"""Bundles that differ from the shipped one in their versions, in what they say, in their labels, made without
TensorFlow: the compiled scorers are edited, the originals are marked so that nobody takes one for another."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from flywheel_assets.registry.bundle import ModelBundle, ModelInfo, write_manifest
from flywheel_assets.registry.files import digest, digests_of
from flywheel_assets.registry.scorer import scorer_metadata
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.registry.spec import ModelFiles, share_features
from flywheel_assets_tests.projects import MODELS


def write_variant(
    directory: Path,
    mark: str,
    *,
    session_scale: float = 1.0,
    user_scale: float = 1.0,
    session_labels: Mapping[str, str] | None = None,
) -> ModelBundle:
    """The shipped bundle with another version. A scale multiplies what the network sees of each feature: with 3, a
    session looks three times as busy. ``session_labels``: new names of some labels."""
    directory.mkdir(parents=True, exist_ok=True)
    shipped = ModelBundle.open(MODELS)
    for name in shipped.digests:
        (directory / name).write_bytes((MODELS / name).read_bytes() + mark.encode())
    (directory / "README.md").write_text(f"the card of {mark}")
    names = session_labels or {}
    session = _renamed(shipped["session"], directory, f"{mark} session", names)
    user = replace(
        _renamed(shipped["user"], directory, f"{mark} user", {}),
        features=share_features([names.get(label, label) for label in shipped["session"].order]),
    )
    infos = []
    for info, scale in ((session, session_scale), (user, user_scale)):
        content = _scaled(info.files, scale, json.dumps(scorer_metadata(info)))
        (directory / info.files.compiled).write_bytes(content)
        infos.append(replace(info, compiled=digest(content)))
    return write_manifest(directory, infos, libraries={})


def write_candidate(models_dir: Path, mark: str, **differences: float) -> ModelBundle:
    """A variant among the candidates of a models folder."""
    written = write_variant(models_dir / CANDIDATES / mark, mark, **differences)  # type: ignore[arg-type]
    return ModelBundle.open(Path(shutil.move(written.directory, written.directory.with_name(written.version))))


def write_holdout(
    directory: Path,
    sessions: Sequence[Mapping[str, object]] | pd.DataFrame,
    users: Sequence[Mapping[str, object]] | pd.DataFrame,
) -> None:
    """The two tables beside a candidate."""
    pd.DataFrame(sessions).to_parquet(directory / "holdout_sessions.parquet")
    pd.DataFrame(users).to_parquet(directory / "holdout_users.parquet")


def _renamed(info: ModelInfo, directory: Path, mark: str, names: Mapping[str, str]) -> ModelInfo:
    return replace(
        info,
        version=digest(mark.encode())[:12],
        labels=tuple(names.get(label, label) for label in info.labels),
        order=tuple(names.get(label, label) for label in info.order),
        digests=digests_of(directory, info.digests),
    )


@cache
def _scaled(files: ModelFiles, scale: float, metadata: str) -> bytes:
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string((MODELS / files.compiled).read_bytes())
    for constant in model.graph.initializer:
        if constant.name == "scale":
            values = numpy_helper.to_array(constant) * np.float64(scale)
            constant.CopyFrom(numpy_helper.from_array(values, "scale"))
    helper.set_model_props(model, json.loads(metadata))
    content: bytes = model.SerializeToString()
    return content
