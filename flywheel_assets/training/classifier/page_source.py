"""What the page of a classifier reads of a models folder: the model that it shows, and reasons by the model that
predicted."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer
from flywheel_assets.registry.shelves import CANDIDATES, bundle_with, has_champion, versions_in
from flywheel_assets.training.classifier.page_content import TrainedModel, Words
from flywheel_assets.training.classifier.reasons import Reasons, explained


def shown_model(models_dir: Path, name: str, fits: Callable[[ClassifierInfo], bool]) -> TrainedModel | None:
    """The model of that name in use, else the newest candidate that ``fits`` what the project predicts; None without
    either. A folder that is damaged counts as none."""
    in_use = [models_dir] if has_champion(models_dir) else []
    candidates = [models_dir / CANDIDATES / version for version in versions_in(models_dir / CANDIDATES)]
    for directory in in_use or candidates:
        with suppress(ArtefactError):
            bundle = ModelBundle.declared(directory)
            if name in bundle.classifiers and (in_use or fits(bundle.classifiers[name])):
                return TrainedModel(bundle, bundle.classifiers[name], bool(in_use))
    return None


def reasons_by(
    models_dir: Path, name: str, version: str, rows: pa.Table, others: pa.Table, words: Words
) -> Sequence[Reasons | None]:
    """Of each row, by the version of the model that predicted it, beside ``others``. None where that model is gone, or
    needs inputs that the tables do not have any more."""
    try:
        bundle = bundle_with(models_dir, {name: version})
        scorer = ClassifierScorer.open(bundle.directory, bundle.classifiers[name])
        return explained(scorer, rows, others, words.named)
    except ArtefactError:
        return [None] * rows.num_rows
