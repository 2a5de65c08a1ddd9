"""Conversion of sessions as assets: session_horizons, conversion_dataset, conversion_predictions, and what became of
them: conversion_ledger, conversion_reliability; the training: conversion_comparison, conversion_model,
conversion_evaluation, feature_importance."""

from typing import Any

import dagster as dg
import ibis

from flywheel_assets.conversion import conversion_dataset as dataset
from flywheel_assets.conversion import conversion_ledger as ledgers
from flywheel_assets.conversion import conversion_predictions as predicted
from flywheel_assets.conversion import conversion_reliability as reliabilities
from flywheel_assets.conversion import session_horizons as horizons
from flywheel_assets.conversion.definition import COMMANDS, CONVERSION_MODEL
from flywheel_assets.conversion.page_file import SHOWN, write_page
from flywheel_assets.conversion.training_task import dataset_training
from flywheel_assets.errors import ConversionError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest import event_sessions
from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.landing import landed_sessions
from flywheel_assets.orchestration.jobs import CONVERSION_JOB, CONVERSION_TRAINING_JOB
from flywheel_assets.orchestration.metadata import records
from flywheel_assets.orchestration.page_asset import page_asset
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.training.classifier import ledger
from flywheel_assets.training.classifier.assets import TrainingAssets
from flywheel_assets.training.classifier.ledger import Judged

SYSTEM = System("conversion")


def _horizon_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(horizons.TABLE.name, interval)
    row = flywheel.figures(table, horizons.figures(table, interval))
    source = event_sessions.TABLE if flywheel.conversion.definition.kinds else landed_sessions.TABLE
    made = flywheel.warehouse.rows(source.name, interval) or 0
    return horizons.verdicts(row, table.schema(), flywheel.columns(horizons.TABLE), made)


