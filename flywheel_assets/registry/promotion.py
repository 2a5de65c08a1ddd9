"""Promotion and rollback: what speaks against a promotion, and how a bundle becomes the champion of a models folder.
Not here: where bundles lie (`shelves`).

The champion is changed in atomic steps: it is archived, the change is written down as begun, files are replaced one by
one with the manifest last, the change is written down as complete. After a kill in between the digests do not fit the
manifest, :meth:`ModelBundle.open` names the command to type again, which completes the change.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flywheel_assets.errors import ArtefactError, PromotionError
from flywheel_assets.registry.bundle import MODELS_COMMANDS, ModelBundle
from flywheel_assets.registry.comparison import ModelComparison
from flywheel_assets.registry.files import BOOSTER_SUFFIX, CARD, CLASSIFIER_SUFFIX, MANIFEST
from flywheel_assets.registry.promotions_record import (
    NO_CHAMPION,
    Promotion,
    earlier_champion,
    read_promotions,
    unfinished,
    write_promotions,
)
from flywheel_assets.registry.shelves import ARCHIVE, CANDIDATES, champion, promotable, whole
from flywheel_assets.warehouse.files import locked, write_whole

_HIDDEN = ".promotion-"
"""What a temporary folder in the archive begins with: file managers have hidden files there, too."""


def objections(comparison: ModelComparison, most_flips: float) -> list[str]:
    """What speaks against a promotion, in words: what could not be compared, a metric that is worse beyond noise, and a
    model that would relabel a share of more than ``most_flips`` of the latest interval's rows."""
    against = list(comparison.problems)
    for one in comparison.holdout:
        if one.not_comparable:
            against.append(f"{one.level} cannot be compared with the truth: {one.not_comparable}")
        for metric in one.metrics:
            difference = metric.difference
            if difference and metric.worse:
                against.append(
                    f"{metric.name} of {one.level} is worse beyond noise: {difference.value:+.4f} "
                    f"({difference.low:+.4f} to {difference.high:+.4f})"
                )
    for flip in comparison.flips:
        if flip.latest and flip.share > most_flips:
            against.append(
                f"{flip.share:.1%} of the {flip.level} of {flip.interval} would get another label, "
                f"more than FLYWHEEL_MAX_FLIPS ({most_flips:.1%})"
            )
    return against


def promote(
    models_dir: Path,
    version: str,
    now: datetime,
    instead_of: str | None,
    why: str = "",
    objections: Sequence[str] = (),
    figures: Mapping[str, Any] | None = None,
) -> Promotion:
    """Makes a candidate, or a bundle of the archive, the champion, and archives the one before. Whether it should be is
    the caller's question: ``instead_of`` is the champion that it was compared with (None: the folder had none),
    ``objections`` what the caller overrules, ``why`` and ``figures`` go into the record. A promotion of the version
    that was begun is completed. A candidate is gone afterwards, the archive keeps what it has.

    Raises ArtefactError, and leaves the champion as it is, when the bundle is missing or incomplete, when the champion
    has changed meanwhile, and while another change is unfinished."""
    with champion_locked(models_dir):
        promotions = read_promotions(models_dir)
        begun = unfinished(promotions)
        if begun and (begun.action, begun.version) != ("promote", version):
            raise ArtefactError(f"{begun.interruption}; or undo it: {begun.commands} rollback")
        source = promotable(models_dir, version)
        if begun:
            return _completed(models_dir, promotions, source)
        present = champion(models_dir)
        if (present.version if present else None) != instead_of:
            raise ArtefactError(
                f"the champion in {models_dir} is {present.version if present else 'gone'}, {version} was compared "
                f"with {instead_of or 'none'}: somebody changed it meanwhile; type the command again"
            )
        at = now.isoformat(timespec="seconds")
        entry = Promotion(
            "promote",
            version,
            instead_of,
            at,
            why,
            bool(objections),
            tuple(objections),
            figures or {},
            commands=source.commands,
        )
        if present and present.version == version:  # killed before the candidate was cleared away
            _discard_candidate(models_dir, source)
            return replace(entry, complete=True)
        _archive(present)
        return _completed(models_dir, [*promotions, entry], source)


Judge = Callable[[ModelBundle, ModelBundle | None], tuple[Sequence[str], Mapping[str, Any]]]


def promote_judged(
    models_dir: Path,
    version: str,
    now: datetime,
    why: str,
    forced: bool,
    commands: str,
    judge: Judge,
    stays: Callable[[str | None], str],
) -> Promotion:
    """:func:`promote`, where nothing speaks against it, or it is ``forced``. ``judge`` is given the bundle and the
    champion, if there is one, and gives objections and figures; its ArtefactError is an objection too. ``stays`` says
    what a refusal leaves as it is, from the champion's version.

    Raises PromotionError for objections, ArtefactError as :func:`promote`."""
    begun = unfinished(read_promotions(models_dir))
    if begun:
        return promote(models_dir, version, now, begun.before)
    bundle, present = promotable(models_dir, version, commands), champion(models_dir)
    instead_of = present.version if present else None
    if instead_of == bundle.version:
        return promote(models_dir, version, now, instead_of, why)
    against: Sequence[str] = ()
    figures: Mapping[str, Any] = {}
    try:
        against, figures = judge(bundle, present)
    except ArtefactError as error:
        against = [str(error)]
    if against and not forced:
        place = "in the archive" if bundle.directory.parent.name == ARCHIVE else "a candidate"
        raise PromotionError(
            f"{version} stays {place}, {stays(instead_of)}:\n"
            + "".join(f"  - {one}\n" for one in against)
            + f'promote it anyway: {commands} promote {version} --force --why "..."'
        )
    return promote(models_dir, version, now, instead_of, why, against, figures)


