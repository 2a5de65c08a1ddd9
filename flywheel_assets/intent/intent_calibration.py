"""intent_calibration: what became of users by the tenth of the ranking that they were in."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flywheel_assets.intent import intent_outcomes, intent_scores
from flywheel_assets.intent.pooled_outcomes import MODEL, RULES, PooledOutcomes, deciles
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.significance import wilson
from flywheel_assets.tables.verdict import Check, Verdict

CONSERVATION = Check("conservation", "The users of a ranking's tenths sum to those that it ranks.", True)

RANKING = Column("ranking", "string", "`rules`, `model` where one is in use, or `most events so far`.")
OUTCOME_COLUMNS = (
    Column("users", "int64", "Users, each counted once per interval with known outcomes."),
    Column("conversions", "int64", "Those of them who converted in the interval after."),
    Column("rate", "float64", "conversions / users; null without users."),
    Column("low", "float64", "The lower end of its 95 % interval (Wilson)."),
    Column("high", "float64", "The upper end."),
)

TABLE = Table(
    "intent_calibration",
    "ranking and tenth",
    "Users by tenths of each ranking, and how many of them converted, in the newest closed intervals with 500 "
    "conversions together.",
    (intent_outcomes.TABLE,),
    (
        RANKING,
        Column("decile", "int32", "The tenth, from 1, the highest."),
        *OUTCOME_COLUMNS,
        Column(
            "mean_probability",
            "float64",
            "The mean of what was expected: of the model's probabilities, or of those that earlier outcomes gave "
            "scores (isotonic; the first outcomes their own). Null for other rankings, and with too few outcomes.",
        ),
    ),
    earlier=(intent_outcomes.TABLE,),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(CONSERVATION,),
)


def intent_calibration(pooled: PooledOutcomes) -> list[dict[str, Any]]:
    """The rows of the table; none without outcomes."""
    rows = []
    for ranking in pooled.rankings if pooled.users else ():
        ranked = pooled.predicted if ranking == MODEL else pooled
        values = ranked.ranking(ranking)
        expected = {MODEL: values, RULES: ranked.expected}.get(ranking)
        tenth = deciles(values, ranked.user)
        for number in range(10):
            members = tenth == number
            mean = float(expected[members].mean()) if expected is not None and members.any() else np.nan
            rows.append(
                {
                    "ranking": ranking,
                    "decile": number + 1,
                    **counted(ranked.converted[members]),
                    "mean_probability": None if np.isnan(mean) else mean,
                }
            )
    return rows


def counted(converted: np.ndarray) -> dict[str, Any]:
    """OUTCOME_COLUMNS of users, from whether each converted."""
    users, conversions = len(converted), int(converted.sum())
    low, high = wilson(conversions, users)
    rate = conversions / users if users else None
    return {"users": users, "conversions": conversions, "rate": rate, "low": low, "high": high}


def verdicts(rows: Sequence[Mapping[str, Any]], pooled: PooledOutcomes) -> list[Verdict]:
    """``pooled``: what the rows were counted from."""
    expected = {r: (pooled.predicted if r == MODEL else pooled).users for r in pooled.rankings if pooled.users}
    sums = {r: sum(row["users"] for row in rows if row["ranking"] == r) for r in expected}
    lost = {r: count for r, count in expected.items() if sums[r] != count}
    wrong = ", ".join(f"{r}: {sums[r]:,} of {count:,} users" for r, count in lost.items())
    summary = f"{pooled.conversions:,} of {pooled.users:,} users converted" if pooled.users else "no outcomes yet"
    return [Verdict(CONSERVATION.name, not lost, wrong or summary)]
