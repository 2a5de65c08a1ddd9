"""The model artefacts: six files and the manifest that says what they are. Reads JSON and digests only, never a pickle.

Opening the files themselves is `originals`, making one ONNX file of a model's three is `compiling`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.files import ALL_FILES, MANIFEST, check_folder, digest, missing_files, read_trusted
from flywheel_assets.registry.promotions import read_promotions, unfinished
from flywheel_assets.tables.drift import Baseline
from flywheel_assets.tables.labels import ABSENT, clashes, share_column
from flywheel_assets.warehouse.files import write_whole


@dataclass(frozen=True)
class ModelInfo:
    """What one of the two models is, known without opening a pickle.

    ``version`` is 12 hex digits of a digest of weights, configuration, scaler and labels; ``features`` the scaler's, in
    its order, with the ``minimums`` of its training data; ``labels`` in the order of the model's outputs; ``order`` the
    same labels from worst to best.
    """

    version: str
    features: tuple[str, ...]
    minimums: tuple[float, ...]
    labels: tuple[str, ...]
    order: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelInfo":
        return cls(
            str(value["version"]),
            tuple(value["features"]),
            tuple(map(float, value["minimums"])),
            tuple(value["labels"]),
            tuple(value["order"]),
        )


@dataclass(frozen=True)
class ModelBundle:
    """A folder of artefacts whose six files are those of its manifest. ``baseline`` is None for an adopted bundle, and
    ``training``, what the manifest says of how the models were made, is empty."""

    directory: Path
    version: str
    session: ModelInfo
    user: ModelInfo
    baseline: Baseline | None
    digests: Mapping[str, str]
    libraries: Mapping[str, str]
    training: Mapping[str, Any]

    def __getitem__(self, model: str) -> ModelInfo:
        """The model of that name. Raises KeyError."""
        return {"session": self.session, "user": self.user}[model]

    @classmethod
    def open(cls, directory: Path) -> "ModelBundle":
        """The bundle in ``directory``.

        Raises ArtefactError when the folder, the manifest or one of the six files is missing, when a file is not that
        of the manifest, and when the two models do not fit each other. Where a promotion was interrupted, it says which
        command completes that.
        """
        try:
            return cls._opened(directory)
        except ArtefactError:
            begun = unfinished(read_promotions(directory))
            if begun is None:
                raise
            raise ArtefactError(f"{directory} holds files of two bundles: {begun.interruption}") from None

    @classmethod
    def _opened(cls, directory: Path) -> "ModelBundle":
        path = directory / MANIFEST
        check_folder(directory)
        missing = missing_files(directory)
        if missing:
            raise ArtefactError(
                f"{directory} lacks {', '.join(missing)}; expected six model artefacts: copy there what is missing, "
                f"set FLYWHEEL_MODELS_DIR to the folder that has it, or type: flywheel models train --out {directory}"
            )
        if not path.is_file():
            raise ArtefactError(
                f"{path} is missing, so nobody has said that these artefacts are to be trusted; "
                f"type: flywheel models adopt {directory}"
            )
        try:
            manifest = json.loads(path.read_text())
            bundle = cls(
                directory=directory,
                version=str(manifest["version"]),
                session=ModelInfo.from_json(manifest["session"]),
                user=ModelInfo.from_json(manifest["user"]),
                baseline=None if manifest["baseline"] is None else Baseline.from_json(manifest["baseline"]),
                digests={name: str(manifest["files"][name]) for name in ALL_FILES},
                libraries=dict(manifest["libraries"]),
                training=dict(manifest.get("training") or {}),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                f"{path} is not a manifest that this version reads ({type(error).__name__}: {error}); "
                f"delete it and type: flywheel models adopt {directory}"
            ) from None
        for name in ALL_FILES:
            read_trusted(directory / name, bundle.digests[name])
        check_fit(bundle["session"], bundle["user"])
        return bundle


def check_fit(session: ModelInfo, user: ModelInfo) -> None:
    """Raises ArtefactError unless each order is one of the model's labels, the user model's features are exactly the
    shares of the session labels, and the labels of both models can have columns side by side in one export."""
    for info in (session, user):
        if sorted(info.order) != sorted(info.labels):
            raise ArtefactError(
                f"the label order {_listed(info.order)} is not one of the labels {_listed(info.labels)}; "
                "expected each of them once, from the worst to the best"
            )
        if ABSENT in info.labels:
            raise ArtefactError(f"a label is {ABSENT!r}, which in transitions means a user without one: rename it")
    pairs = clashes((*session.labels, *user.labels))
    both = set(session.labels) & set(user.labels)
    if pairs or both:
        one, other = pairs[0] if pairs else (min(both),) * 2
        raise ArtefactError(
            f"the labels {one!r} and {other!r} would share the column of one probability in the export; "
            f"session labels are {_listed(session.labels)}, user labels {_listed(user.labels)}: rename one, train again"
        )
    shares = {share_column(label): label for label in session.labels}
    unknown = [label for column, label in shares.items() if column not in user.features]
    if unknown:
        raise ArtefactError(
            f"session labels that the user model doesn't know: {_listed(unknown)}; its features are "
            f"{_listed(user.features)}. Both models must be trained on the same session labels"
        )
    extra = [feature for feature in user.features if feature not in shares]
    if extra:
        raise ArtefactError(
            f"the user model needs {_listed(extra)}, which the session labels ({_listed(session.labels)}) don't give; "
            f"its scaler must be fitted on exactly the columns {_listed(shares)}"
        )


def write_manifest(
    directory: Path,
    session: ModelInfo,
    user: ModelInfo,
    *,
    digests: Mapping[str, str],
    libraries: Mapping[str, str],
    baseline: Baseline | None = None,
    training: Mapping[str, Any] | None = None,
) -> ModelBundle:
    """Vouches for the six files with these ``digests`` in ``directory``, and opens the bundle. ``training`` is how they
    were made and measured, whatever a reader may want to know of that.

    Raises ArtefactError when the two models do not fit each other."""
    check_fit(session, user)
    manifest = {
        "version": digest((session.version + user.version).encode())[:12],
        "session": asdict(session),
        "user": asdict(user),
        "files": dict(digests),
        "libraries": dict(libraries),
        "baseline": None if baseline is None else baseline.to_json(),
        "training": training,
    }
    write_whole(directory / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    return ModelBundle.open(directory)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
