"""The sentinel against leakage: inputs that know the outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from flywheel_assets.errors import TrainingError
from flywheel_assets.registry.classifier_inputs import numbers, texts
from flywheel_assets.training.classifier.examples import BoolArray, Examples

FloatArray = npt.NDArray[np.float64]

MOST_AUC = 0.95
"""One input alone that ranks better than this knows the outcome."""

JUMP = 0.05
"""A model's AUC that falls by more without one input rests on that input."""

LEAST_FILLED = 20


@dataclass(frozen=True)
class Suspect:
    """An input, and why it looks like leakage, completing "...: "."""

    name: str
    reason: str


def check_inputs(examples: Examples, rows: BoolArray, allowed: Sequence[str] = ()) -> None:
    """Raises TrainingError for inputs that tell the target of these ``rows`` almost alone, or that are filled only
    where it is positive; those in ``allowed`` may."""
    found = [one for name in examples.names if name not in allowed and (one := suspect(examples, rows, name))]
    if found:
        listed = "".join(f"\n  - {one.name}: {one.reason}" for one in found)
        raise TrainingError(
            f"these inputs know the outcome, so a model would look better than it can be:{listed}\nLeave them out "
            f"(--drop {found[0].name}), or, if they are known when the prediction is made: --allow {found[0].name}"
        )


def suspect(examples: Examples, rows: BoolArray, name: str) -> Suspect | None:
    """Why an input looks like leakage; None where it doesn't."""
    column, target = examples.inputs[name].filter(rows), examples.target[rows]
    filled = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), bool)
    if LEAST_FILLED <= filled.sum() < len(filled) and target[filled].all():
        return Suspect(name, f"it is filled in {int(filled.sum()):,} rows, all of them positive: after the outcome")
    auc = max(alone_auc(examples, rows, name), auc_of(target, filled.astype(float)))
    return Suspect(name, f"alone it reaches an AUC of {auc:.3f}") if auc >= MOST_AUC else None


def alone_auc(examples: Examples, rows: BoolArray, name: str) -> float:
    """The AUC of an input alone, in its better direction: numbers by their size, the missing lowest; categories by the
    rate of the target in the other half of the rows."""
    column, target = examples.inputs[name].filter(rows), examples.target[rows]
    if name not in examples.categories:
        values = numbers(name, column)
        auc = auc_of(target, np.nan_to_num(values, nan=-np.inf))
        return max(auc, 1 - auc)
    code = texts(column).combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
    count, score, half = int(code.max()) + 1, np.empty(len(code)), np.arange(len(code)) % 2 == 0
    for mine, other in ((half, ~half), (~half, half)):
        hits, seen = np.bincount(code[other], target[other], count), np.bincount(code[other], minlength=count)
        score[mine] = ((hits + target.mean()) / (seen + 1))[code[mine]]
    return auc_of(target, score)


def auc_of(target: BoolArray, score: FloatArray) -> float:
    """The area under the ROC curve, a tie counting half (Mann and Whitney)."""
    from scipy.stats import rankdata

    positives, negatives = int(target.sum()), int((~target).sum())
    if not positives or not negatives:
        return 0.5
    return float((rankdata(score)[target].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def jumps(names: Sequence[str], auc: float, auc_without: Callable[[str], float]) -> list[Suspect]:
    """The inputs without which AUC falls by more than JUMP, with what it falls to."""
    without = {name: auc_without(name) for name in names}
    return [
        Suspect(name, f"without it the AUC falls from {auc:.3f} to {value:.3f}")
        for name, value in without.items()
        if auc - value > JUMP
    ]
