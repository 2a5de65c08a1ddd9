"""ranked_users: the users with the highest scores, in an order that ties do not change."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intent import intent_predictions, intent_scores, user_features
from flywheel_assets.intent.intent_scores import SCORE, TEXTS, TIER
from flywheel_assets.intent.user_days import TRAIT, kinds_and_traits
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

ORDER = Check(
    "order",
    "Ranks are 1 to the number of rows, and what users are ranked by is never above that of a better rank.",
    True,
)

BY_RULES, BY_MODEL = "rules", "model"


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"ranked users": str(flywheel.settings.ranked_users)}


TABLE = Table(
    "ranked_users",
    "user among those to contact first",
    "The users to contact first: the highest scores, or probabilities once a model is in use, with the reasons of the "
    "score. Likely bots are left out.",
    (intent_scores.TABLE, user_features.TABLE, intent_predictions.TABLE),
    (
        Column("rank", "int32", "From 1, the highest score or probability."),
        USER_ID,
        SCORE,
        TIER,
        Column("probability", "float64", "The model's probability of a conversion; null where none is in use."),
        Column("ranked_by", "string", "`rules`: by the score; `model`: by the probability."),
        *TEXTS,
        Column("days_since_event", "int32", "Days from the user's last event to the interval's last day."),
        Column("active_days", "int32", "Days with an event in the look-back."),
        TRAIT,
    ),
    placeholders=kinds_and_traits,
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(ORDER,),
    parameters=_parameters,
)


def ranked_users(
    scores: ir.Table, features: ir.Table, traits: Sequence[str], most: int, predictions: ir.Table | None = None
) -> ir.Table:
    """The ``most`` highest probabilities of ``predictions``, without them the highest scores. Of equal probabilities
    the higher score goes before; of equal scores the user with the more recent event, then the one with more active
    days, then the lesser user_id."""
    wanted = features.filter(~features.likely_bot)
    of_users = wanted.select("user_id", "days_since_event", "active_days", *traits)
    joined = scores.inner_join(of_users, "user_id")
    if predictions is None:
        joined = joined.mutate(probability=ibis.null("float64"), ranked_by=ibis.literal(BY_RULES))
    else:
        joined = joined.inner_join(predictions.select("user_id", "probability"), "user_id")
        joined = joined.mutate(ranked_by=ibis.literal(BY_MODEL))
    order = [joined.score.desc(), joined.days_since_event, joined.active_days.desc(), joined.user_id]
    order = order if predictions is None else [joined.probability.desc(), *order]
    ranked = joined.mutate(rank=(ibis.row_number().over(order_by=order) + 1).cast("int32"))
    first = ranked.filter(ranked["rank"] <= most)
    texts = [column.name for column in TEXTS]
    known = ["rank", "user_id", "score", "tier", "probability", "ranked_by"]
    columns = [*known, *texts, "days_since_event", "active_days", *traits]
    return first.select(*columns).order_by("rank")


def order(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    """``rows``: rank, score and probability of each row, in the table's order."""
    by = "probability" if rows and rows[0].get("ranked_by") == BY_MODEL else "score"
    wrong = sum(row["rank"] != place for place, row in enumerate(rows, 1))
    wrong += sum(a[by] < b[by] for a, b in pairwise(rows))
    summary = f"{len(rows):,} users, {by} {rows[-1][by]:.4g} to {rows[0][by]:.4g}" if rows else "no users"
    return Verdict(ORDER.name, not wrong, f"{wrong:,} rows out of order" if wrong else summary)