def rollback(models_dir: Path, now: datetime, why: str = "", or_none: bool = False) -> Promotion:
    """Restores the previous champion, and archives the present one. A rollback that was begun is completed, a promotion
    that was begun is undone. ``or_none``: the first champion has none before it, and is only archived: models that
    something else does without.

    Raises ArtefactError, and leaves the champion as it is, when the earlier one is missing or incomplete."""
    with champion_locked(models_dir):
        promotions = read_promotions(models_dir)
        begun = unfinished(promotions)
        if begun and begun.action == "rollback":
            source = whole(models_dir / ARCHIVE / begun.version) if begun.version else None
            return _completed(models_dir, promotions, source)
        bundle = None if begun else champion(models_dir)
        present = begun.version if begun else bundle.version if bundle else None
        earlier = begun.before if begun else earlier_champion(promotions, present or "")
        if earlier is None and not (or_none and present):
            raise ArtefactError(f"{models_dir} has had no champion before {present or 'any'} to go back to")
        source = whole(models_dir / ARCHIVE / earlier) if earlier else None
        _archive(bundle)
        commands = begun.commands if begun else bundle.commands if bundle else MODELS_COMMANDS
        at = now.isoformat(timespec="seconds")
        entry = Promotion("rollback", earlier or NO_CHAMPION, present, at, why, commands=commands)
        return _completed(models_dir, [*(promotions[:-1] if begun else promotions), entry], source)


def _completed(models_dir: Path, promotions: list[Promotion], source: ModelBundle | None) -> Promotion:
    """Replaces the champion's files by those of ``source``, as the last of ``promotions`` says, and completes it. None
    deletes them, the manifest last."""
    write_promotions(models_dir, promotions)
    if source:
        install(source, models_dir)
    else:
        with suppress(ArtefactError):  # the first promotion was killed before there was a manifest
            for name in _carried(ModelBundle.declared(models_dir)):
                (models_dir / name).unlink()
        for suffix in (BOOSTER_SUFFIX, CLASSIFIER_SUFFIX):
            for path in models_dir.glob(f"*{suffix}"):
                path.unlink()
    done = replace(promotions[-1], complete=True)
    write_promotions(models_dir, [*promotions[:-1], done])
    if source:
        _discard_candidate(models_dir, source)
    return done


def install(source: ModelBundle, directory: Path) -> ModelBundle:
    """Replaces the bundle in ``directory`` file by file, the manifest last, and opens it."""
    names = _carried(source)
    for name in names[:-1]:
        write_whole(directory / name, (source.directory / name).read_bytes())
    with suppress(ArtefactError):  # nothing was there, or nothing that can be read
        for name in set(_carried(ModelBundle.declared(directory))) - set(names):
            (directory / name).unlink()
    write_whole(directory / MANIFEST, (source.directory / MANIFEST).read_bytes())
    return ModelBundle.open(directory)


def _archive(bundle: ModelBundle | None) -> None:
    """Archives the champion, if there is one; a complete copy in the archive stays."""
    if bundle is None:
        return
    home = bundle.directory / ARCHIVE / bundle.version
    staged = _hidden(bundle.directory)
    try:
        whole(home)
    except ArtefactError:
        staged.mkdir()
        for name in _carried(bundle):
            shutil.copy2(bundle.directory / name, staged / name)
        ModelBundle.open(staged)
        if home.exists():
            shutil.rmtree(home)
        staged.rename(home)


def _discard_candidate(models_dir: Path, bundle: ModelBundle) -> None:
    """Deletes a candidate's folder so that nobody sees a part of it; a bundle of the archive stays."""
    if bundle.directory.parent == models_dir / CANDIDATES:
        gone = _hidden(models_dir)
        bundle.directory.rename(gone)
        shutil.rmtree(gone)


def _hidden(models_dir: Path) -> Path:
    """The name of a temporary folder, after deleting those that a kill left behind."""
    archive = models_dir / ARCHIVE
    archive.mkdir(exist_ok=True)
    for leftover in archive.glob(f"{_HIDDEN}*"):
        shutil.rmtree(leftover)
    return archive / f"{_HIDDEN}{uuid.uuid4().hex}"


def _carried(bundle: ModelBundle) -> list[str]:
    """The files that move with a bundle, the manifest last. Holdouts stay behind: they are data."""
    compiled = [info.files.compiled for info in bundle.models.values()]
    present = [name for name in (*bundle.digests, *compiled, CARD) if (bundle.directory / name).is_file()]
    return [*present, *sorted(path.name for path in bundle.directory.glob("*.png")), MANIFEST]


@contextmanager
def champion_locked(models_dir: Path) -> Iterator[None]:
    """Lets one process at a time change the champion; others wait."""
    if not models_dir.is_dir():
        raise ArtefactError(f"{models_dir} is not there; set FLYWHEEL_MODELS_DIR to the folder with the models")
    try:
        with locked(models_dir / ".lock"):
            yield
    except OSError as error:
        raise ArtefactError(
            f"the champion in {models_dir} cannot be changed: {error}; fix that, then type the command again"
        ) from None
