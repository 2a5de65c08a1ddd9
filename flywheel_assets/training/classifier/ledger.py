"""The maturity ledger of a classifier: what it predicted for an interval, judged when the outcomes are known.

Users' rows are alike, so what chance alone gives is widened by a design effect: how much more a figure varies between
users than between independent rows (Kish 1965)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.tables.contract import Column
from flywheel_assets.tables.drift import FeatureBaseline, band, bin_counts, noise_limit, psi
from flywheel_assets.tables.significance import wilson
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.training.metrics import calibration_error, reliability
from flywheel_assets.training.ranking_metrics import ranking_figures

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

DRIFT = Check(
    "score_drift", "The probabilities are spread as on the rows that judged the model, or within noise (warning)."
)
CALIBRATED = Check("calibrated", "Probabilities are as far from the shares that came true as chance allows (warning).")

COLUMNS = (
    Column("model_version", "string", "The model that predicted."),
    Column("predictions", "int64", "Rows that it predicted."),
    Column("users", "int64", "Their users."),
    Column("positives", "int64", "Rows where it came true."),
    Column("rate", "float64", "positives / predictions."),
    Column("mean_probability", "float64", "The mean of the probabilities; of a calibrated model near the rate."),
    Column("brier", "float64", "The mean squared error of the probabilities."),
    Column("brier_skill", "float64", "1 - brier / that of always saying the rate; null where all turned out alike."),
    Column("ece", "float64", "How far probabilities are from shares, on average over ten bins of equal mass."),
    Column("ece_noise_limit", "float64", "What a calibrated model stays under 95 times in 100."),
    Column("roc_auc", "float64", "How often it ranks a positive row above another; null where all are alike."),
    Column("pr_auc", "float64", "The average precision; null where none is positive."),
    Column("decisions", "int64", "Rows that it decided for."),
    Column("precision", "float64", "The share of positive rows among these; null without any."),
    Column("recall", "float64", "The share of these among positive rows; null without any."),
    Column("psi", "float64", "How far the probabilities have moved from those of the rows that judged the model."),
    Column("psi_noise_limit", "float64", "What rows of the same distribution stay under 95 times in 100."),
    Column("drift", "string", "stable, moderate or major: the band of psi."),
)
RELIABILITY_COLUMNS = (
    Column("bin", "int32", "A tenth of the rows, alike in their probability, from 1, the lowest."),
    Column("predictions", "int64", "Its rows."),
    Column("positives", "int64", "Those where it came true."),
    Column("mean_probability", "float64", "The mean of their probabilities."),
    Column("rate", "float64", "positives / predictions."),
    Column("rate_low", "float64", "The lower end of the rate's 95 % interval."),
    Column("rate_high", "float64", "The upper end."),
)

DRAWS = 200
SEED = 1


@dataclass(frozen=True)
class Judged:
    """Predictions whose outcomes are known, a value per row [n]: calibrated ``probability``, ``decision``, ``target``,
    and ``user``, whatever numbers tell users apart."""

    probability: FloatArray
    decision: BoolArray
    target: BoolArray
    user: IntArray


def ledger_row(judged: Judged, version: str, baseline: FeatureBaseline | None) -> dict[str, Any]:
    """The row of an interval, by the names of COLUMNS. ``baseline``: that of the model; None where that is gone, and
    then there is no drift. Without predictions all figures are null."""
    rows, positives = len(judged.target), int(judged.target.sum())
    user = np.unique(judged.user, return_inverse=True)[1]
    row: dict[str, Any] = dict.fromkeys(column.name for column in COLUMNS)
    row |= {
        "model_version": version,
        "predictions": rows,
        "users": int(user.max(initial=-1)) + 1,
        "positives": positives,
        "decisions": int(judged.decision.sum()),
    }
    if not rows:
        return row
    probability, target = judged.probability, judged.target
    brier, rate = float(((probability - target) ** 2).mean()), positives / rows
    row |= {"rate": rate, "mean_probability": float(probability.mean()), "brier": brier}
    row |= {"ece": calibration_error(probability, target), "ece_noise_limit": _ece_limit(probability, target, user)}
    hits = int((target & judged.decision).sum())
    row["precision"] = hits / row["decisions"] if row["decisions"] else None
    row["recall"] = hits / positives if positives else None
    if 0 < positives < rows:
        level = np.unique(-probability, return_inverse=True)[1]
        of_level = np.bincount(level, target).astype(float)
        auc, average_precision, *_ = ranking_figures(of_level, np.bincount(level) - of_level)
        row |= {"brier_skill": 1 - brier / (rate * (1 - rate)), "roc_auc": auc, "pr_auc": average_precision}
    if baseline is None:
        return row
    counts = bin_counts(probability, baseline.edges)
    value = psi(counts, baseline.counts)
    place = np.searchsorted(np.asarray(baseline.edges), probability, side="left")
    limit = noise_limit(rows, sum(baseline.counts), len(counts)) * _bins_effect(place, user)
    return row | {"psi": value, "psi_noise_limit": limit, "drift": band(value)}


def reliability_rows(judged: Judged) -> list[dict[str, Any]]:
    """The rows of an interval, by the names of RELIABILITY_COLUMNS; none without predictions."""
    made = []
    for number, one in enumerate(reliability(judged.probability, judged.target), start=1):
        positives = round(one.share * one.rows)
        low, high = wilson(positives, one.rows)
        made.append(
            {
                "bin": number,
                "predictions": one.rows,
                "positives": positives,
                "mean_probability": one.probability,
                "rate": one.share,
                "rate_low": low,
                "rate_high": high,
            }
        )
    return made


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Both checks of the rows of an interval: none where it is not judged, else one."""
    if not rows or not rows[0]["predictions"]:
        nothing = "nothing was predicted, or the interval has not closed: no verdict"
        return [Verdict(check.name, True, nothing, "WARN") for check in (DRIFT, CALIBRATED)]
    row = rows[0]
    off = row["ece"] > row["ece_noise_limit"]
    error = f"ECE {row['ece']:.4f}, chance alone gives up to {row['ece_noise_limit']:.4f}"
    rates = f"{row['mean_probability']:.2%} predicted on average, {row['rate']:.2%} came true"
    fit = Verdict(CALIBRATED.name, not off, f"{rates}; {error}", "WARN", {"ece": row["ece"], "brier": row["brier"]})
    if row["psi"] is None:
        return [Verdict(DRIFT.name, True, "the model that predicted is gone: no verdict", "WARN"), fit]
    drifted = row["drift"] != "stable" and row["psi"] > row["psi_noise_limit"]
    beside = f"PSI {row['psi']:.3f}, chance alone gives up to {row['psi_noise_limit']:.3f}"
    return [Verdict(DRIFT.name, not drifted, f"{row['drift']}: {beside}", "WARN", {"psi": row["psi"]}), fit]


