"""intent_explanations: a row per rule that gave a user points, with the evidence; their points sum to the score."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from flywheel_assets.intent import intent_scores, user_features
from flywheel_assets.intent.evidence import sentences
from flywheel_assets.intent.intent_scores import POINTS, decimals, features_of
from flywheel_assets.intent.rules import CLAMP, IntentRules, since
from flywheel_assets.intent.scoring import score
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

ADDS_UP = Check("adds_up", "Points sum to those of intent_scores, over all users exactly.", True)

TABLE = Table(
    "intent_explanations",
    "user and rule with points",
    "Where each user's score comes from: the points of each rule that gave or took some, and the evidence.",
    (user_features.TABLE, intent_scores.TABLE),
    (
        USER_ID,
        Column("rule", "string", f"The rule; `{CLAMP}` for what the score's floor or ceiling changed."),
        Column("rule_group", "string", f"Its group; null for `{CLAMP}`."),
        Column("value", "float64", "The user's value of the rule's feature; null for a trait."),
        Column("days_since", "int32", "Days since the last event of the feature's kind; null without one."),
        Column("points", POINTS, "What the rule gave; a user's sum to the score."),
        Column("reason", "string", "The evidence and the points, in words."),
    ),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(ADDS_UP,),
)


def explanations(batch: pa.RecordBatch, rules: IntentRules, kinds: Sequence[str]) -> pa.RecordBatch:
    """Rows of user_features as rows of the table, rule by rule."""
    features = features_of(batch, rules, kinds)
    scores = score(features, rules, kinds)
    parts = []
    for position, rule in enumerate(rules.rules):
        users = np.flatnonzero(scores.points[:, position])
        points = scores.points[users, position]
        values = np.full(len(users), np.nan) if rule.values else np.asarray(features[rule.feature], np.float64)[users]
        column = since(rule.feature, kinds)
        days = features[column] if rule.feature in kinds else np.full(len(batch), np.nan)
        parts.append(
            [
                batch.column("user_id").take(pa.array(users)),
                pa.repeat(rule.name, len(users)),
                pa.repeat(rule.group, len(users)),
                pa.array(values, from_pandas=True),
                pa.array(np.asarray(days, np.float64)[users], from_pandas=True).cast(pa.int32()),
                decimals(points),
                pa.array(sentences(rule, points, features, users, kinds), pa.string()),
            ]
        )
    clamped = np.flatnonzero(scores.clamp)
    bounds = f"held between {rules.floor:g} and {rules.ceiling:g}"
    parts.append(
        [
            batch.column("user_id").take(pa.array(clamped)),
            pa.repeat(CLAMP, len(clamped)),
            pa.nulls(len(clamped), pa.string()),
            pa.nulls(len(clamped), pa.float64()),
            pa.nulls(len(clamped), pa.int32()),
            decimals(scores.clamp[clamped]),
            pa.repeat(bounds, len(clamped)),
        ]
    )
    columns = [pa.concat_arrays([part[i] for part in parts]) for i in range(len(TABLE.columns))]
    return pa.RecordBatch.from_arrays(columns, schema=TABLE.schema)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows`` and ``points``, their sum."""
    return {"rows": table.count(), "points": table.points.cast("decimal(18, 2)").sum().coalesce(0)}


def adds_up(row: Mapping[str, Any], scores: Any) -> Verdict:
    """``scores``: the sum of all scores in intent_scores."""
    same = row["points"] == scores
    found = f"points sum to {row['points']:,}, scores to {scores:,}"
    return Verdict(ADDS_UP.name, bool(same), found, numbers={"rows": int(row["rows"])})
