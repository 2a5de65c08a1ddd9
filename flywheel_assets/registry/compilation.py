"""One ONNX file of a model's scaler, network and labels, which ONNX Runtime scores without TensorFlow or scikit-learn.

Input ``features`` float64 [n, F], raw; outputs ``label`` int64 [n] and ``probabilities`` float32 [n, C]. The scaler
runs in double precision, as scikit-learn's does, because float32 cannot hold large counts exactly.
"""

import json
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo, write_manifest
from flywheel_assets.registry.files import MANIFEST, digest
from flywheel_assets.registry.originals import Originals
from flywheel_assets.warehouse.files import write_all


def compile_bundle(bundle: ModelBundle) -> ModelBundle:
    """Compiles each model beside its artefacts and writes the digests into the manifest; the bundle with them."""
    contents = {name: compile_model(bundle.directory, info) for name, info in bundle.models.items()}
    write_all({bundle.directory / bundle[name].files.compiled: content for name, content in contents.items()})
    models = [replace(info, compiled=digest(contents[name])) for name, info in bundle.models.items()]
    return write_manifest(bundle.directory, models, libraries=bundle.libraries, training=bundle.training or None)


def compile_model(directory: Path, info: ModelInfo) -> bytes:
    """One compiled scorer. Raises ArtefactError when the artefacts are not the manifest's or cannot be compiled."""
    originals = Originals.open(directory, info.files, info.digests)
    for what, actual, expected in (
        ("features", originals.features, info.features),
        ("labels", originals.labels, info.labels),
    ):
        if actual != expected:
            raise ArtefactError(
                f"{directory / MANIFEST} names other {what} ({', '.join(expected)}) than the artefacts "
                f"({', '.join(actual)}); delete it and type: flywheel models adopt {directory}"
            )
    return compiled(originals, scorer_metadata(info))


def scorer_metadata(info: ModelInfo) -> dict[str, str]:
    """The metadata of a compiled scorer; one with other metadata is stale."""
    return {
        "version": info.version,
        "features": json.dumps(info.features),
        "labels": json.dumps(info.labels),
        "sources": json.dumps({name: info.digests[name] for name in info.files.originals}),
    }


def compiled(originals: Originals, metadata: Mapping[str, str]) -> bytes:
    """The ONNX file. Raises ArtefactError when the network uses what ONNX Runtime does not run."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    network = onnx.compose.add_prefix(_exported(originals.network, len(originals.features)), "network/")
    scaler = originals.scaler
    constants = {"scale": scaler.scale_, "offset": scaler.min_}
    nodes = [
        helper.make_node("Mul", ["features", "scale"], ["multiplied"]),
        helper.make_node("Add", ["multiplied", "offset"], ["shifted"]),
        helper.make_node("Cast", ["clipped" if scaler.clip else "shifted"], ["scaled"], to=TensorProto.FLOAT),
    ]
    if scaler.clip:
        constants |= dict(zip(("lowest", "highest"), scaler.feature_range, strict=True))
        nodes.insert(2, helper.make_node("Clip", ["shifted", "lowest", "highest"], ["clipped"]))
    nodes += [
        helper.make_node("Identity", ["scaled"], [network.graph.input[0].name]),
        *network.graph.node,
        helper.make_node("Identity", [network.graph.output[0].name], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "scorer",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["n", len(originals.features)])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(originals.labels)]),
        ],
        [numpy_helper.from_array(np.asarray(v, np.float64), name) for name, v in constants.items()]
        + list(network.graph.initializer),
    )
    model = helper.make_model(graph, opset_imports=network.opset_import, ir_version=network.ir_version)
    helper.set_model_props(model, dict(metadata))
    content: bytes = model.SerializeToString()
    try:
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an exception class of its own for each kind
        raise ArtefactError(
            f"the network cannot be compiled for ONNX Runtime: {error}; "
            "expected layers that Keras exports to ONNX, such as Dense, BatchNormalization or Rescaling"
        ) from None
    return content


def _exported(network: Any, features: int) -> Any:
    """The network alone as an ONNX model; Keras exports it through a file, once it was compiled and called."""
    import onnx

    network.compile()
    network(np.zeros((1, features), np.float32))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx asks NumPy for names that it no longer has
        path = Path(folder) / "network.onnx"
        network.export(path, format="onnx", verbose=False)
        return onnx.load(path)