@SYSTEM.table(horizons.TABLE, _horizon_verdicts)
def session_horizons(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    if flywheel.conversion.definition.column:
        return Made(step.write(flywheel.conversion.horizons(interval)))
    events, files = flywheel.events, flywheel.events.files_around(interval)
    with events.folder.unchanged(files):
        rows = flywheel.conversion.horizons(interval)
        return Made(step.write(rows, None, lambda: events.folder.verify(files)))


def _dataset_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table, of = (flywheel.warehouse.read(one.name, interval) for one in (dataset.TABLE, horizons.TABLE))
    row, sessions = (
        flywheel.figures(table, dataset.figures(table)),
        flywheel.figures(of, horizons.figures(of, interval)),
    )
    definition = flywheel.conversion.definition
    return dataset.verdicts(row, sessions, table.schema(), flywheel.columns(dataset.TABLE), definition.horizon)


@SYSTEM.table(dataset.TABLE, _dataset_verdicts)
def conversion_dataset(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    needed = [column.name for column in flywheel.columns(horizons.TABLE)]
    parts = []
    for table, one in flywheel.lineage.inputs(step.table, interval):
        rows = flywheel.warehouse.read(table.name, one)
        missing = [name for name in needed if name not in rows.columns]
        if missing:
            raise ConversionError(
                f"{table.name} of interval {one.key} has no column {', '.join(missing)}: it was made by another "
                f"events.toml or conversion.toml. Make it again: flywheel run --from {one.key}"
            )
        parts.append(rows.select(needed))
    seen = ibis.union(*parts) if len(parts) > 1 else parts[0]
    offsets = utc_offsets(flywheel.calendar.timezone, interval.start_unix, interval.end_unix)
    rows = dataset.conversion_dataset(
        step.read(horizons.TABLE),
        seen,
        [column.name for column in flywheel.columns(step.table)],
        flywheel.conversion.placeholders["<past feature>"],
        flywheel.settings.look_back_days,
        offsets,
    )
    return Made(step.write(rows), {"intervals": len(parts)}, {"horizon": flywheel.conversion.definition.horizon})


def _prediction_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(predicted.TABLE.name, interval)
    row = flywheel.figures(table, predicted.figures(table))
    return [predicted.contract(row, table.schema(), flywheel.columns(predicted.TABLE))]


@SYSTEM.table(predicted.TABLE, _prediction_verdicts, kinds={"onnx"})
def conversion_predictions(step: Step) -> Made:
    flywheel, folder = step.flywheel, step.flywheel.settings.conversion_models_dir
    bundle = flywheel.conversion.bundle_of(step.generation.parameters[predicted.PARAMETER]) or ModelBundle.open(folder)
    info, rows = bundle.classifiers[CONVERSION_MODEL], step.read(dataset.TABLE)
    if info.learnt_to >= step.interval.key:  # it would predict what it has seen
        rows = rows.filter(False)
    scorer = ClassifierScorer.open(bundle.directory, info)
    needed = rows.select("session_id", "user_id", "timestamp_unix", *info.encoding.names)
    made = step.write_mapped(needed, lambda b: predicted.predicted(b, scorer), lambda _: predicted.TABLE.schema)
    return Made(made, {"sessions": made.rows}, {"conversion model": info.version})


def _judged(step: Step) -> Judged | None:
    """The predictions of the interval with their outcomes; None until it has closed, and where there are none."""
    flywheel = step.flywheel
    if not flywheel.closed(step.interval) or not flywheel.warehouse.rows(predicted.TABLE.name, step.interval):
        return None
    outcomes = step.read(dataset.TABLE).select("session_id", "converted")
    joined = step.read(predicted.TABLE).inner_join(outcomes, "session_id").order_by("session_id")
    rows = flywheel.engine.collect(joined)
    user = rows["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    probability, decision, converted = (rows[n].to_numpy() for n in ("probability", "decision", "converted"))
    return Judged(probability, decision, converted, user)


@SYSTEM.table(ledgers.TABLE, lambda flywheel, i: ledger.verdicts(flywheel.rows(ledgers.TABLE, i)))
def conversion_ledger(step: Step) -> Made:
    judged, rows = _judged(step), list[dict[str, Any]]()
    if judged:
        version = step.flywheel.engine.collect(step.read(predicted.TABLE).model_version.max().as_table())[0][0].as_py()
        row = ledger.ledger_row(judged, version, step.flywheel.conversion.baseline(version))
        rows = [{ledgers.HORIZON.name: step.flywheel.conversion.definition.horizon, **row}]
    return Made(step.keep(rows), {}, records("ledger", [{k: str(v) for k, v in row.items()} for row in rows]))


@SYSTEM.table(reliabilities.TABLE, lambda flywheel, interval: [])
def conversion_reliability(step: Step) -> Made:
    judged = _judged(step)
    return Made(step.keep(ledger.reliability_rows(judged) if judged else []))


TABLES: tuple[Table, ...] = tuple(one.table for one in SYSTEM.tables.values())

SYSTEM.job(
    CONVERSION_JOB,
    dg.AssetSelection.groups(SYSTEM.name),
    "What is known of sessions early, and whether they convert. For conversion_sensor.",
    -1,
)
TRAINING = TrainingAssets(
    group="conversion_training",
    comparison="conversion_comparison",
    model="conversion_model",
    evaluation="conversion_evaluation",
    importance="feature_importance",
    source=dataset.TABLE.name,
    prepare=dataset_training,
    used=dataset.TABLE.used,
    command=f"{COMMANDS} train",
)
SYSTEM.assets.append(TRAINING)
SYSTEM.job(
    CONVERSION_TRAINING_JOB,
    dg.AssetSelection.groups(TRAINING.group),
    "A model of conversion, trained on every closed interval of conversion_dataset, as a candidate. The model in use "
    "stays as it is.",
)
SYSTEM.sensors.append(
    lambda settings: table_sensor(settings, "conversion_sensor", CONVERSION_JOB, TABLES, "conversion")
)
SYSTEM.assets.append(
    page_asset(
        "conversion_page",
        "A page for growth: which sessions are about to convert and why, how good the predictions are and what came of "
        "them.",
        SHOWN,
        dataset.TABLE.used,
        write_page,
    )
)
