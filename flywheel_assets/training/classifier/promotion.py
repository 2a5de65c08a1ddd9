"""A classifier beside the model in use on the holdout of the first, what speaks against a promotion, and the promotion.
The files are the registry's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.registry.promotion import promote_judged
from flywheel_assets.registry.promotions_record import Promotion
from flywheel_assets.registry.shelves import read_holdout
from flywheel_assets.training.classifier.baselines import ONE_RULE
from flywheel_assets.training.classifier.candidate import MODEL, ROW_ID, TARGET, USER
from flywheel_assets.training.classifier.evaluation import ECE, PR_AUC, ROC_AUC, Evaluation, Scored, evaluate
from flywheel_assets.training.classifier.task import ClassifierTask

IN_USE = "model in use"


@dataclass(frozen=True)
class ClassifierComparison:
    """``judged`` is the evaluation of the training, with its baselines; ``beside`` has the model and the model in use
    on the same rows, None without one. ``problems``: what cannot be compared, in words. ``remarks``: what a reader has
    to know, and what is no reason to refuse: a definition that was corrected gives another target or horizon."""

    judged: Evaluation
    beside: Evaluation | None = None
    problems: Sequence[str] = ()
    remarks: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "judged": self.judged.to_json(),
            "beside": self.beside.to_json() if self.beside else None,
            "problems": list(self.problems),
            "remarks": list(self.remarks),
        }


def compare_bundle(task: ClassifierTask, bundle: ModelBundle, in_use: ModelBundle | None) -> ClassifierComparison:
    """A bundle with the one in use, on its own holdout. Raises ArtefactError where that is missing or damaged, and
    there is one in use that predicts the same: it is not kept in the archive."""
    judged = Evaluation.from_json(bundle.training["evaluation"])
    if not in_use or in_use.version == bundle.version:
        return ClassifierComparison(judged)
    new, old = scorer_of(task, bundle), scorer_of(task, in_use)
    if (new.info.target, new.info.horizon) != (old.info.target, old.info.horizon):
        return ClassifierComparison(
            judged,
            remarks=[
                f"it cannot be compared with the model in use, which predicts {old.info.target} from what is known "
                f"{old.info.horizon}; this one predicts {new.info.target} from what is known {new.info.horizon}"
            ],
        )
    rows = read_holdout(bundle)
    missing = [name for name in old.info.encoding.names if name not in rows.column_names]
    if missing:
        problem = f"the model in use needs {', '.join(missing)}, which the holdout does not have"
        return ClassifierComparison(judged, problems=[problem])
    ways = {}
    for name, scorer in ((MODEL, new), (IN_USE, old)):
        probability = scorer.probability(rows)
        ways[name] = Scored(probability, scorer.decisions(probability))
    return ClassifierComparison(judged, evaluate(rows[TARGET].to_numpy(), rows[USER].to_numpy(), ways))


def holdout_row(task: ClassifierTask, bundle: ModelBundle, row_id: str) -> tuple[pa.Table, pa.Table]:
    """The row of an id among those that judged a bundle, and all of them. Raises ArtefactError where it is not."""
    rows = read_holdout(bundle)
    row = rows.filter(pc.equal(rows[ROW_ID], row_id))
    if not row.num_rows:
        raise ArtefactError(
            f"{row_id} is in no closed interval's table, and not among the {len(rows):,} {task.rows} that judged "
            f"{bundle.version}; expected one of those, such as {rows[ROW_ID][0].as_py()}"
        )
    return row.slice(0, 1), rows


def scorer_of(task: ClassifierTask, bundle: ModelBundle) -> ClassifierScorer:
    """The classifier of a bundle, opened. Raises ArtefactError for one that has none."""
    if task.name not in bundle.classifiers:
        raise ArtefactError(f"{bundle.directory} has no model named {task.name!r}; train it: {task.commands} train")
    return ClassifierScorer.open(bundle.directory, bundle.classifiers[task.name])


def objections(comparison: ClassifierComparison) -> list[str]:
    """What speaks against a promotion, in words: a PR-AUC that is not better than that of one rule beyond noise, or a
    PR-AUC, ROC-AUC or calibration error that is worse than that of the model in use."""
    against = list(comparison.problems)
    for way, differences in comparison.judged.differences.items():
        if way.startswith(ONE_RULE) and differences[PR_AUC].low <= 0:
            difference = differences[PR_AUC].as_difference
            against.append(f"its PR-AUC is not better than that of {way} beyond noise: {difference}")
    in_use = comparison.beside.differences[IN_USE] if comparison.beside else {}
    for metric, sign in ((PR_AUC, 1), (ROC_AUC, 1), (ECE, -1)):
        if metric in in_use and max(sign * in_use[metric].low, sign * in_use[metric].high) < 0:
            difference = in_use[metric].as_difference
            against.append(f"its {metric} is worse than that of the model in use: {difference}")
    return against


def promote_classifier(task: ClassifierTask, version: str, now: datetime, why: str, forced: bool) -> Promotion:
    """Makes the candidate, or an archived version, the model in use. Raises PromotionError when something speaks
    against it and it is not ``forced``, ArtefactError as :func:`flywheel_assets.registry.promotion.promote`."""

    def judge(bundle: ModelBundle, present: ModelBundle | None) -> tuple[list[str], dict[str, Any]]:
        comparison = compare_bundle(task, bundle, present)
        return objections(comparison), comparison.to_json()

    def stays(present: str | None) -> str:
        return f"the model in use stays {present}" if present else f"no model predicts {task.target}"

    return promote_judged(task.models_dir, version, now, why, forced, task.commands, judge, stays)
