"""How well a classifier does on the rows that judge it, beside baselines: every figure with the interval of a bootstrap
by user. The order of the figures is that of a reader's questions; accuracy is last, because under imbalance it says
least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.bootstrap import Estimate, resampled, sums_by_user
from flywheel_assets.training.metrics import reliability
from flywheel_assets.training.ranking_metrics import (
    SEED,
    Measured,
    draws_for,
    measured_ranking,
    probability_figures,
    probability_sums,
)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

F1, PRECISION, RECALL = "F1", "precision", "recall"
ROC_AUC, PR_AUC = "ROC-AUC", "PR-AUC"
BRIER, RMSE, BRIER_SKILL, ECE, ACCURACY = "Brier", "RMSE", "Brier skill", "ECE", "accuracy"
SHARES = (0.01, 0.05, 0.10)
LIFTS, GAINS = (
    tuple(f"lift at {100 * share:.0f} %" for share in SHARES),
    tuple(f"gain at {100 * share:.0f} %" for share in SHARES),
)
METRICS = (F1, PRECISION, RECALL, ROC_AUC, PR_AUC, BRIER, RMSE, BRIER_SKILL, ECE, *LIFTS, *GAINS, ACCURACY)
LOWER_IS_BETTER = (BRIER, RMSE, ECE)

CURVE_POINTS = 200

LEAST_OF_GROUP = 10
"""Fewer rows of either class, and a group has no figures of its own."""


@dataclass(frozen=True)
class Scored:
    """The probability of each row [n] by one way to score, and its decisions [n]."""

    probability: FloatArray
    decision: BoolArray


def measure(target: BoolArray, scored: Scored, user: IntArray) -> dict[str, Measured]:
    """The metrics, in their order, on all rows and on the same draws of users whatever is scored. Precision without a
    decision, and F1, are 0. Brier skill is 1 - Brier / Brier of the rate; RMSE the square root of Brier; ECE has 10
    bins of equal mass; the lift at 5 % is the share of positives among the 5 % of highest probability, against all;
    the gain the share of all positives that are among them. Ties are shared."""
    users, draws = int(user.max()) + 1, draws_for(len(user))
    chosen = scored.decision
    counts = np.stack([target & chosen, ~target & chosen, target & ~chosen, ~target & ~chosen], axis=1)
    sums = np.concatenate([probability_sums(target, scored.probability), counts], axis=1)
    by_user = sums_by_user(user, users, sums)

    def figures(total: FloatArray) -> dict[str, FloatArray]:
        hits, false, missed, right = total[:, -4:].T
        precision, recall = _ratio(hits, hits + false), _ratio(hits, hits + missed)
        brier = total[:, 2] / np.maximum(total[:, 0], 1)
        skill, error = probability_figures(total[:, :-4])
        return {
            F1: _ratio(2 * hits, 2 * hits + false + missed),
            PRECISION: precision,
            RECALL: recall,
            BRIER: brier,
            RMSE: np.sqrt(brier),
            BRIER_SKILL: skill,
            ECE: error,
            ACCURACY: (hits + right) / np.maximum(total[:, 0], 1),
        }

    values, drawn = figures(by_user.sum(axis=0, keepdims=True)), figures(resampled(by_user, draws, SEED))
    made = {name: Measured(float(values[name][0]), drawn[name]) for name in values}
    auc, precision, *lifts = measured_ranking(target, scored.probability, user, SHARES)
    made |= {ROC_AUC: auc, PR_AUC: precision, **dict(zip(LIFTS, lifts, strict=True))}
    made |= {
        name: Measured(lift.value * share, lift.draws * share)
        for name, lift, share in zip(GAINS, lifts, SHARES, strict=True)
    }
    return {name: made[name] for name in METRICS}


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


@dataclass(frozen=True)
class Evaluation:
    """``figures`` by way to score and metric, the first way being the model; ``differences``: the model less each
    other way. ``confusion`` of the model: [[true negatives, false positives], [false negatives, true positives]].
    ``curves`` of the model: points of ``roc``, ``pr``, ``gain`` (x, y) and ``reliability`` (probability, share,
    rows). ``groups``: the same of groups of the rows; ``other_splits``: of the same model made and judged on others."""

    rows: int
    users: int
    positives: int
    figures: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]
    confusion: tuple[tuple[int, int], tuple[int, int]]
    curves: Mapping[str, Sequence[Sequence[float]]]
    groups: Mapping[str, "Evaluation"] = field(default_factory=dict)
    other_splits: Mapping[str, "Evaluation"] = field(default_factory=dict)

    @property
    def model(self) -> Mapping[str, Estimate]:
        """The figures of the model."""
        return next(iter(self.figures.values()))

    def to_json(self) -> dict[str, Any]:
        def plain(of: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
            return {
                way: {name: [one.value, one.low, one.high] for name, one in metrics.items()}
                for way, metrics in of.items()
            }

        return {
            "rows": self.rows,
            "users": self.users,
            "positives": self.positives,
            "figures": plain(self.figures),
            "differences": plain(self.differences),
            "confusion": self.confusion,
            "curves": self.curves,
            "groups": {name: one.to_json() for name, one in self.groups.items()},
            "other_splits": {name: one.to_json() for name, one in self.other_splits.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Evaluation":
        def estimates(of: Mapping[str, Any]) -> dict[str, dict[str, Estimate]]:
            return {way: {name: Estimate(*one) for name, one in metrics.items()} for way, metrics in of.items()}

        (tn, fp), (fn, tp) = value["confusion"]
        return cls(
            value["rows"],
            value["users"],
            value["positives"],
            estimates(value["figures"]),
            estimates(value["differences"]),
            ((tn, fp), (fn, tp)),
            value["curves"],
            *(
                {name: cls.from_json(one) for name, one in value.get(part, {}).items()}
                for part in ("groups", "other_splits")
            ),
        )


def evaluate(
    target: BoolArray, user: IntArray, ways: Mapping[str, Scored], groups: Mapping[str, BoolArray] | None = None
) -> Evaluation:
    """``ways`` by name, the model first. ``user`` numbers the users; both classes are among ``target``. Of each
    of the ``groups``, rows [n] by name, that has LEAST_OF_GROUP rows of either class the same."""
    apart = {}
    for name, mask in (groups or {}).items():
        if min(int(target[mask].sum()), int((~target[mask]).sum())) >= LEAST_OF_GROUP:
            of = {way: Scored(one.probability[mask], one.decision[mask]) for way, one in ways.items()}
            apart[name] = evaluate(target[mask], user[mask], of)
    user = np.unique(user, return_inverse=True)[1]
    measured = {name: measure(target, scored, user) for name, scored in ways.items()}
    first, *others = measured
    model, chosen = ways[first].probability, ways[first].decision
    return Evaluation(
        len(target),
        int(user.max()) + 1,
        int(target.sum()),
        {name: {metric: one.estimate for metric, one in of.items()} for name, of in measured.items()},
        {name: {m: measured[first][m].less(one) for m, one in measured[name].items()} for name in others},
        (
            (int((~target & ~chosen).sum()), int((~target & chosen).sum())),
            (int((target & ~chosen).sum()), int((target & chosen).sum())),
        ),
        curves(target, model),
        apart,
    )


def curves(target: BoolArray, probability: FloatArray) -> dict[str, list[list[float]]]:
    """Up to CURVE_POINTS points of each curve, from the highest probability on."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))  # ties are passed at once
    hits = target[order].cumsum()[ends].astype(float)
    seen = ends + 1.0
    positives, negatives = float(target.sum()), float((~target).sum())
    kept = np.unique(np.linspace(0, len(ends) - 1, min(CURVE_POINTS, len(ends))).round().astype(int))
    recall, false = hits / positives, (seen - hits) / negatives

    def points(x: FloatArray, y: FloatArray) -> list[list[float]]:
        return [[round(float(a), 5), round(float(b), 5)] for a, b in zip(x[kept], y[kept], strict=True)]

    return {
        "roc": [[0.0, 0.0], *points(false, recall)],
        "pr": points(recall, hits / seen),
        "gain": [[0.0, 0.0], *points(seen / len(target), recall)],
        "reliability": [[one.probability, one.share, one.rows] for one in reliability(probability, target)],
    }
