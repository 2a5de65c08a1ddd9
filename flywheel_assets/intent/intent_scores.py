"""intent_scores: the intent of each user as a score from 1 to 100, with the points that it is the sum of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.schema as sch
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from flywheel_assets.intent import user_features
from flywheel_assets.intent.evidence import REASONS, next_steps, reasons
from flywheel_assets.intent.rules import IntentRules
from flywheel_assets.intent.scoring import HUNDREDTHS, Features, IntArray, score
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, none_of

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; each score is one of the rules' range.", True)
ADDS_UP = Check("adds_up", "Each user's points and clamp sum to the score exactly.", True)
TIERS = Check("tiers", "No tier has every user (warning).")

DIGITS = 7
POINTS = f"decimal({DIGITS}, 2)"
SCORE = Column("score", POINTS, "The intent, from 1 to 100.")
TIER = Column("tier", "string", "The tier of the score.")
TEXTS = (
    *(
        Column(f"reason_{n}", "string", f"The rule that gave the {nth} points, with its evidence; null without one.")
        for n, nth in zip(range(1, REASONS + 1), ("most", "second most", "third most"), strict=True)
    ),
    Column("next_step", "string", "What would raise the score most if the user did it now; null if nothing would."),
)

RULES = "rules of intent"
"""The parameter of a generation with the digest of the rules."""


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {RULES: flywheel.intent.rules.digest}


TABLE = Table(
    "intent_scores",
    "user with an event in the look-back",
    "The intent of each user, from 1 to 100, by the rules in intent_rules.toml: points that add up, and reasons.",
    (user_features.TABLE,),
    (
        USER_ID,
        SCORE,
        TIER,
        Column("points_<rule>", POINTS, "What a rule gave, its share of the cap of its group."),
        Column("clamp", POINTS, "What the score's floor added to the sum of the points, or its ceiling took away."),
        *TEXTS,
    ),
    placeholders=lambda flywheel: {"<rule>": flywheel.intent.rules.names},
    used=user_features.TABLE.used,
    waits=lambda flywheel: flywheel.intent.rules_wait,
    checks=(CONTRACT, ADDS_UP, TIERS),
    parameters=_parameters,
)


def features_of(rows: pa.RecordBatch | pa.Table, rules: IntentRules, kinds: Sequence[str]) -> Features:
    """The columns of user_features that the rules need, as :func:`score` takes them."""
    return {name: _array(rows.column(name)) for name in rules.needed(kinds) if name != "user_id"}


def scored(batch: pa.RecordBatch, rules: IntentRules, kinds: Sequence[str]) -> pa.RecordBatch:
    """Rows of user_features as rows of the table."""
    features = features_of(batch, rules, kinds)
    scores = score(features, rules, kinds)
    tiers = np.array([name for name, _ in rules.tiers], object)
    columns = [
        batch.column("user_id"),
        decimals(scores.score),
        pa.array(tiers[scores.tier], pa.string()),
        *(decimals(scores.points[:, i]) for i in range(len(rules.rules))),
        decimals(scores.clamp),
        *(pa.array(texts, pa.string()) for texts in reasons(scores, features, rules, kinds)),
        pa.array(next_steps(scores, features, rules, kinds), pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema_of(rules))


def schema_of(rules: IntentRules) -> pa.Schema:
    number = pa.decimal128(DIGITS, 2)
    return pa.schema(
        [
            ("user_id", pa.string()),
            ("score", number),
            ("tier", pa.string()),
            *((f"points_{name}", number) for name in rules.names),
            ("clamp", number),
            *((column.name, pa.string()) for column in TEXTS),
        ]
    )


def decimals(hundredths: IntArray) -> pa.Array:
    """Whole hundredths as decimals, without rounding: an int64 and its sign are the 128 bits of one. Raises ValueError
    for more digits than their column has."""
    if len(hundredths) and np.abs(hundredths).max() >= 10**DIGITS:
        raise ValueError(f"points beyond the {DIGITS} digits of {POINTS}: {np.abs(hundredths).max() / HUNDREDTHS:,.2f}")
    words = np.empty((len(hundredths), 2), np.int64)
    words[:, 0], words[:, 1] = hundredths, np.where(hundredths < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(DIGITS, 2), len(hundredths), [None, pa.py_buffer(words.tobytes())])


def figures(table: ir.Table, rules: IntentRules) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``users`` (distinct), ``outside`` the range of scores, ``wrong_sums``, and ``tier:<tier>``,
    how many users are in each."""
    total = sum((table[f"points_{name}"].cast("decimal(12, 2)") for name in rules.names), start=table.clamp)
    return {
        "rows": table.count(),
        "users": table.user_id.nunique(),
        "outside": (~table.score.between(rules.floor, rules.ceiling)).fill_null(True).sum().coalesce(0),
        "wrong_sums": (total != table.score).fill_null(True).sum().coalesce(0),
        "mean_score": table.score.cast("float64").mean().coalesce(0.0),
        **{f"tier:{name}": (table.tier == name).sum().coalesce(0) for name, _ in rules.tiers},
    }


def verdicts(
    row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], rules: IntentRules
) -> list[Verdict]:
    """All checks."""
    repeated, rows = int(row["rows"]) - int(row["users"]), int(row["rows"])
    faults = wrong_columns(schema, columns)
    faults += [f"{repeated:,} further rows of a user already counted"] if repeated else []
    faults += [f"{row['outside']:,} scores outside {rules.floor:g} to {rules.ceiling:g}"] if row["outside"] else []
    counts = {name: int(row[f"tier:{name}"]) for name, _ in rules.tiers}
    full = next((name for name, count in counts.items() if rows and count == rows and len(counts) > 1), "")
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return [
        Verdict(CONTRACT.name, not faults, "; ".join(faults) or f"{rows:,} users, mean score {row['mean_score']:.1f}"),
        none_of(ADDS_UP.name, "users whose points do not sum to the score", int(row["wrong_sums"]), rows),
        Verdict(
            TIERS.name,
            not full,
            f"all {rows:,} users are in the tier {full}: no bound of [tiers] tells them apart" if full else listed,
            "WARN",
            {f"tier_{name}": count for name, count in counts.items()},
        ),
    ]


def _array(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.asarray(column.to_pylist(), object)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
