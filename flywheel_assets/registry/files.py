"""The files in a models folder: whether they are those that a manifest vouches for."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from flywheel_assets.errors import ArtefactError

MANIFEST, CARD = "manifest.json", "README.md"


def check_folder(directory: Path) -> None:
    """Raises ArtefactError when there is no such folder."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no folder {directory}; expected one with model artefacts: set FLYWHEEL_MODELS_DIR to it, or "
            f"make it: flywheel models train --sample --out {directory}"
        )


def has_artefacts(directory: Path) -> bool:
    """Whether a manifest or any network, scaler or encoder is there."""
    return any(path.name == MANIFEST or path.suffix in (".keras", ".pkl") for path in directory.glob("*"))


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
        raise ArtefactError(
            f"{path} ({len(content):,} bytes) has SHA-256 {actual[:12]}..., the manifest expects {expected[:12]}...: "
            f"it was truncated or replaced. Restore it (git checkout {path}), or, if that is intended and you trust "
            f"its source, delete {path.parent / MANIFEST} and type: flywheel models adopt {path.parent}"
        )
    return content