def _ece_limit(probability: FloatArray, target: BoolArray, user: IntArray) -> float:
    """The 95 % quantile of the calibration error where outcomes follow the probabilities."""
    draw = np.random.default_rng(SEED)
    order = np.argsort(probability, kind="stable")
    ordered = probability[order]
    edges = np.cumsum([0, *(len(part) for part in np.array_split(order, 10) if len(part))])[:-1]
    gaps = [
        np.abs(np.add.reduceat(ordered - (draw.random(len(ordered)) < ordered), edges)).sum() / len(ordered)
        for _ in range(DRAWS)
    ]
    residual = target - probability
    squares = float((residual**2).sum())
    effect = float((np.bincount(user, residual) ** 2).sum()) / squares if squares else 1.0
    return float(np.quantile(gaps, 0.95) * np.sqrt(max(1.0, effect)))


def _bins_effect(place: IntArray, user: IntArray) -> float:
    """How much more the shares of bins vary, users drawn as wholes, than with independent rows; 1 at least."""
    rows, users = np.bincount(user), int(user.max()) + 1
    between = within = 0.0
    for number in np.unique(place):
        inside = place == number
        share = inside.mean()
        of_user = np.bincount(user, inside, users) - share * rows
        between += float((of_user**2).sum()) / share
        within += len(place) * (1 - share)
    return max(1.0, between / within) if within else 1.0
