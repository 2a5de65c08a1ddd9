"""Writing a candidate's folder: artefacts, manifest, compiled scorers, card, pictures and holdout, and shelving it.

Everything is written aside and the folder renamed, so that a candidate is there whole or not at all."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_assets.errors import ArtefactError, TrainingError
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import (
    HOLDOUT_SESSIONS,
    HOLDOUT_USERS,
    MANIFEST,
    SESSION_FILES,
    USER_FILES,
    digests_of,
)
from flywheel_assets.registry.originals import Originals, library_versions, opened
from flywheel_assets.registry.shelves import whole
from flywheel_assets.simulation.shipped_models import CARD
from flywheel_assets.tables.drift import Baseline
from flywheel_assets.training.candidate_models import ModelFigures
from flywheel_assets.training.card import candidate_card
from flywheel_assets.training.labelled import LabelledData
from flywheel_assets.training.pictures import confusion_picture, reliability_picture
from flywheel_assets.training.training import save_model
from flywheel_assets.warehouse.files import write_whole

_STAGING = ".training-"
_ABANDONED_SECONDS = 3600
"""Writing a bundle takes seconds; what is older was left behind by a kill."""


def write_bundle(
    staging: Path,
    models: tuple[Originals, Originals],
    figures: tuple[ModelFigures, ModelFigures],
    data: LabelledData,
    baseline: Baseline,
    training: dict[str, Any],
) -> ModelBundle:
    """Everything but the holdout, into the folder ``staging``: session and user model, the figures of each."""
    for files, model in zip((SESSION_FILES, USER_FILES), models, strict=True):
        save_model(staging, files, model)
    digests = digests_of(staging)
    session, user = opened(staging, digests)
    bundle = write_manifest(
        staging,
        session.info(data.session_order),
        user.info(data.user_order),
        digests=digests,
        libraries=library_versions(),
        baseline=baseline,
        training=training,
    )
    compile_bundle(bundle)
    for name, of in zip(("session", "user"), figures, strict=True):
        network = of.network
        write_whole(
            staging / f"{name}_confusion.png", confusion_picture(f"{name} model: confusion", network.evaluation)
        )
        reliability = reliability_picture(
            f"{name} model: reliability",
            network.evaluation.labels,
            of.reliability,
            network.label_calibration_errors,
        )
        write_whole(staging / f"{name}_reliability.png", reliability)
    write_whole(staging / CARD, candidate_card(bundle, *figures, training).encode())
    return bundle


def write_holdout(staging: Path, sessions: pd.DataFrame, users: pd.DataFrame, features: tuple[str, ...]) -> None:
    """Of the validation rows of both; sessions also without a label, of which the shares of users are made too."""
    columns = ["session_id", "user_id", "interval_start", *features, "session_quality_label"]
    sessions[columns].to_parquet(staging / HOLDOUT_SESSIONS, index=False)
    columns = ["user_id", "interval_start", "user_flywheel_label"]
    users[columns].to_parquet(staging / HOLDOUT_USERS, index=False)


def writable(folder: Path) -> Path:
    """The folder, made where it is missing, and without what killed trainings left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{_STAGING}*"):
            if time.time() - leftover.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)
        with staged(folder):
            return folder
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written to ({error.strerror}), so a candidate could not be kept; set "
            "FLYWHEEL_MODELS_DIR to a folder that can"
        ) from None


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder that nobody takes for a candidate; gone at the end unless it was renamed."""
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=_STAGING))
    try:
        staging.chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def shelved(staging: Path, home: Path) -> Path:
    """``staging`` as ``home``, in place of what is broken there; where the same version is there whole, that one stays
    and becomes the newest."""
    while True:
        try:
            return staging.rename(home)
        except OSError:
            if not home.exists():
                raise
        if _is_whole(home):
            (home / MANIFEST).touch()
            return home
        with staged(home.parent) as broken, suppress(FileNotFoundError):  # another training took it away
            home.rename(broken / home.name)


def _is_whole(home: Path) -> bool:
    try:
        whole(home)
    except ArtefactError:
        return False
    return (home / HOLDOUT_SESSIONS).is_file() and (home / HOLDOUT_USERS).is_file()
