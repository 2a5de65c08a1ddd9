"""The comparison that a classifier comes from: every model with every way to treat imbalance, at its best parameters,
and the blend of the best, on the validation part; ranked by PR-AUC."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.classifier import blended
from flywheel_assets.training.classifier.calibration import choose, log_loss
from flywheel_assets.training.classifier.estimators import Kind, Matrix, estimator, grid, probability
from flywheel_assets.training.classifier.leakage import auc_of
from flywheel_assets.training.classifier.split import LEAST_OF_CLASS, folds
from flywheel_assets.training.metrics import calibration_error
from flywheel_assets.training.ranking_metrics import measured_ranking, ranking_figures

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

Log = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")

BLENDED = 3
"""So many different models are blended."""

RUNGS, FACTOR = (12_500, 50_000), 3
"""The rows of each round of halving, which keeps one in FACTOR points; the last round keeps one."""


@dataclass(frozen=True)
class Learnt:
    """The encoded rows of one part [n, places] with their target and users."""

    encoded: Matrix
    target: BoolArray
    user: IntArray

    def take(self, rows: BoolArray | IntArray) -> "Learnt":
        return Learnt(self.encoded[rows], self.target[rows], self.user[rows])

    @property
    def positive_share(self) -> float:
        return float(self.target.mean())

    def fitted(self, kind: Kind, parameters: dict[str, Any], seed: int) -> Any:
        """The pipeline of a kind, fitted on these rows."""
        made = estimator(kind, parameters, len(self.target), self.positive_share, seed)
        return made.fit(self.encoded, self.target.astype(int))


@dataclass(frozen=True)
class Tried:
    """One line of the comparison: ``members`` are the kinds that it is made of, one unless it is the blend, each with
    the parameters that halving left. The figures are of the validation part; those after calibration come from maps
    that were fitted without the row's fold."""

    name: str
    members: tuple[tuple[Kind, dict[str, Any]], ...]
    probability: FloatArray
    seconds: float
    figures: dict[str, float]
    calibration: str

    @property
    def row(self) -> dict[str, Any]:
        """For tables: a dictionary of plain values."""
        kinds = [kind for kind, _ in self.members]
        return {
            "candidate": self.name,
            "model": kinds[0].model if len(kinds) == 1 else "blend",
            "strategy": kinds[0].strategy if len(kinds) == 1 else "",
            "parameters": "; ".join(
                ", ".join(f"{k} {_plain(v)}" for k, v in sorted(p.items())) for _, p in self.members
            ),
            **self.figures,
            "calibration": self.calibration,
            "seconds": self.seconds,
        }


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def compare(fit: Learnt, validation: Learnt, kinds: Sequence[Kind], seed: int, threads: int, log: Log) -> list[Tried]:
    """Every kind and the blend, by PR-AUC, but the chosen one first: of those whose PR-AUC is not below the highest
    beyond noise the one with the lowest log loss after calibration. Few positives make PR-AUC a noisy judge alone."""
    fold = folds(validation.target, validation.user, seed)

    def tried(kind: Kind) -> Tried:
        began = time.perf_counter()
        parameters = halving(kind, fit, validation, seed)
        scored = probability(fit.fitted(kind, parameters, seed), validation.encoded)
        made = _tried(str(kind), ((kind, parameters),), scored, validation, fold, time.perf_counter() - began)
        log(f"{kind}: PR-AUC {made.figures['pr_auc']:.4f}, {made.seconds:.1f} s")
        return made

    made = side_by_side(threads, tried, kinds)
    ranked = sorted([*made, *_blend(sorted(made, key=_rank), validation, fold)], key=_rank)
    chosen = min(_not_worse(ranked, validation), key=lambda one: one.figures["log_loss_calibrated"])
    return [chosen, *(one for one in ranked if one is not chosen)]


def _not_worse(ranked: Sequence[Tried], validation: Learnt) -> list[Tried]:
    """Those whose PR-AUC is not below that of the first beyond noise, by a bootstrap of users."""
    user = np.unique(validation.user, return_inverse=True)[1]
    measured = [measured_ranking(validation.target, one.probability, user)[1] for one in ranked]
    return [one for one, of in zip(ranked, measured, strict=True) if of is measured[0] or measured[0].less(of).low <= 0]


