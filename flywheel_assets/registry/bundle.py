"""A bundle: the models that belong together, in one folder with the manifest that says what they are.

Reads JSON and digests only, never a pickle. Opening the artefacts is `originals`, scoring is `scorer`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.booster import BoosterInfo
from flywheel_assets.registry.classifier import ClassifierInfo
from flywheel_assets.registry.files import (
    BOOSTER_SUFFIX,
    CLASSIFIER_SUFFIX,
    MANIFEST,
    check_folder,
    digest,
    has_artefacts,
    missing_files,
    read_trusted,
)
from flywheel_assets.registry.previous_manifest import in_present_form
from flywheel_assets.registry.promotions_record import read_promotions, unfinished
from flywheel_assets.registry.spec import ModelFiles, ModelSpec, share_features
from flywheel_assets.tables.drift import Baseline
from flywheel_assets.tables.labels import ABSENT, clashes
from flywheel_assets.warehouse.files import write_whole

FORMAT = 2

MODELS_COMMANDS = "flywheel models"


@dataclass(frozen=True)
class ModelInfo:
    """What a trained model is, known without opening a pickle.

    ``version`` is 12 hex digits of a digest of weights, configuration, scaler and labels; ``features`` the scaler's, in
    its order, with the ``minimums`` of its training data; ``labels`` in the order of the model's outputs; ``order`` the
    same labels from worst to best; ``digests`` the SHA-256 of its three artefacts. ``baseline`` is None for an adopted
    model. ``compiled`` is the SHA-256 of the scorer compiled from them, None where the manifest has none.
    """

    spec: ModelSpec
    version: str
    features: tuple[str, ...]
    minimums: tuple[float, ...]
    labels: tuple[str, ...]
    order: tuple[str, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None
    compiled: str | None = None

    @property
    def files(self) -> ModelFiles:
        return self.spec.files

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelInfo":
        spec = ModelSpec(**{**value["spec"], "files": ModelFiles(**value["spec"]["files"])})
        return cls(
            spec,
            str(value["version"]),
            tuple(value["features"]),
            tuple(map(float, value["minimums"])),
            tuple(value["labels"]),
            tuple(value["order"]),
            {name: str(value["files"][name]) for name in spec.files.originals},
            None if value["baseline"] is None else Baseline.from_json(value["baseline"]),
            value.get("compiled"),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "spec": asdict(self.spec),
            "features": self.features,
            "minimums": self.minimums,
            "labels": self.labels,
            "order": self.order,
            "files": dict(self.digests),
            "compiled": self.compiled,
            "baseline": None if self.baseline is None else asdict(self.baseline),
        }


@dataclass(frozen=True)
class ModelBundle:
    """Models by name, in the order in which they are trained and score; boosters and classifiers by name. ``training``,
    what the manifest says of how they were made, is empty for an adopted bundle."""

    directory: Path
    version: str
    models: Mapping[str, ModelInfo]
    libraries: Mapping[str, str]
    training: Mapping[str, Any]
    boosters: Mapping[str, BoosterInfo] = field(default_factory=dict)
    classifiers: Mapping[str, ClassifierInfo] = field(default_factory=dict)

    def __getitem__(self, model: str) -> ModelInfo:
        """The model of that name. Raises KeyError."""
        return self.models[model]

    @property
    def versions(self) -> dict[str, str]:
        """The version of each model, booster and classifier, by name."""
        infos = (self.models, self.boosters, self.classifiers)
        return {name: info.version for of_kind in infos for name, info in of_kind.items()}

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every artefact, by file name."""
        of_models = {name: sha for info in self.models.values() for name, sha in info.digests.items()}
        of_boosters = {info.file: info.digest for info in self.boosters.values()}
        of_classifiers = {name: sha for info in self.classifiers.values() for name, sha in info.files.items()}
        return of_models | of_boosters | of_classifiers

    @property
    def commands(self) -> str:
        """What the commands that train and promote the bundle begin with."""
        infos: list[BoosterInfo | ClassifierInfo] = [*self.boosters.values(), *self.classifiers.values()]
        return next((info.commands for info in infos), MODELS_COMMANDS)

    @classmethod
    def open(cls, directory: Path) -> "ModelBundle":
        """The bundle in ``directory``.

        Raises ArtefactError when the folder, the manifest or an artefact is missing, when a file is not that of the
        manifest, and when the models do not fit each other. Where a promotion was interrupted, the message names the
        command that completes it. One that is completed meanwhile gives the bundle that it put there.
        """
        bundle = None
        try:
            bundle = cls.declared(directory)
            missing = missing_files(directory, bundle.digests)
            if missing:
                again = (
                    _ways_out(directory) if bundle.models else f"restore it, or train again: {bundle.commands} train"
                )
                raise ArtefactError(f"{directory} lacks {listed(missing)}; {again}")
            for name, expected in bundle.digests.items():
                read_trusted(directory / name, expected)
            check_fit(bundle.models.values())
            return bundle
        except ArtefactError:
            begun = unfinished(read_promotions(directory))
            if begun is None:
                if bundle and cls.declared(directory).version != bundle.version:
                    return cls.open(directory)
                raise
            raise ArtefactError(f"{directory} holds files of two bundles: {begun.interruption}") from None

    @classmethod
    def declared(cls, directory: Path) -> "ModelBundle":
        """What the manifest says; no other file is looked at. Raises ArtefactError."""
        path = directory / MANIFEST
        check_folder(directory)
        if not has_artefacts(directory):
            raise ArtefactError(f"{directory} has no model artefacts; {_ways_out(directory)}")
        if not path.is_file():
            raise ArtefactError(
                f"{path} is missing, so nobody has declared these artefacts trusted; {_replacement(directory, False)}"
            )
        try:
            manifest = json.loads(path.read_text())
            present = manifest if "format" in manifest else in_present_form(manifest)
            if present.get("format", FORMAT) != FORMAT:
                raise ValueError(f"format {present['format']}, expected {FORMAT}")
            return cls(
                directory=directory,
                version=str(present["version"]),
                models={name: ModelInfo.from_json(value) for name, value in present["models"].items()},
                libraries=dict(present["libraries"]),
                training=dict(present.get("training") or {}),
                boosters={n: BoosterInfo.from_json(v) for n, v in present.get("boosters", {}).items()},
                classifiers={n: ClassifierInfo.from_json(v) for n, v in present.get("classifiers", {}).items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                f"{path} is not a manifest that this version can read ({type(error).__name__}: {error}); "
                f"{_replacement(directory)}"
            ) from None


def check_fit(models: Iterable[ModelInfo]) -> None:
    """Raises ArtefactError unless each order is an order of the model's labels and no two models share a noun for their
    rows. A model on the shares of another's labels needs exactly these as features, and labels that can have columns
    beside the other's in one export."""
    earlier: dict[str, ModelInfo] = {}
    for info in models:
        if sorted(info.order) != sorted(info.labels):
            raise ArtefactError(
                f"the label order {listed(info.order)} is not one of the labels {listed(info.labels)}; "
                "expected each of them once, from the worst to the best"
            )
        if ABSENT in info.labels:
            raise ArtefactError(f"a label is {ABSENT!r}, which in transitions means a user without one: rename it")
        if info.spec.rows in {other.spec.rows for other in earlier.values()}:
            raise ArtefactError(f"two models call their rows {info.spec.rows!r}; expected a different noun for each")
        if info.spec.shares_of is not None:
            if info.spec.shares_of not in earlier:
                raise ArtefactError(
                    f"the {info.spec.name} model needs the model {info.spec.shares_of!r} before it; "
                    f"found: {listed(earlier) or 'none'}"
                )
            _check_shares(earlier[info.spec.shares_of], info)
        earlier[info.spec.name] = info


def _check_shares(source: ModelInfo, info: ModelInfo) -> None:
    this, other = info.spec.name, source.spec.name
    pairs = clashes((*source.labels, *info.labels))
    both = set(source.labels) & set(info.labels)
    if pairs or both:
        one, another = pairs[0] if pairs else (min(both),) * 2
        raise ArtefactError(
            f"the labels {one!r} and {another!r} would share one probability column in the export; {other} "
            f"labels are {listed(source.labels)}, {this} labels {listed(info.labels)}: rename one, train again"
        )
    shares = dict(zip(share_features(source.labels), source.labels, strict=True))
    unknown = [label for column, label in shares.items() if column not in info.features]
    if unknown:
        raise ArtefactError(
            f"{other} labels that the {this} model doesn't know: {listed(unknown)}; its features are "
            f"{listed(info.features)}. Both models must be trained on the same {other} labels"
        )
    extra = [feature for feature in info.features if feature not in shares]
    if extra:
        raise ArtefactError(
            f"the {this} model needs {listed(extra)}, which the {other} labels ({listed(source.labels)}) don't give; "
            f"its scaler must be fitted on exactly the columns {listed(shares)}"
        )


def write_manifest(
    directory: Path,
    models: Sequence[ModelInfo],
    *,
    libraries: Mapping[str, str],
    training: Mapping[str, Any] | None = None,
    boosters: Sequence[BoosterInfo] = (),
    classifiers: Sequence[ClassifierInfo] = (),
) -> ModelBundle:
    """Vouches for the artefacts of these models, boosters and classifiers in ``directory``, and opens the bundle.
    ``training`` is how they were made and measured, in whatever detail a reader may want.

    Raises ArtefactError when the models do not fit each other."""
    check_fit(models)
    infos: list[ModelInfo | BoosterInfo | ClassifierInfo] = [*models, *boosters, *classifiers]
    versions = [info.version for info in infos]
    manifest = {
        "format": FORMAT,
        "version": versions[0] if len(versions) == 1 and not models else digest("".join(versions).encode())[:12],
        "models": {info.spec.name: info.to_json() for info in models},
        "libraries": dict(libraries),
        "training": training,
        **({"boosters": {info.name: info.to_json() for info in boosters}} if boosters else {}),
        **({"classifiers": {info.name: info.to_json() for info in classifiers}} if classifiers else {}),
    }
    write_whole(directory / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    return ModelBundle.open(directory)


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _replacement(directory: Path, delete: bool = True) -> str:
    """What to do where no manifest can be read. Boosters and classifiers cannot be adopted: half of them is in the
    manifest."""
    if any(path for suffix in (BOOSTER_SUFFIX, CLASSIFIER_SUFFIX) for path in directory.glob(f"*{suffix}")):
        return "restore it, or train again"
    return f"{'delete it and ' if delete else ''}type: flywheel models adopt {directory}"


def _ways_out(directory: Path) -> str:
    return (
        "copy there what is missing, set FLYWHEEL_MODELS_DIR to the folder that has it, or type: "
        f"flywheel models train --sample --out {directory}"
    )
