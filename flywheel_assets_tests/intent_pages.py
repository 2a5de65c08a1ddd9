"""Pages of intent of a few users, whose features, scores and explanations are made as the graph makes them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from flywheel_assets.intent import intent_explanations, intent_scores, ranked_users, user_features
from flywheel_assets.intent.page_content import Content
from flywheel_assets.intent.ranking import RuleShare
from flywheel_assets.intent.rules_file import rules_in
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import CALENDAR, frame

KINDS = ("page_views", "pricing_visits", "purchases")
INTERVAL = CALENDAR.number(4)

RULES = """
[outcome]
kind = "purchases"
[tiers]
High = 60
Low = 1
[groups.buying]
cap = 50
reason = "Signs that a user wants to buy."
[groups.attention]
cap = 30
reason = "Who is here."
[groups.bought]
cap = 0
floor = -15
reason = "Who has just bought."
[rules.pricing_visits]
group = "buying"
feature = "pricing_visits"
points = 60
half_at = 3
half_life_days = 21
reason = "Who comes back to the prices is comparing."
[rules.recency]
group = "attention"
feature = "days_since_event"
points = 20
half_at = 7
falls = true
reason = "Who was here lately remembers us."
[rules.page_views]
group = "attention"
feature = "page_views"
points = 20
half_at = 40
reason = "Who reads more knows us better."
[rules.after_purchases]
group = "bought"
feature = "purchases"
points = -15
half_at = 1
reason = "Who has just converted rarely does so again at once."
"""

Did = tuple[int, int, int, int]
"""Days before the interval's end, page views, pricing visits and purchases of that day."""


def content_of(
    engine: DuckDBEngine,
    users: Mapping[str, Sequence[Did]],
    traits: Mapping[str, Mapping[str, str]] | None = None,
    **said: Any,
) -> Content:
    """The content of the page of :data:`INTERVAL`. ``traits``: per trait its value by user. ``said``: fields that are
    to be otherwise."""
    traits = traits or {}
    rules = rules_in(RULES, Path("intent_rules.toml"), KINDS, user_features.numeric_features(KINDS), list(traits))
    days = [
        {
            "user_id": user,
            "day": INTERVAL.last_day - timedelta(days=ago),
            "events": sum(counts),
            **dict(zip(KINDS, counts, strict=True)),
            "sessions": 1,
            "seconds": 60,
            "likely_bot": False,
            **{trait: values.get(user) for trait, values in traits.items()},
        }
        for user, did in users.items()
        for ago, *counts in did
    ]
    rows = frame(_types(list(traits)), [list(day.values()) for day in days])
    features = engine.collect(user_features.user_features(rows, KINDS, list(traits), INTERVAL, 90))
    batch = features.combine_chunks().to_batches()[0] if len(features) else _none(features.schema)
    scores = intent_scores.scored(batch, rules, KINDS)
    explained = intent_explanations.explanations(batch, rules, KINDS).to_pylist()
    tables = [ibis.memtable(pa.Table.from_batches([scores])), ibis.memtable(features)]
    ranked = sorted(
        engine.collect(ranked_users.ranked_users(*tables, list(traits), 200)).to_pylist(), key=lambda row: row["rank"]
    )
    tiers = scores.column("tier").to_pylist()
    fields: dict[str, Any] = {
        "interval": INTERVAL,
        "closed": True,
        "rules": rules,
        "kinds": KINDS,
        "traits": list(traits),
        "look_back_days": 90,
        "users": len(tiers),
        "tiers": {name: tiers.count(name) for name, _ in rules.tiers},
        "shares": [RuleShare("pricing_visits", "buying", 3, 12.5, 0.75)],
        "ranked": ranked,
        "ranked_in_all": len(ranked),
        "explanations": {user: [row for row in explained if row["user_id"] == user] for user in users},
        "days": {user: [row for row in days if row["user_id"] == user] for user in users},
        "generation": "0123456789abcdef",
    }
    return Content(**{**fields, **said})


def _types(traits: Sequence[str]) -> dict[str, pa.DataType | str]:
    numbers = dict.fromkeys(("events", *KINDS, "sessions"), pa.int32())
    return {
        "user_id": pa.string(),
        "day": pa.date32(),
        **numbers,
        "seconds": pa.int64(),
        "likely_bot": pa.bool_(),
        **dict.fromkeys(traits, pa.string()),
    }


def _none(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)
