"""Adopting artefacts that came without a manifest: which they are, the order of their labels, and the manifest.

Whether they are trusted is the caller's question, asked between :func:`inventory`, which opens nothing, and
:meth:`flywheel_assets.registry.originals.Originals.open`, which runs whatever code the files hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import MANIFEST, check_folder, digests_of, missing_files
from flywheel_assets.registry.originals import Originals, library_versions
from flywheel_assets.registry.spec import ModelSpec

SUM_TOLERANCE = 1e-3
PROBED_ROWS = 256


@dataclass(frozen=True)
class Artefact:
    """A file as it lies there, unopened; ``digest`` is its SHA-256."""

    name: str
    size_bytes: int
    digest: str


def inventory(directory: Path, specs: Sequence[ModelSpec]) -> list[Artefact]:
    """The three files of each model. Raises ArtefactError when the folder or one of them is missing, and when a
    manifest vouches for them already."""
    check_folder(directory)
    names = [name for spec in specs for name in spec.files.originals]
    missing = missing_files(directory, names)
    if missing:
        raise ArtefactError(f"{directory} lacks {', '.join(missing)}; expected {len(names)}: {', '.join(names)}")
    if (directory / MANIFEST).exists():
        raise ArtefactError(
            f"{directory / MANIFEST} already exists; to check these artefacts type: "
            f"flywheel models verify {directory}; to adopt others in their place, delete the manifest first"
        )
    digests = digests_of(directory, names)
    return [Artefact(name, (directory / name).stat().st_size, digests[name]) for name in names]


def matching_order(labels: Sequence[str], orders: Sequence[str]) -> tuple[str, ...] | None:
    """The order, as in `Low, Medium, High`, that has exactly these labels; None when none does."""
    split = (tuple(label.strip() for label in order.split(",")) for order in orders)
    return next((order for order in split if sorted(order) == sorted(labels)), None)


def adopt(
    directory: Path,
    artefacts: Sequence[Artefact],
    models: Mapping[ModelSpec, tuple[Originals, tuple[str, ...]]],
) -> ModelBundle:
    """Writes the manifest, without a drift baseline, and the compiled scorers. ``models``: each with its labels from
    the worst to the best.

    Raises ArtefactError when the models do not fit each other, or when one does not give probabilities.
    """
    digests = {artefact.name: artefact.digest for artefact in artefacts}
    for spec, (originals, _) in models.items():
        check_probabilities(directory / spec.files.network, originals)
    infos = [originals.info(spec, order, digests) for spec, (originals, order) in models.items()]
    bundle = write_manifest(directory, infos, libraries=library_versions())
    try:
        return compile_bundle(bundle)
    except Exception:
        (directory / MANIFEST).unlink()  # or the next try would find the folder adopted
        raise


def check_probabilities(path: Path, model: Originals) -> None:
    """Raises ArtefactError unless the outputs of the network in ``path`` are from 0 to 1 and sum to 1."""
    low, high = model.scaler.data_min_, model.scaler.data_max_
    features = np.random.default_rng(0).uniform(low, high, (PROBED_ROWS, len(model.features)))
    outputs = model.probabilities(features)
    sums = outputs.sum(axis=1)
    if not (np.isfinite(outputs).all() and outputs.min() >= 0 and np.abs(sums - 1).max() <= SUM_TOLERANCE):
        raise ArtefactError(
            f"the outputs of {path} are not probabilities: they lie between {outputs.min():.3g} and {outputs.max():.3g}"
            f" and sum to between {sums.min():.3g} and {sums.max():.3g}; expected a softmax layer at the end"
        )
