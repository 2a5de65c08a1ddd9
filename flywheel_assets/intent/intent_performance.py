"""intent_performance: how well each ranking found who converted, and whether it is better than the next simpler one."""

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.intent import intent_outcomes, intent_scores
from flywheel_assets.intent.intent_calibration import RANKING
from flywheel_assets.intent.pooled_outcomes import MODEL, MOST_EVENTS, RULES, PooledOutcomes
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.training.metrics import calibration_error
from flywheel_assets.training.ranking_metrics import AUC, LIFT, measure

BETTER = Check("better_than_counting", "The rules rank better than the number of events does (warning).")

SIMPLER = {RULES: MOST_EVENTS, MODEL: RULES}
"""What each ranking has to beat."""

SUBJECTS = {RULES: "The rules are", MODEL: "The model is"}
OBJECTS = {RULES: "the rules", MOST_EVENTS: "counting events"}

TABLE = Table(
    "intent_performance",
    "ranking",
    "AUC and lift of each ranking in the newest closed intervals with 500 conversions together, with 95 % intervals "
    "(bootstrap of users).",
    (intent_outcomes.TABLE,),
    (
        RANKING,
        Column("users", "int64", "Users that it ranked, once per interval with known outcomes."),
        Column("conversions", "int64", "Those of them who converted in the interval after."),
        Column("base_rate", "float64", "conversions / users."),
        Column("auc", "float64", "How often it ranks one who converted above one who did not; 0.5 is chance."),
        Column("auc_low", "float64", "The lower end of its interval."),
        Column("auc_high", "float64", "The upper end."),
        Column("lift_10", "float64", "The rate among its highest tenth, as a multiple of the base rate."),
        Column("lift_10_low", "float64", "The lower end of its interval."),
        Column("lift_10_high", "float64", "The upper end."),
        Column(
            "calibration_error",
            "float64",
            "How far probabilities are from rates, on average over ten bins, in the newest interval with outcomes: the "
            "model's, or those that earlier outcomes give the ranking (isotonic). Null with too few.",
        ),
        Column("compared_with", "string", "The next simpler ranking; null for the simplest."),
        Column("auc_difference", "float64", "AUC less that of the simpler ranking, on the same users."),
        Column("auc_difference_low", "float64", "The lower end of its interval."),
        Column("auc_difference_high", "float64", "The upper end."),
        Column("verdict", "string", "What this says, in a sentence."),
    ),
    earlier=(intent_outcomes.TABLE,),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(BETTER,),
)


def intent_performance(pooled: PooledOutcomes) -> list[dict[str, Any]]:
    """The rows of the table; all figures are null where outcomes are too few."""
    return [_row(pooled.predicted if ranking == MODEL else pooled, ranking) for ranking in pooled.rankings]


def _row(pooled: PooledOutcomes, ranking: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(column.name for column in TABLE.columns)
    row |= {"ranking": ranking, "users": pooled.users, "conversions": pooled.conversions}
    row["base_rate"] = pooled.conversions / pooled.users if pooled.users else None
    simpler = row["compared_with"] = SIMPLER.get(ranking)
    if pooled.too_few:
        return row | {"verdict": pooled.too_few}
    this = measure(pooled.converted, pooled.ranking(ranking), pooled.user)
    for name, metric in (("auc", AUC), ("lift_10", LIFT)):
        row |= _with_ends(name, this[metric].estimate)
    row["calibration_error"] = _calibration_error(pooled, ranking)
    if simpler is None:
        return row | {"verdict": "The ranking to beat: it takes no rules."}
    other = measure(pooled.converted, pooled.ranking(simpler), pooled.user)
    difference = this[AUC].less(other[AUC])
    return row | _with_ends("auc_difference", difference) | {"verdict": verdict(ranking, difference)}


def _with_ends(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _calibration_error(pooled: PooledOutcomes, ranking: str) -> float | None:
    newest = pooled.interval == pooled.interval.max()
    judged, earlier = pooled.only(newest), pooled.only(~newest)
    mapped = None if ranking == MODEL else earlier.map_of(ranking)
    if judged.too_few or (ranking != MODEL and mapped is None):
        return None
    values = judged.ranking(ranking)
    return calibration_error(mapped(values) if mapped else values, judged.converted)


def verdict(ranking: str, difference: Estimate) -> str:
    """What a difference of AUC to the simpler ranking says."""
    subject, simpler = SUBJECTS[ranking], OBJECTS[SIMPLER[ranking]]
    by = f"AUC {difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
    if difference.low > 0:
        return f"{subject} better than {simpler}: {by}"
    if difference.high < 0:
        return f"{subject} worse than {simpler}: {by}"
    return f"{subject} no better than {simpler}, beyond noise: {by}"


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Warns where the rules are not better than counting events beyond noise; says so where outcomes are too few."""
    rules = next(row for row in rows if row["ranking"] == RULES)
    low = rules["auc_difference_low"]
    aucs = {f"auc_{row['ranking'].replace(' ', '_')}": row["auc"] for row in rows if row["auc"] is not None}
    return [Verdict(BETTER.name, low is None or low > 0, rules["verdict"], "WARN", aucs)]