def side_by_side(threads: int, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results in the order of ``items``. Fitting leaves Python's lock, so threads are enough; more threads within
    one fit wait for each other on a busy machine."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def halving(kind: Kind, fit: Learnt, validation: Learnt, seed: int) -> dict[str, Any]:
    """The parameters with the highest PR-AUC on the validation part: successive halving (Jamieson and Talwalkar 2016)
    over samples of the rows that are fitted on, in which rare positives are enough to learn from."""
    from sklearn.model_selection import ParameterGrid

    points = list(ParameterGrid(grid(kind, fit.positive_share, len(fit.target))))
    shuffled = np.argsort(folds(fit.target, fit.user, seed, len(fit.target)), kind="stable")
    least = int(LEAST_OF_CLASS / min(fit.positive_share, 1 - fit.positive_share)) + 1
    for rung in RUNGS:
        rows = max(rung, least)
        some = fit.take(np.sort(shuffled[:rows]))
        scores = [
            pr_auc(validation.target, probability(some.fitted(kind, point, seed), validation.encoded))
            for point in points
        ]
        last = rung == RUNGS[-1] or rows >= len(shuffled)
        kept = np.argsort(-np.array(scores), kind="stable")[: 1 if last else max(1, len(points) // FACTOR)]
        points = [points[i] for i in kept]
        if len(points) == 1:
            break
    return dict(points[0])


def pr_auc(target: BoolArray, score: FloatArray) -> float:
    """Average precision."""
    level = np.unique(-score, return_inverse=True)[1]
    hits = np.bincount(level, target).astype(float)
    return ranking_figures(hits, np.bincount(level) - hits)[1]


def _blend(ranked: Sequence[Tried], validation: Learnt, fold: IntArray) -> list[Tried]:
    best: dict[str, Tried] = {}
    for one in ranked:
        best.setdefault(one.members[0][0].model, one)
    members = list(best.values())[:BLENDED]
    if len(members) < 2:
        return []
    name = f"blend of {', '.join(one.members[0][0].model for one in members)}"
    scored = blended([one.probability for one in members])
    seconds = sum(one.seconds for one in members)
    return [_tried(name, tuple(one.members[0] for one in members), scored, validation, fold, seconds)]


def _tried(
    name: str,
    members: tuple[tuple[Kind, dict[str, Any]], ...],
    scored: FloatArray,
    validation: Learnt,
    fold: IntArray,
    seconds: float,
) -> Tried:
    target = validation.target
    chosen, calibrated = choose(scored, target, fold)
    figures = {"pr_auc": pr_auc(target, scored), "roc_auc": auc_of(target, scored)}
    for suffix, one in (("", scored), ("_calibrated", calibrated)):
        figures |= {
            f"log_loss{suffix}": log_loss(target, one),
            f"brier{suffix}": float(((one - target) ** 2).mean()),
            f"ece{suffix}": calibration_error(one, target),
        }
    return Tried(name, members, scored, seconds, figures, chosen.method)


def _rank(one: Tried) -> tuple[float, str]:
    return -one.figures["pr_auc"], one.name


Members = tuple[tuple[Kind, dict[str, Any]], ...]


def out_of_fold(members: Members, rows: Learnt, seed: int, threads: int) -> FloatArray:
    """The probability of each row [n] by models that were fitted without its fold, before calibration."""
    fold = folds(rows.target, rows.user, seed)
    parts = [(number, member) for number in range(int(fold.max()) + 1) for member in members]

    def scored(part: tuple[int, tuple[Kind, dict[str, Any]]]) -> FloatArray:
        number, (kind, parameters) = part
        held_out = fold == number
        return probability(rows.take(~held_out).fitted(kind, parameters, seed), rows.encoded[held_out])

    made, found = np.empty(len(rows.target)), side_by_side(threads, scored, parts)
    for number in range(int(fold.max()) + 1):
        made[fold == number] = blended(found[number * len(members) : (number + 1) * len(members)])
    return made


def fit_members(members: Members, rows: Learnt, seed: int, threads: int) -> list[Any]:
    """The fitted pipelines."""
    return side_by_side(threads, lambda member: rows.fitted(member[0], member[1], seed), members)
