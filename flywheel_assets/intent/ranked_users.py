"""ranked_users: the users with the highest scores, in an order that ties do not change."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intent import intent_scores, user_features
from flywheel_assets.intent.intent_scores import SCORE, TEXTS, TIER
from flywheel_assets.intent.user_days import TRAIT, kinds_and_traits
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

ORDER = Check("order", "Ranks are 1 to the number of rows, and no score is above that of a better rank.", True)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"ranked users": str(flywheel.settings.ranked_users)}


TABLE = Table(
    "ranked_users",
    "user among those with the highest scores",
    "The users to contact first: the highest scores, with reasons. Likely bots are left out.",
    (intent_scores.TABLE, user_features.TABLE),
    (
        Column("rank", "int32", "From 1, the highest score."),
        USER_ID,
        SCORE,
        TIER,
        *TEXTS,
        Column("days_since_event", "int32", "Days from the user's last event to the interval's last day."),
        Column("active_days", "int32", "Days with an event in the look-back."),
        TRAIT,
    ),
    placeholders=kinds_and_traits,
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent_waits,
    checks=(ORDER,),
    parameters=_parameters,
)


def ranked_users(scores: ir.Table, features: ir.Table, traits: Sequence[str], most: int) -> ir.Table:
    """The ``most`` highest scores. Of equal scores the user with the more recent event goes before, then the one with
    more active days, then the lesser user_id."""
    wanted = features.filter(~features.likely_bot)
    of_users = wanted.select("user_id", "days_since_event", "active_days", *traits)
    joined = scores.inner_join(of_users, "user_id")
    order = [joined.score.desc(), joined.days_since_event, joined.active_days.desc(), joined.user_id]
    ranked = joined.mutate(rank=(ibis.row_number().over(order_by=order) + 1).cast("int32"))
    first = ranked.filter(ranked["rank"] <= most)
    texts = [column.name for column in TEXTS]
    columns = ["rank", "user_id", "score", "tier", *texts, "days_since_event", "active_days", *traits]
    return first.select(*columns).order_by("rank")


def order(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    """``rows``: rank and score of each row, in the table's order."""
    wrong = sum(row["rank"] != place for place, row in enumerate(rows, 1))
    wrong += sum(a["score"] < b["score"] for a, b in pairwise(rows))
    summary = f"{len(rows):,} users, scores {rows[-1]['score']} to {rows[0]['score']}" if rows else "no users"
    return Verdict(ORDER.name, not wrong, f"{wrong:,} rows out of order" if wrong else summary)
