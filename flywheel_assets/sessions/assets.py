"""Trimmed and labelled sessions as assets: trimmed_sessions, session_predictions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.orchestration.metadata import label_numbers, records
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.sessions import session_predictions as predictions
from flywheel_assets.sessions import trimmed_sessions as trimmed
from flywheel_assets.sessions.changes import Replacement
from flywheel_assets.sessions.repetition import repeating, repetition_figures
from flywheel_assets.tables.contract import LabelledRows
from flywheel_assets.tables.verdict import Verdict

SYSTEM = System("sessions")

FEATURES_A_QUERY = 32


def _parts(features: Sequence[str]) -> list[Sequence[str]]:
    """The features in parts that one query each can look at, one part at least. A query that joins the figures of
    features takes time and memory as their square: of 400, twelve seconds, or all memory."""
    starts = range(0, max(len(features), 1), FEATURES_A_QUERY)
    return [features[start : start + FEATURES_A_QUERY] for start in starts]


def _trimming_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    ledger = trimmed.Ledger.from_json(flywheel.warehouse.note("trimmed_sessions", interval, trimmed.LEDGER) or "")
    quantile = flywheel.settings.trim_quantile
    return [
        trimmed.share_removed(ledger, flywheel.warehouse.rows("trimmed_sessions", interval) or 0, quantile),
        trimmed.guards(ledger, trimmed.least_sessions(quantile)),
    ]


@SYSTEM.table(trimmed.TABLE, _trimming_verdicts)
def trimmed_sessions(step: Step) -> Made:
    flywheel, sessions = step.flywheel, step.read(landed_sessions.TABLE)
    features, quantile = flywheel.feature_names, flywheel.settings.trim_quantile
    count = flywheel.figures(sessions, {"sessions": sessions.count()})["sessions"]
    figures: dict[str, Any] = {}
    for part in _parts(features):
        figures |= flywheel.row(trimmed.threshold_aggregates(sessions, part, quantile, count))
    limits = trimmed.thresholds(figures, features, quantile, count)
    small = trimmed.too_small(count, quantile)
    kept = sessions if small else trimmed.trimmed_sessions(sessions, limits)
    removed = None if small else flywheel.row(trimmed.ledger_aggregates(sessions, limits))
    ledger = trimmed.ledger(count, limits, removed)
    written = step.write(kept, {trimmed.LEDGER: ledger.to_json()})
    numbers = {
        "trimmed": ledger.sessions_removed,
        "share_trimmed": ledger.share_removed,
        "users_vanished": ledger.users_vanished,
        "features_guarded": sum(limit.guarded for limit in limits),
        "interval_too_small": int(small),
    }
    return Made(written, numbers, records("ledger", ledger.lines()))


def _prediction_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("session_predictions", interval)
    labels, baseline = flywheel.models["session"].order, flywheel.models["session"].baseline
    row: dict[str, Any] = {}
    for part in _parts([*baseline.features] if baseline else []):
        some = replace(baseline, features={name: baseline.features[name] for name in part}) if baseline else None
        counted = repeating(flywheel.row(repetition_figures(table, part)), part)
        row |= flywheel.row(predictions.figures(table, labels, some, counted))
    previous = flywheel.label_counts(predictions.TABLE, flywheel.extent.previous(interval))
    measured = {feature.name: feature.measured for feature in flywheel.features}
    return predictions.verdicts(row, labels, baseline, previous, measured)


@SYSTEM.table(predictions.TABLE, _prediction_verdicts, kinds={"keras", "onnx"})
def session_predictions(step: Step) -> Made:
    return labelled(step, predictions.LABELS, step.read(trimmed.TABLE))


def labelled(step: Step, labels: LabelledRows, rows: ir.Table, columns: Sequence[str] | None = None) -> Made:
    """The step's table: rows with the model's predictions, and what that changed in the previous table. ``columns``:
    those that are kept, all by default."""
    flywheel, scorer = step.flywheel, step.flywheel.scorers[labels.model]
    replacement = Replacement(flywheel, step.table, labels, step.interval, step.generation)

    def scored(batch: pa.RecordBatch) -> pa.RecordBatch:
        batch = scorer.labelled(batch, labels.label, labels.version)
        return batch.select(columns) if columns else batch

    def schema(unlabelled: pa.Schema) -> pa.Schema:
        whole = scorer.schema(unlabelled, labels.label, labels.version)
        return pa.schema([whole.field(name) for name in columns or whole.names])

    written = step.write_mapped(rows, scored, schema, replacement)
    counts, baseline = flywheel.label_counts(step.table, step.interval) or {}, flywheel.models[labels.model].baseline
    numbers = label_numbers(counts, baseline.labels if baseline else None) | replacement.numbers
    return Made(written, numbers, {labels.version: scorer.version, **records("relabelled", replacement.relabelled)})
