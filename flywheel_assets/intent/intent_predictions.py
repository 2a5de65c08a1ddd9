"""intent_predictions: the probability that each user converts in the next interval, by the model in use, and why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.schema as sch
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from flywheel_assets.intent import user_features
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.booster import BoosterInfo, BoosterScorer, logistic
from flywheel_assets.registry.files import has_artefacts
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.labels import snake_case
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; each probability is from 0 to 1.", True)

PARAMETER = "intent model"

VERSION = Column("intent_model_version", "string", "The model.")


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {PARAMETER: flywheel.intent.model.version}


TABLE = Table(
    "intent_predictions",
    "user with an event in the look-back",
    "The probability that each user converts in the next interval, by the model of intent. Empty for an interval whose "
    "future the model learnt from.",
    (user_features.TABLE,),
    (
        USER_ID,
        Column("probability", "float64", "The calibrated probability, 0 to 1."),
        VERSION,
        Column(
            "contribution_<rule group>",
            "float64",
            "What the features of a group of rules add to the log-odds of the probability (SHAP); `other`: of no rule.",
        ),
        Column("contribution_baseline", "float64", "The log-odds before any feature; all contributions sum to them."),
    ),
    placeholders=lambda flywheel: {"<rule group>": [snake_case(name) for name in flywheel.intent.model.group_names]},
    used=lambda settings: user_features.TABLE.used(settings) and has_artefacts(settings.intent_models_dir),
    waits=lambda flywheel: flywheel.intent.model_wait,
    checks=(CONTRACT,),
    parameters=_parameters,
    model_parameters=lambda flywheel: (PARAMETER,),
)


def predicted(batch: pa.RecordBatch, scorer: BoosterScorer) -> pa.RecordBatch:
    """Rows of user_features as rows of the table."""
    contributions = scorer.contributions(feature_matrix(batch, scorer.info.features))
    columns = [
        batch.column("user_id"),
        pa.array(logistic(contributions.sum(axis=1))),
        pa.repeat(scorer.info.version, len(batch)),
        *(pa.array(np.ascontiguousarray(column)) for column in contributions.T),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema_of(scorer.info))


def feature_matrix(rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> np.ndarray:
    """Columns of user_features as the model takes them [n, F]: float64, NaN for null."""
    columns = [rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
    return np.column_stack(columns) if columns else np.zeros((rows.num_rows, 0))


def schema_of(info: BoosterInfo) -> pa.Schema:
    contributions = [f"contribution_{snake_case(name)}" for name in (*info.group_names, "baseline")]
    numbers = [(name, pa.float64()) for name in contributions]
    return pa.schema([("user_id", pa.string()), ("probability", pa.float64()), (VERSION.name, pa.string()), *numbers])


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``expected`` conversions, and ``outside`` 0 to 1."""
    return {
        "rows": table.count(),
        "expected": table.probability.sum().coalesce(0.0),
        "outside": (~table.probability.between(0, 1)).fill_null(True).sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column]) -> Verdict:
    faults = wrong_columns(schema, columns)
    faults += [f"{row['outside']:,} probabilities are not from 0 to 1"] if row["outside"] else []
    summary = f"{row['rows']:,} users, {row['expected']:,.0f} conversions expected"
    if not row["rows"]:
        summary = "no users, or the model learnt from what came after this interval"
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary)
