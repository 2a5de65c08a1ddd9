"""engagement_ledger: how the scores of the previous interval turned out in this one, beside two baselines."""

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.engagement import engagement_scores
from flywheel_assets.engagement.judged_scores import LAST, METHOD, MODEL, TARGET, TRANSITIONS, judged_parameters
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.training.classifier import ledger
from flywheel_assets.users import user_distributions

BETTER = Check(
    "better_than_transitions", "The probabilities are better than the transition chances, beyond noise (warning)."
)
OF_DECISIONS = ("decisions", "precision", "recall")
DIFFERENCES = ("brier_difference", "roc_auc_difference")

TABLE = Table(
    "engagement_ledger",
    "target and method",
    f"The scores of the previous interval against what users did in this one: the model, {LAST}, and {TRANSITIONS}. "
    "Empty until the interval closes, where its data are incomplete, and where nothing was predicted.",
    (user_distributions.TABLE,),
    (
        TARGET,
        METHOD,
        *(column for column in ledger.COLUMNS if column.name not in OF_DECISIONS),
        Column("brier_difference", "float64", "The model's Brier score less this one: below 0 the model is better."),
        Column("brier_difference_low", "float64", "The lower end of its 95 % interval (bootstrap of users)."),
        Column("brier_difference_high", "float64", "The upper end."),
        Column("roc_auc_difference", "float64", "The model's ROC-AUC less this one: above 0 the model is better."),
        Column("roc_auc_difference_low", "float64", "The lower end of its interval."),
        Column("roc_auc_difference_high", "float64", "The upper end."),
    ),
    previous=(engagement_scores.TABLE,),
    used=engagement_scores.TABLE.used,
    waits=engagement_scores.TABLE.waits,
    checks=(ledger.DRIFT, ledger.CALIBRATED, BETTER),
    parameters=judged_parameters,
    model_parameters=lambda flywheel: ("best label",),
)


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """All checks of the rows of an interval; each speaks for both targets."""
    of_model = [row for row in rows if row["method"] == MODEL]
    if not of_model:
        nothing = "nothing was predicted, or the interval has no outcomes yet: no verdict"
        return [Verdict(check.name, True, nothing, "WARN") for check in TABLE.checks]
    each = [ledger.verdicts([row]) for row in of_model]
    return [
        *(_joined(of_model, list(verdicts)) for verdicts in zip(*each, strict=True)),
        _joined(of_model, [_better(rows, row["target"]) for row in of_model]),
    ]


def _joined(rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdict]) -> Verdict:
    """The verdicts of the targets as one."""
    summary = "; ".join(f"{row['target']}: {one.summary}" for row, one in zip(rows, verdicts, strict=True))
    numbers = {
        f"{row['target']}_{name}": value
        for row, one in zip(rows, verdicts, strict=True)
        for name, value in one.numbers.items()
    }
    return Verdict(verdicts[0].check, all(one.passed for one in verdicts), summary, "WARN", numbers)


def _better(rows: Sequence[Mapping[str, Any]], target: str) -> Verdict:
    row = next((row for row in rows if row["target"] == target and row["method"] == TRANSITIONS), None)
    if row is None or row["brier_difference"] is None:
        return Verdict(BETTER.name, True, "no transitions to compare with, or all users alike", "WARN")
    value, low, high = (row[f"brier_difference{end}"] for end in ("", "_low", "_high"))
    by = f"Brier {value:+.4f} ({low:+.4f} to {high:+.4f}) against {TRANSITIONS}"
    how = "better" if high < 0 else "worse" if low > 0 else "not better beyond noise"
    return Verdict(BETTER.name, high < 0, f"{how}: {by}", "WARN", {"brier_difference": value})
