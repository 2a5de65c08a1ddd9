"""Outcomes of simulated users: what they did, what the rules say of it, and who converted in the next interval."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flywheel_assets.intent.intent_scores import features_of
from flywheel_assets.intent.learning_rows import INTERVAL
from flywheel_assets.intent.rules import IntentRules
from flywheel_assets.intent.scoring import score
from flywheel_assets.intent.user_features import numeric_features

KEYS = ("2024-01-15", "2024-01-29", "2024-02-12", "2024-02-26")
LENGTH_DAYS = 90


def simulated_rows(
    rules: IntentRules, kinds: Sequence[str], users: int = 500, seed: int = 1, slope: float = 1.5
) -> pa.Table:
    """As `learning_rows.outcome_rows` gives them: the same users in each interval of KEYS. An intent behind all makes
    pricing visits, and conversions with that ``slope``; other kinds are noise."""
    draw = np.random.default_rng(seed)
    parts = []
    for key in KEYS:
        intent = draw.normal(size=users)
        columns: dict[str, np.ndarray] = {}
        for kind in kinds:
            count = draw.poisson(np.exp(1.2 * intent) if kind == "pricing_visits" else np.full(users, 0.7))
            columns[kind] = count
            columns[f"days_since_{kind}"] = np.where(count > 0, draw.integers(0, LENGTH_DAYS, users), np.nan)
        for name in numeric_features(kinds)[2 * len(kinds) :]:
            columns[name] = draw.integers(0, 50, users).astype(float)
        rows = pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
        scores = score(features_of(rows, rules, kinds), rules, kinds).score / 100
        converted = draw.random(users) < 1 / (1 + np.exp(2.0 - slope * intent))
        head = {
            "user_id": [f"u{n:04}" for n in range(users)],
            "score": scores,
            "most_events": columns["events"].astype(np.int64),
            "converted": converted,
        }
        head_table = pa.table(head)
        for name in rows.column_names:
            head_table = head_table.append_column(name, rows[name])
        parts.append(head_table.append_column(INTERVAL, pa.repeat(key, users)))
    return pa.concat_tables(parts)
