"""intent_outcomes: who of those scored at the end of the previous interval converted in this one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intent import intent_scores, user_days, user_features
from flywheel_assets.intent.intent_scores import SCORE, TIER
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

MATURED = Check("matured", "The interval is closed, so that its outcomes are complete (warning).")
LATER = Check("later", "No outcome is from before the end of the features that predicted it.", True)

NOT_YET = "no: judged once the interval has closed"


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "outcome": flywheel.intent_rules.outcome,
        "matured": "yes" if flywheel.closed(interval) else NOT_YET,
    }


TABLE = Table(
    "intent_outcomes",
    "user scored at the end of the previous interval",
    "What became of the scores of the previous interval: who converted in this one. Empty until the interval closes.",
    (user_days.TABLE,),
    (
        USER_ID,
        SCORE,
        TIER,
        Column("most_events", "int64", "The user's events in the look-back then: the ranking to beat."),
        Column("converted", "boolean", "Whether the user has an event of the outcome's kind in this interval."),
        Column("first_outcome", "date", "The day of the first of them; null without one."),
    ),
    previous=(intent_scores.TABLE, user_features.TABLE),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent_waits,
    checks=(LATER, MATURED),
    parameters=_parameters,
)


def intent_outcomes(scores: ir.Table, features: ir.Table, days: ir.Table, outcome: str) -> ir.Table:
    """The rows of the table. ``scores`` and ``features`` of the previous interval, ``days`` of this one. Likely bots
    are left out, as they are when users are ranked."""
    of_outcome = days.filter(days[outcome] > 0)
    happened = of_outcome.group_by("user_id").aggregate(first_outcome=of_outcome.day.min())
    people = features.filter(~features.likely_bot).select("user_id", most_events="events")
    scored = scores.select("user_id", "score", "tier").inner_join(people, "user_id")
    joined = scored.left_join(happened, "user_id")
    return joined.select(
        "user_id",
        "score",
        "tier",
        "most_events",
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


def verdicts(row: Mapping[str, Any], interval: Interval, matured: bool) -> list[Verdict]:
    """Both checks."""
    users, conversions, early = (int(row[name]) for name in ("rows", "conversions", "early"))
    ended = f"before {interval.first_day}, the end of the features that predict them"
    late = f"{conversions:,} of {users:,} users converted, all in the interval"
    return [
        Verdict(LATER.name, not early, f"{early:,} outcomes are from {ended}" if early else late),
        Verdict(
            MATURED.name,
            matured,
            f"{conversions:,} of {users:,} users converted"
            if matured
            else f"not judged: {interval.dates} is not closed",
            "WARN",
            {"users": users, "conversions": conversions},
        ),
    ]
