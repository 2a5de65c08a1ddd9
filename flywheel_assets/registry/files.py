"""The files in a models folder: whether they are those that a manifest vouches for."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from flywheel_assets.errors import ArtefactError

MANIFEST, CARD = "manifest.json", "README.md"
HOLDOUT = "holdout.parquet"
"""The rows that judged a booster or a classifier, beside it among the candidates; the archive keeps none."""
BOOSTER_SUFFIX, CLASSIFIER_SUFFIX = ".ubj", "_classifier.onnx"


def check_folder(directory: Path) -> None:
    """Raises ArtefactError when there is no such folder."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no folder {directory}; expected one with model artefacts: set FLYWHEEL_MODELS_DIR to it, or "
            f"make it: flywheel models train --sample --out {directory}"
        )


def has_artefacts(directory: Path) -> bool:
    """Whether a manifest or any network, scaler, encoder, booster or classifier is there."""
    endings = (MANIFEST, ".keras", ".pkl", BOOSTER_SUFFIX, CLASSIFIER_SUFFIX)
    return any(path.name.endswith(endings) for path in directory.glob("*"))


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """The installed version of each library that is there."""
    found: dict[str, str] = {}
    for name in libraries:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def missing_files(directory: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if not (directory / name).is_file()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digests_of(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each file, as it is now."""
    return {name: digest((directory / name).read_bytes()) for name in names}


def read_trusted(path: Path, expected: str) -> bytes:
    """The file's bytes. Raises ArtefactError when they are not those of the manifest."""
    content = path.read_bytes()
    actual = digest(content)
    if actual != expected:
        adopt = (
            "train again"
            if path.name.endswith((BOOSTER_SUFFIX, CLASSIFIER_SUFFIX))
            else f"if that is intended and you trust its source, delete {path.parent / MANIFEST} and type: flywheel "
            f"models adopt {path.parent}"
        )
        raise ArtefactError(
            f"{path} ({len(content):,} bytes) has SHA-256 {actual[:12]}..., the manifest expects {expected[:12]}...: "
            f"it was truncated or replaced. Restore it (git checkout {path}), or, {adopt}"
        )
    return content
