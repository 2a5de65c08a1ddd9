"""Champion, candidates, archive: a bundle's role is given by where it lies in the models folder.

    models/                       the champion: artefacts, manifest, compiled scorers, card and pictures
    models/candidates/<version>/  what training wrote, with the holdout that it is judged on
    models/archive/<version>/     champions that were replaced
    models/promotions.json        when that was and why

Not here: how a bundle gets from one place to another (`promotion`)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import MODELS_COMMANDS, ModelBundle
from flywheel_assets.registry.files import HOLDOUT, MANIFEST, check_folder, has_artefacts
from flywheel_assets.registry.promotions_record import read_promotions, unfinished

CANDIDATES, ARCHIVE = "candidates", "archive"


def champion(models_dir: Path) -> ModelBundle | None:
    """The bundle in use; None in a folder without any file of a bundle. Raises ArtefactError for a broken one."""
    return ModelBundle.open(models_dir) if has_champion(models_dir) else None


def has_champion(models_dir: Path) -> bool:
    """Whether the folder holds a file of a bundle, even of a broken one."""
    return unfinished(read_promotions(models_dir)) is not None or has_artefacts(models_dir)


def versions_in(folder: Path) -> list[str]:
    """The versions in ``candidates`` or ``archive``, newest first, whole or not."""
    found = [path for path in folder.glob("*") if path.is_dir() and not path.name.startswith(".")]
    return [path.name for path in sorted(found, key=lambda path: (_written(path), path.name), reverse=True)]


def candidate(models_dir: Path, version: str = "", commands: str = MODELS_COMMANDS) -> ModelBundle:
    """The candidate of that version, by default the newest. ``commands``: what those of these models begin with. Raises
    ArtefactError when it is missing or incomplete."""
    folder = models_dir / CANDIDATES
    there = versions_in(folder)
    if not there:
        raise ArtefactError(f"there is no candidate in {folder}; to make one type: {commands} train")
    if version and version not in there:
        raise ArtefactError(f"there is no candidate {version} in {folder}; there are, newest first: {', '.join(there)}")
    return whole(folder / (version or there[0]))


def promotable(models_dir: Path, version: str, commands: str = MODELS_COMMANDS) -> ModelBundle:
    """As :func:`candidate`, else the archived bundle of that version. Raises ArtefactError when it is in neither place
    or incomplete."""
    archived = versions_in(models_dir / ARCHIVE)
    if version in archived and version not in versions_in(models_dir / CANDIDATES):
        return whole(models_dir / ARCHIVE / version)
    try:
        return candidate(models_dir, version, commands)
    except ArtefactError as error:
        if not archived or version in archived:
            raise
        raise ArtefactError(f"{error}; the archive has, newest first: {', '.join(archived)}") from None


def whole(directory: Path) -> ModelBundle:
    """The bundle of a version's folder. Raises ArtefactError when it is missing, incomplete, or of another version."""
    if not directory.is_dir():
        raise ArtefactError(f"{directory} does not exist, and nothing was changed; put that bundle back there")
    try:
        bundle = ModelBundle.open(directory)
    except ArtefactError as error:
        raise ArtefactError(f"{directory} is incomplete, and nothing was changed: {error}") from None
    if bundle.version != directory.name:
        raise ArtefactError(f"{directory} holds version {bundle.version}, and nothing was changed; rename the folder")
    return bundle


def read_holdout(bundle: ModelBundle) -> pa.Table:
    """The rows that judged a booster's or a classifier's bundle. Raises ArtefactError where they are missing, as in the
    archive, or damaged."""
    path = bundle.directory / HOLDOUT
    try:
        return pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException):
        archived = bundle.directory.parent.name == ARCHIVE and not path.exists()
        raise ArtefactError(
            f"{bundle.version} is in the archive, which keeps no test part, so it cannot be compared"
            if archived
            else f"{path} is missing or damaged, so {bundle.version} cannot be compared; train again: "
            f"{bundle.commands} train"
        ) from None


@dataclass(frozen=True)
class Known:
    """A bundle as `flywheel models list` has it: ``place`` is champion, candidate or archive; ``models`` the version of
    each of its models, ``accuracies`` theirs on the intervals that validated them; ``trained`` when that was, None
    where the manifest does not say, as of an adopted bundle. ``since`` is when it became the champion and ``why``: for
    the champion the reason of its last promotion or rollback, for others of their last promotion. An incomplete one
    has only a ``problem``."""

    version: str
    place: str
    models: Mapping[str, str] = field(default_factory=dict)
    accuracies: Mapping[str, float] = field(default_factory=dict)
    trained: str | None = None
    since: str | None = None
    why: str = ""
    problem: str = ""


def known_bundles(models_dir: Path) -> list[Known]:
    """Every bundle in a models folder: the champion, then candidates and archived ones, newest first. An incomplete one
    says why. Raises ArtefactError for a folder that is not there or a record that cannot be read."""
    check_folder(models_dir)
    changes = [change for change in read_promotions(models_dir) if change.complete]
    promotions = {change.version: change for change in changes if change.action == "promote"}
    last = {change.version: change for change in changes}

    def known(directory: Path, place: str) -> Known:
        try:
            bundle = ModelBundle.open(models_dir) if directory == models_dir else whole(directory)
        except ArtefactError as error:
            return Known("-" if directory == models_dir else directory.name, place, problem=str(error))
        change = (last if place == "champion" else promotions).get(bundle.version)
        figures, trained = bundle.training.get("figures") or {}, bundle.training.get("trained_at")
        return Known(
            bundle.version,
            place,
            bundle.versions,
            {name: float(values["accuracy"]) for name, values in figures.items() if "accuracy" in values},
            _minutes(trained) if trained else None,
            _minutes(change.at) if change else None,
            change.why if change else "",
        )

    now = [known(models_dir, "champion")] if has_champion(models_dir) else []
    others = [
        known(models_dir / folder / version, place)
        for folder, place in ((CANDIDATES, "candidate"), (ARCHIVE, "archive"))
        for version in versions_in(models_dir / folder)
        if (folder, version) not in {(ARCHIVE, one.version) for one in now}
    ]
    return [*now, *others]


def bundle_with(models_dir: Path, versions: Mapping[str, str]) -> ModelBundle:
    """The bundle that has these versions of models, by name: the champion or an archived one. Raises ArtefactError when
    neither has."""
    archive = models_dir / ARCHIVE
    for directory in (models_dir, *(archive / version for version in versions_in(archive))):
        with suppress(ArtefactError):
            if versions.items() <= ModelBundle.declared(directory).versions.items():
                return ModelBundle.open(directory)
    wanted = " and ".join(f"{name} model {version}" for name, version in versions.items())
    raise ArtefactError(f"no bundle in {models_dir} or {archive} has {wanted}")


def _minutes(at: str) -> str:
    """A time in ISO form to the minute: ``2024-03-20 00:00``."""
    return at[:16].replace("T", " ")


def _written(directory: Path) -> float:
    manifest = directory / MANIFEST
    return manifest.stat().st_mtime if manifest.is_file() else 0.0
