"""Writing a candidate's folder: artefacts, manifest, compiled scorers, card, pictures and holdout, and shelving it.

Everything is written aside and the folder then renamed, so that a candidate is complete or absent."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flywheel_assets.errors import ArtefactError, TrainingError
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import CARD, MANIFEST, digests_of
from flywheel_assets.registry.originals import Originals, library_versions
from flywheel_assets.registry.shelves import read_holdout, whole
from flywheel_assets.registry.spec import ModelFiles
from flywheel_assets.training.candidate_models import TrainedModel
from flywheel_assets.training.card import candidate_card
from flywheel_assets.training.drift_baseline import drift_baseline
from flywheel_assets.training.pictures import confusion_picture, reliability_picture
from flywheel_assets.warehouse.files import write_whole

_STAGING = ".training-"
_ABANDONED_SECONDS = 3600
"""Writing a bundle takes seconds; what is older was left behind by a kill."""


def write_bundle(
    staging: Path, trained: Mapping[str, TrainedModel], training: Mapping[str, Any], sections: Sequence[str] = ()
) -> ModelBundle:
    """Everything but the holdout, into the folder ``staging``; ``sections`` are further ones of the card."""
    infos = []
    for one in trained.values():
        spec, order = one.task.spec, one.task.order
        save_model(staging, spec.files, one.model)
        digests = digests_of(staging, spec.files.originals)
        saved = Originals.open(staging, spec.files, digests)
        infos.append(saved.info(spec, order, digests, drift_baseline(one.model, one.validation, order)))
    bundle = compile_bundle(write_manifest(staging, infos, libraries=library_versions(), training=training))
    for name, one in trained.items():
        network, title = one.figures.network, f"{name} model"
        confusion = confusion_picture(f"{title}: confusion", network.evaluation)
        write_whole(staging / f"{name}_confusion.png", confusion)
        reliability = reliability_picture(
            f"{title}: reliability",
            network.evaluation.labels,
            one.figures.reliability,
            network.label_calibration_errors,
        )
        write_whole(staging / f"{name}_reliability.png", reliability)
    figures = {name: one.figures for name, one in trained.items()}
    write_whole(staging / CARD, candidate_card(bundle, figures, training, sections).encode())
    return bundle


def save_model(directory: Path, files: ModelFiles, model: Originals) -> None:
    """The model's three artefacts."""
    import joblib

    model.network.save(directory / files.network)
    joblib.dump(model.scaler, directory / files.scaler)
    joblib.dump(model.encoder, directory / files.encoder)


def write_holdout(staging: Path, trained: TrainedModel) -> None:
    """The validation rows, as :class:`flywheel_assets.registry.holdout.Holdout` takes them."""
    spec, rows = trained.task.spec, trained.validation
    features = trained.task.features
    if spec.shares_of is not None:
        rows, features = rows.dropna(subset=[spec.label]), ()
    ids = [name for name in ("session_id", "user_id", "interval_start") if name in rows]
    rows[[*ids, *features, spec.label]].to_parquet(staging / spec.holdout, index=False)


def writable(folder: Path) -> Path:
    """The folder, made if missing, and cleared of what killed trainings left in it."""
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
    """A folder that cannot be mistaken for a candidate; deleted at the end unless it was renamed."""
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
        bundle = whole(home)
        if bundle.boosters or bundle.classifiers:
            read_holdout(bundle)
    except ArtefactError:
        return False
    return all((home / info.spec.holdout).is_file() for info in bundle.models.values())
