"""intent_outcomes: who of those scored at the end of the previous interval converted in this one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intent import intent_predictions, intent_scores, user_days, user_features
from flywheel_assets.intent.intent_scores import SCORE, TIER
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

MATURED = Check("matured", "The interval is closed and its data reach its end, so outcomes are complete (warning).")
LATER = Check("later", "No outcome is from before the end of the features that predicted it.", True)

NOT_CLOSED = "judged once the interval has closed"
INCOMPLETE = "the data of the interval are incomplete, so who converted is unknown"


def immature(flywheel: "Flywheel", interval: Interval) -> str:
    """Why outcomes of an interval are not judged; empty where they are."""
    if not flywheel.closed(interval):
        return NOT_CLOSED
    return INCOMPLETE if incomplete(flywheel, [interval]) else ""


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    why_not = immature(flywheel, interval)
    return {"outcome": flywheel.intent.rules.outcome, "matured": f"no: {why_not}" if why_not else "yes"}


TABLE = Table(
    "intent_outcomes",
    "user scored at the end of the previous interval",
    "What became of the scores of the previous interval: who converted in this one. Empty until the interval closes, "
    "and where its data are incomplete.",
    (user_days.TABLE,),
    (
        USER_ID,
        SCORE,
        TIER,
        Column("most_events", "int64", "The user's events in the look-back then: the ranking to beat."),
        Column("probability", "float64", "The model's probability then; null where none was in use."),
        Column("converted", "boolean", "Whether the user has an event of the outcome's kind in this interval."),
        Column("first_outcome", "date", "The day of the first of them; null without one."),
    ),
    previous=(intent_scores.TABLE, user_features.TABLE, intent_predictions.TABLE),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(LATER, MATURED),
    parameters=_parameters,
)


def intent_outcomes(
    scores: ir.Table, features: ir.Table, days: ir.Table, outcome: str, predictions: ir.Table | None = None
) -> ir.Table:
    """The rows of the table. ``scores``, ``features`` and ``predictions`` of the previous interval, ``days`` of this
    one. Likely bots are left out, as they are when users are ranked."""
    of_outcome = days.filter(days[outcome] > 0)
    happened = of_outcome.group_by("user_id").aggregate(first_outcome=of_outcome.day.min())
    people = features.filter(~features.likely_bot).select("user_id", most_events="events")
    scored = scores.select("user_id", "score", "tier").inner_join(people, "user_id")
    joined = scored.left_join(happened, "user_id")
    probability: ir.Value = ibis.null("float64")
    if predictions is not None:
        joined = joined.drop("user_id_right").left_join(predictions.select("user_id", "probability"), "user_id")
        probability = joined.probability
    return joined.select(
        "user_id",
        "score",
        "tier",
        "most_events",
        probability=probability,
        converted=joined.first_outcome.notnull(),
        first_outcome="first_outcome",
    )


def figures(table: ir.Table, interval: Interval) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``conversions``, and ``early``, outcomes from before the interval."""
    return {
        "rows": table.count(),
        "conversions": table.converted.sum().coalesce(0),
        "early": (table.first_outcome < ibis.literal(interval.first_day)).sum().coalesce(0),
    }


def verdicts(row: Mapping[str, Any], interval: Interval, why_not: str) -> list[Verdict]:
    """Both checks. ``why_not``: of :func:`immature`."""
    users, conversions, early = (int(row[name]) for name in ("rows", "conversions", "early"))
    ended = f"before {interval.first_day}, the end of the features that predict them"
    late = f"{conversions:,} of {users:,} users converted, all in the interval"
    return [
        Verdict(LATER.name, not early, f"{early:,} outcomes are from {ended}" if early else late),
        Verdict(
            MATURED.name,
            not why_not,
            f"not judged, {interval.dates}: {why_not}" if why_not else f"{conversions:,} of {users:,} users converted",
            "WARN",
            {"users": users, "conversions": conversions},
        ),
    ]
