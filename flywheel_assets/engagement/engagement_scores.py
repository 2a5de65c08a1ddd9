"""engagement_scores: the probability that each user is active in the next interval, and that one of their sessions has
the best label, beside what simple baselines say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.schema as sch
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.engagement import engagement_history
from flywheel_assets.engagement.score_models import NO_MODEL, parameter
from flywheel_assets.engagement.score_targets import TARGETS
from flywheel_assets.engagement.transition_chances import CHANCES
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; each probability is from 0 to 1.", True)
CONSERVATION = Check("conservation", "One row per user of engagement_history, or none at all.", True)

COMPLETE = Check("complete", "The interval's data reach its end: else users seem to have left (warning).")

EXPORT = "engagement_export"
"""The table as one file with the interval's number and dates, beside the other exports."""


NAME = "engagement_scores"

BEST_LABEL = "best label"
"""The parameter that says which label probability_best_label is of."""


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """Where a model in use learnt from what came next, the one that predicted it before stays: its scores are the
    honest ones."""
    versions = {BEST_LABEL: flywheel.models["session"].order[-1]}
    for target in TARGETS:
        info, name = flywheel.score_models.infos.get(target.name), parameter(target)
        before = (
            flywheel.lineage.made_with(NAME, interval, name) if info and not learnt_before(info, interval) else None
        )
        versions[name] = before or (info.version if info else NO_MODEL)
    return versions


TABLE = Table(
    NAME,
    "user with a session in the look-back",
    "The probability that each user has a session in the next interval, and one of the best label. An "
    "interval whose future the models learnt from keeps the scores of earlier models; without any it is empty.",
    (engagement_history.TABLE,),
    (
        USER_ID,
        Column(
            "probability_active",
            "float64",
            "The calibrated probability of a session in the next interval; null without a model, and where it learnt "
            "from that interval.",
        ),
        Column("probability_best_label", "float64", "That of a session of the best label; null in the same way."),
        Column("last_active", "boolean", "Whether the user has a session in this interval: the guess of no change."),
        Column("last_best_label", "boolean", "Whether one of them has the best label."),
        *CHANCES,
        Column("activity_model_version", "string", "The model of probability_active; null where that is."),
        Column("best_label_model_version", "string", "The model of probability_best_label; null where that is."),
    ),
    used=engagement_history.TABLE.used,
    waits=engagement_history.TABLE.waits,
    checks=(CONTRACT, CONSERVATION, COMPLETE),
    parameters=_parameters,
    model_parameters=lambda flywheel: (BEST_LABEL, *map(parameter, TARGETS)),
    companions=lambda flywheel: (EXPORT,),
)


def learnt_before(info: ClassifierInfo, interval: Interval) -> bool:
    """Whether a model has not seen the interval after this one, so that it can predict it."""
    return info.learnt_to <= interval.key


def scored(batch: pa.RecordBatch, scorers: Mapping[str, ClassifierScorer]) -> pa.RecordBatch:
    """Rows of engagement_history as rows of the table. ``scorers``: by the name of their target, those that may
    predict."""
    columns = {
        "user_id": batch.column("user_id"),
        "last_active": pc.greater(batch.column("sessions"), 0),
        "last_best_label": pc.greater(batch.column("best_sessions"), 0),
        **{column.name: batch.column(column.name) for column in CHANCES},
    }
    for target in TARGETS:
        scorer = scorers.get(target.name)
        rows = len(batch)
        columns[f"probability_{target.outcome}"] = (
            pa.array(scorer.probability(batch)) if scorer else pa.nulls(rows, pa.float64())
        )
        columns[f"{target.name}_model_version"] = (
            pa.repeat(scorer.info.version, rows) if scorer else pa.nulls(rows, pa.string())
        )
    return pa.RecordBatch.from_arrays([columns[name] for name in TABLE.schema.names], schema=TABLE.schema)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, and per target the ``expected_...`` users and probabilities ``outside`` 0 to 1."""
    probabilities = [table[f"probability_{target.outcome}"] for target in TARGETS]
    outside = sum((~one.between(0, 1)).fill_null(False).sum().coalesce(0) for one in probabilities)
    expected = {
        f"expected_{target.outcome}": one.sum().coalesce(0.0)
        for target, one in zip(TARGETS, probabilities, strict=True)
    }
    return {"rows": table.count(), "outside": outside, **expected}


def verdicts(
    row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], users: int, incomplete: str
) -> list[Verdict]:
    """All checks. ``users``: the rows of engagement_history; ``incomplete``: how the interval is, in words, else
    empty."""
    faults = wrong_columns(schema, columns)
    faults += [f"{row['outside']:,} probabilities are not from 0 to 1"] if row["outside"] else []
    numbers = {name: float(row[name]) for name in row if name.startswith("expected_")}
    summary = (
        f"{row['rows']:,} users: {row['expected_active']:,.0f} expected to be active, "
        f"{row['expected_best_label']:,.0f} to have a session of the best label"
    )
    if not row["rows"]:
        summary = "no users, or the models learnt from what came after this interval"
    kept = row["rows"] in (0, users)
    return [
        Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers=numbers),
        Verdict(CONSERVATION.name, kept, f"{row['rows']:,} users here, {users:,} in {engagement_history.TABLE.name}"),
        Verdict(COMPLETE.name, not incomplete, incomplete or "the interval's data are complete", "WARN"),
    ]
