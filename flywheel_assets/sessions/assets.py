"""Assets of the group `sessions`: landed_sessions, trimmed_sessions, session_predictions."""

import json

import dagster as dg

from flywheel_assets.errors import LandingError
from flywheel_assets.flywheel import LANDED_FILES, Flywheel
from flywheel_assets.landing import landed_sessions as landed
from flywheel_assets.landing.index import identities
from flywheel_assets.orchestration.metadata import label_numbers, materialized, records
from flywheel_assets.sessions import trimmed_sessions as trimmed
from flywheel_assets.sessions.changes import Comparison
from flywheel_assets.sessions.repetition import repeating, repetition_figures
from flywheel_assets.tables.contract import PARTITION

FORGET_MISSING_TAG = "flywheel/forget_missing"
"""A run with this tag gives up the sessions of landed files that vanished."""


def landed_sessions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    index = flywheel.index
    for file in index.set_aside:
        context.log.warning(f"set aside: {file.problem}")
    missing = index.missing(flywheel.landed_from(interval) or ())
    if missing and FORGET_MISSING_TAG not in context.run.tags:
        raise LandingError(
            f"{', '.join(missing)} had sessions of interval {interval.key} and is gone or can no longer be used: put "
            f"it back, or give them up: flywheel run --from {interval.key} --to {interval.key} --forget-missing"
        )
    files = index.of_interval(interval)
    rows = flywheel.landing.read(files) if files else flywheel.landing.empty(index)
    started = landed.started(rows, flywheel.settings.session_id_pattern)
    of_interval = started if index.only(interval) else landed.of_interval(started, interval)
    valid = landed.valid_rows(of_interval, flywheel.minimums)
    with flywheel.landing.unchanged(files):
        repeats = flywheel.figures(rows, landed.repeat_figures(rows))
        once = valid if repeats["rows"] == repeats["ids"] else landed.one_row_a_session(valid)
        written = flywheel.warehouse.write(
            "landed_sessions",
            interval,
            landed.landed_sessions(once, flywheel.models["session"].features),
            flywheel.generation("landed_sessions", interval),
            notes={LANDED_FILES: json.dumps(identities(files))},
            before_replacing=lambda: flywheel.landing.verify(files),
        )
        left_out = index.rows(interval) - written.rows
        invalid = landed.invalid_rows(of_interval, flywheel.minimums) if left_out else None
        quarantined = flywheel.warehouse.quarantine(f"{PARTITION}={interval.key}", invalid)
    numbers = {
        "quarantined": quarantined,
        "repeated": left_out - quarantined,
        "files": len(files),
        "files_set_aside": len(index.set_aside),
    }
    extras = {
        "fingerprint": index.fingerprint(interval),
        "interval": interval.dates,
        "interval_closed": interval.closed(flywheel.now()),
    }
    return materialized(written, flywheel.columns("landed_sessions"), numbers, extras)


def trimmed_sessions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    sessions = flywheel.warehouse.read("landed_sessions", interval)
    features, quantile = flywheel.models["session"].features, flywheel.settings.trim_quantile
    counted = repeating(flywheel.row(repetition_figures(sessions, features)), features)
    figures = flywheel.row(trimmed.threshold_aggregates(sessions, features, quantile, counted))
    limits = trimmed.thresholds(figures, features)
    small = trimmed.too_small(figures["sessions"], quantile)
    kept = sessions if small else trimmed.trimmed_sessions(sessions, limits)
    removed = None if small else flywheel.row(trimmed.ledger_aggregates(sessions, limits))
    ledger = trimmed.ledger(figures["sessions"], limits, removed)
    generation = flywheel.generation("trimmed_sessions", interval)
    written = flywheel.warehouse.write(
        "trimmed_sessions", interval, kept, generation, {trimmed.LEDGER: ledger.to_json()}
    )
    numbers = {
        "trimmed": ledger.sessions_removed,
        "share_trimmed": ledger.share_removed,
        "users_vanished": ledger.users_vanished,
        "features_guarded": sum(limit.guarded for limit in limits),
        "interval_too_small": int(small),
    }
    return materialized(written, flywheel.columns("trimmed_sessions"), numbers, records("ledger", ledger.lines()))


def session_predictions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    scorer = flywheel.scorer("session")
    generation = flywheel.generation("session_predictions", interval)
    comparison = Comparison(flywheel, "session_predictions", interval, generation)
    written = flywheel.warehouse.write_mapped(
        "session_predictions",
        interval,
        flywheel.warehouse.read("trimmed_sessions", interval),
        lambda batch: scorer.labelled(batch, "session_quality_label", "session_model_version"),
        lambda schema: scorer.schema(schema, "session_quality_label", "session_model_version"),
        generation,
        comparison,
    )
    counts = flywheel.label_counts("session_predictions", interval) or {}
    baseline = flywheel.models["session"].baseline
    numbers = label_numbers(counts, baseline.labels if baseline else None) | comparison.numbers
    extras = {"session_model_version": scorer.version, **records("relabelled", comparison.relabelled)}
    return materialized(written, flywheel.columns("session_predictions"), numbers, extras)
