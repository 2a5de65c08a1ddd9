"""Champion, candidates, archive: what a bundle is, is where it lies in the models folder.

    models/                       the champion: six files, manifest, compiled scorers, card and pictures
    models/candidates/<version>/  what training wrote, with the holdout that it is judged on
    models/archive/<version>/     champions that were replaced
    models/promotions.json        when that was and why

Not here: how a bundle gets from one place to another (`lifecycle`)."""

import json
from dataclasses import dataclass
from pathlib import Path

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import ALL_FILES, MANIFEST, check_folder, missing_files
from flywheel_assets.registry.promotions import read_promotions, unfinished

CANDIDATES, ARCHIVE = "candidates", "archive"


def champion(models_dir: Path) -> ModelBundle | None:
    """The bundle in use; None in a folder that has none of a bundle's files. Raises ArtefactError for a broken one."""
    begun = unfinished(read_promotions(models_dir))
    nothing = len(missing_files(models_dir)) == len(ALL_FILES) and not (models_dir / MANIFEST).exists()
    return None if nothing and not begun else ModelBundle.open(models_dir)


def versions_in(folder: Path) -> list[str]:
    """The versions in ``candidates`` or ``archive``, newest first, whole or not."""
    found = [path for path in folder.glob("*") if path.is_dir() and not path.name.startswith(".")]
    return [path.name for path in sorted(found, key=lambda path: (_written(path), path.name), reverse=True)]


def candidate(models_dir: Path, version: str = "") -> ModelBundle:
    """The candidate of that version, the newest without one. Raises ArtefactError when it is not there or not whole."""
    folder = models_dir / CANDIDATES
    there = versions_in(folder)
    if not there:
        raise ArtefactError(f"there is no candidate in {folder}; to make one type: flywheel models train")
    if version and version not in there:
        raise ArtefactError(f"there is no candidate {version} in {folder}; there are, newest first: {', '.join(there)}")
    return whole(folder / (version or there[0]))


def promotable(models_dir: Path, version: str) -> ModelBundle:
    """The candidate of that version, else the bundle that the archive has of it. Raises ArtefactError when it is in
    neither place or not whole."""
    archived = versions_in(models_dir / ARCHIVE)
    if version in archived and version not in versions_in(models_dir / CANDIDATES):
        return whole(models_dir / ARCHIVE / version)
    try:
        return candidate(models_dir, version)
    except ArtefactError as error:
        if not archived or version in archived:
            raise
        raise ArtefactError(f"{error}; the archive has, newest first: {', '.join(archived)}") from None


def whole(directory: Path) -> ModelBundle:
    """The bundle of a version's folder. Raises ArtefactError when that is missing, not whole, or of another version."""
    if not directory.is_dir():
        raise ArtefactError(f"{directory} is not there, and nothing was changed; put that bundle back there")
    try:
        bundle = ModelBundle.open(directory)
    except ArtefactError as error:
        raise ArtefactError(f"{directory} is not whole, and nothing was changed: {error}") from None
    if bundle.version != directory.name:
        raise ArtefactError(f"{directory} holds version {bundle.version}, and nothing was changed; rename the folder")
    return bundle


@dataclass(frozen=True)
class Known:
    """A bundle as `flywheel models list` has it: ``place`` is champion, candidate or archive, ``session`` and ``user``
    the versions of its models, ``since`` when it became the champion and ``why``: of the champion its last promotion or
    rollback, of the others their last promotion. One that is not whole has a ``problem`` and nothing of these."""

    version: str
    place: str
    session: str | None = None
    user: str | None = None
    since: str | None = None
    why: str = ""
    problem: str = ""


def known_bundles(models_dir: Path) -> list[Known]:
    """Every bundle in a models folder: the champion, then candidates and archived ones, newest first. Whatever is wrong
    with one is said of it. Raises ArtefactError for a folder that is not there or a record that cannot be read."""
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
        since, why = (change.at[:16].replace("T", " "), change.why) if change else (None, "")
        return Known(bundle.version, place, bundle["session"].version, bundle["user"].version, since, why)

    now = known(models_dir, "champion")
    others = [
        known(models_dir / folder / version, place)
        for folder, place in ((CANDIDATES, "candidate"), (ARCHIVE, "archive"))
        for version in versions_in(models_dir / folder)
        if (folder, version) != (ARCHIVE, now.version)
    ]
    return [now, *others]


def labelled_by(models_dir: Path, session_version: str, user_version: str) -> ModelBundle:
    """The bundle of these two models: the champion or an archived one. Raises ArtefactError when neither is."""
    archive = models_dir / ARCHIVE
    for directory in (models_dir, *(archive / version for version in versions_in(archive))):
        if _model_versions(directory / MANIFEST) == (session_version, user_version):
            return ModelBundle.open(directory)
    raise ArtefactError(
        f"no bundle in {models_dir} or {archive} has session model {session_version} and user model {user_version}"
    )


def _model_versions(manifest: Path) -> tuple[str, str] | None:
    try:
        value = json.loads(manifest.read_text())
        return str(value["session"]["version"]), str(value["user"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _written(directory: Path) -> float:
    manifest = directory / MANIFEST
    return manifest.stat().st_mtime if manifest.is_file() else 0.0
