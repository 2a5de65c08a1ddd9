"""intent_disagreements: what became of the users whom only the rules, or only the model, put in the highest tenth."""

from typing import Any

from flywheel_assets.intent import intent_outcomes, intent_predictions
from flywheel_assets.intent.intent_calibration import OUTCOME_COLUMNS, counted
from flywheel_assets.intent.pooled_outcomes import MODEL, RULES, PooledOutcomes, deciles
from flywheel_assets.tables.contract import Column, Table

TABLE = Table(
    "intent_disagreements",
    "who puts users in the highest tenth",
    "Users in the highest tenth of the rules, of the model, of both or of neither, and how many of them converted.",
    (intent_outcomes.TABLE,),
    (Column("highest_tenth_of", "string", "`both`, `rules only`, `model only` or `neither`."), *OUTCOME_COLUMNS),
    earlier=(intent_outcomes.TABLE,),
    used=intent_predictions.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
)


def intent_disagreements(pooled: PooledOutcomes) -> list[dict[str, Any]]:
    """The four rows of the table; tenths are of the users of one interval."""
    rows = pooled.predicted
    by_rules, by_model = rows.converted & False, rows.converted & False
    for number in set(rows.interval.tolist()):
        members = rows.interval == number
        by_rules[members] = deciles(rows.ranking(RULES)[members], rows.user[members]) == 0
        by_model[members] = deciles(rows.ranking(MODEL)[members], rows.user[members]) == 0
    groups = {
        "both": by_rules & by_model,
        "rules only": by_rules & ~by_model,
        "model only": by_model & ~by_rules,
        "neither": ~by_rules & ~by_model,
    }
    return [{"highest_tenth_of": name, **counted(rows.converted[who])} for name, who in groups.items()]
