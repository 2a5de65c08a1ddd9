"""The files in a folder of model artefacts: their names, reading what a manifest vouches for.

What they contain is `artefacts` (the manifest) and `originals` (the pickles and the networks).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flywheel_assets.errors import ArtefactError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ModelFiles:
    """The names of one model's three artefacts, and of the scorer compiled from them."""

    network: str
    scaler: str
    encoder: str
    compiled: str

    @property
    def originals(self) -> tuple[str, str, str]:
        return self.network, self.scaler, self.encoder


SESSION_FILES = ModelFiles(
    "session_quality_model.keras",
    "minmax_scaler_sessions.pkl",
    "label_encoder_sessions.pkl",
    "session_quality_model.onnx",
)
USER_FILES = ModelFiles(
    "user_flywheel_model.keras", "minmax_scaler_users.pkl", "label_encoder_users.pkl", "user_flywheel_model.onnx"
)
ALL_FILES = SESSION_FILES.originals + USER_FILES.originals


HOLDOUT_SESSIONS, HOLDOUT_USERS = "holdout_sessions.parquet", "holdout_users.parquet"
"""The validation rows, in a candidate's folder: ``session_id``, ``user_id``, ``interval_start``, the features float64
and ``session_quality_label``, null where nobody labelled; ``user_id``, ``interval_start`` and
``user_flywheel_label``."""


def check_folder(directory: Path) -> None:
    """Raises ArtefactError when there is no such folder."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no folder {directory}; expected one with six model artefacts: set FLYWHEEL_MODELS_DIR to it, or "
            f"make it: flywheel models train --out {directory}"
        )


def missing_files(directory: Path) -> list[str]:
    """Which of the six artefacts ``directory`` lacks."""
    return [name for name in ALL_FILES if not (directory / name).is_file()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digests_of(directory: Path) -> dict[str, str]:
    """The SHA-256 of each of the six artefacts, as they are now."""
    return {name: digest((directory / name).read_bytes()) for name in ALL_FILES}


def read_trusted(path: Path, expected: str) -> bytes:
    """The file's bytes, given that they are those of the manifest. Raises ArtefactError when they are not."""
    content = path.read_bytes()
    found = digest(content)
    if found != expected:
        raise ArtefactError(
            f"{path} ({len(content):,} bytes) has SHA-256 {found[:12]}..., the manifest expects {expected[:12]}...: "
            f"it was truncated or replaced. Restore it (git checkout {path}), or, if it is meant and you trust its "
            f"source, delete {path.parent / MANIFEST} and type: flywheel models adopt {path.parent}"
        )
    return content
