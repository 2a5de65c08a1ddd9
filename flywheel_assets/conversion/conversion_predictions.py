"""conversion_predictions: the probability that each session of the data set converts, by the model in use."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.schema as sch
import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.registry.files import has_artefacts
from flywheel_assets.tables.columns import SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; each probability is from 0 to 1.", True)

PARAMETER = "conversion model"
NAME = "conversion_predictions"


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """Where the model in use learnt from the interval, the one that predicted it before stays: its predictions are the
    honest ones."""
    model = flywheel.conversion.model
    before = flywheel.lineage.made_with(NAME, interval, PARAMETER) if model.learnt_to >= interval.key else None
    return {PARAMETER: before or model.version}


TABLE = Table(
    NAME,
    "session that came to the horizon without a conversion",
    "The probability that each session converts after the horizon, and whether the model decides for it. An "
    "interval that the model learnt from keeps the predictions of an earlier model; without any it is empty.",
    (conversion_dataset.TABLE,),
    (
        SESSION_ID,
        USER_ID,
        UNIX,
        Column("probability", "float64", "The calibrated probability, 0 to 1."),
        Column("decision", "boolean", "Whether that reaches the model's threshold."),
        Column("model_version", "string", "The model."),
    ),
    used=lambda settings: conversion_dataset.TABLE.used(settings) and has_artefacts(settings.conversion_models_dir),
    waits=lambda flywheel: flywheel.conversion.model_wait,
    checks=(CONTRACT,),
    parameters=_parameters,
    model_parameters=lambda flywheel: (PARAMETER,),
)


def predicted(batch: pa.RecordBatch, scorer: ClassifierScorer) -> pa.RecordBatch:
    """Rows of conversion_dataset as rows of the table."""
    probability = scorer.probability(batch)
    columns = [
        *(batch.column(column.name) for column in (SESSION_ID, USER_ID, UNIX)),
        pa.array(probability),
        pa.array(scorer.decisions(probability)),
        pa.repeat(scorer.info.version, len(batch)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TABLE.schema)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``expected`` conversions, ``decisions``, and probabilities ``outside`` 0 to 1."""
    return {
        "rows": table.count(),
        "expected": table.probability.sum().coalesce(0.0),
        "decisions": table.decision.sum().coalesce(0),
        "outside": (~table.probability.between(0, 1)).fill_null(True).sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column]) -> Verdict:
    faults = wrong_columns(schema, columns)
    faults += [f"{row['outside']:,} probabilities are not from 0 to 1"] if row["outside"] else []
    summary = f"{row['rows']:,} sessions, {row['expected']:,.0f} conversions expected"
    if not row["rows"]:
        summary = "no sessions, or the model learnt from this interval"
    numbers = {"expected": float(row["expected"]), "decisions": int(row["decisions"])}
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers=numbers)
