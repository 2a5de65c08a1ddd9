"""intent_probability: the probability of a conversion for each whole score."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from flywheel_assets.intent import intent_outcomes, intent_scores
from flywheel_assets.intent.pooled_outcomes import RULES, PooledOutcomes
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict

MONOTONE = Check("monotone", "A higher score never has a lower probability.", True)

SCORES = range(1, 101)

TABLE = Table(
    "intent_probability",
    "whole score",
    "The probability that a user with this score converts in the next interval, learnt from recent outcomes: isotonic "
    "regression on the newest intervals with 200 conversions together.",
    (intent_outcomes.TABLE,),
    (
        Column("score", "int32", "From 1 to 100; a user's score is rounded to it."),
        Column("probability", "float64", "The probability; null while outcomes are too few."),
        Column("users", "int64", "Users with that score, once per interval with known outcomes."),
        Column("conversions", "int64", "Those of them who converted in the interval after."),
    ),
    earlier=(intent_outcomes.TABLE,),
    used=intent_scores.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(MONOTONE,),
)


def intent_probability(pooled: PooledOutcomes) -> list[dict[str, Any]]:
    """The 100 rows of the table. Between scores that somebody had, probabilities are on a line; beyond them, level."""
    mapped = pooled.map_of(RULES, whole=True)
    at = np.rint(pooled.score).astype(np.int64)
    users = np.bincount(at, minlength=SCORES.stop)
    conversions = np.bincount(at, pooled.converted, SCORES.stop)
    return [
        {
            "score": score,
            "probability": float(mapped(np.array([float(score)]))[0]) if mapped else None,
            "users": int(users[score]),
            "conversions": int(conversions[score]),
        }
        for score in SCORES
    ]


def verdicts(rows: Sequence[Mapping[str, Any]], pooled: PooledOutcomes) -> list[Verdict]:
    known = [row["probability"] for row in rows if row["probability"] is not None]
    falls = sum(b < a for a, b in pairwise(known))
    summary = f"from {known[0]:.1%} to {known[-1]:.1%}" if known else pooled.too_few
    return [Verdict(MONOTONE.name, not falls, f"{falls} scores have a lower one" if falls else summary)]
