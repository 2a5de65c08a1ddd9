"""Assets of the group `sessions`: landed_sessions, trimmed_sessions, session_predictions."""

import dagster as dg

from flywheel_assets.defs.flywheel import Flywheel
from flywheel_assets.defs.metadata import label_numbers, materialized, records
from flywheel_assets.domain import landed_sessions as landed
from flywheel_assets.domain import trimmed_sessions as trimmed
from flywheel_assets.domain.tables import PARTITION


def landed_sessions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    index = flywheel.index
    files = index.of_interval(interval)
    for file in index.set_aside:
        context.log.warning(f"set aside: {file.problem}")
    rows = flywheel.landing.read(files) if files else flywheel.landing.empty(index)
    started = landed.started(rows, flywheel.settings.session_id_pattern)
    of_interval = started if index.only(interval) else landed.of_interval(started, interval)
    valid = landed.valid_rows(of_interval, flywheel.minimums)
    repeats = flywheel.figures(rows, landed.repeat_figures(rows))
    if repeats["rows"] != repeats["distinct_hashes"]:
        valid = landed.one_row_a_session(valid)
    table = landed.landed_sessions(valid, flywheel.models.session.features)
    generation = flywheel.generation("landed_sessions", interval)
    written = flywheel.warehouse.write("landed_sessions", interval, table, generation)
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
    features, quantile = flywheel.models.session.features, flywheel.settings.trim_quantile
    figures = flywheel.row(trimmed.threshold_aggregates(sessions, features, quantile))
    limits = trimmed.thresholds(figures, features)
    small = trimmed.too_small(figures["sessions"], quantile)
    kept = sessions if small else trimmed.trimmed_sessions(sessions, limits)
    counted = None if small else flywheel.row(trimmed.ledger_aggregates(sessions, limits))
    ledger = trimmed.ledger(figures["sessions"], limits, counted)
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
    scorer = flywheel.session_scorer
    written = flywheel.warehouse.write_mapped(
        "session_predictions",
        interval,
        flywheel.warehouse.read("trimmed_sessions", interval),
        lambda batch: scorer.labelled(batch, "session_quality_label", "session_model_version"),
        lambda schema: scorer.schema(schema, "session_quality_label", "session_model_version"),
        flywheel.generation("session_predictions", interval),
    )
    counts = flywheel.label_counts("session_predictions", interval) or {}
    baseline = flywheel.models.baseline
    numbers = label_numbers(counts, baseline.session_labels if baseline else None)
    return materialized(
        written, flywheel.columns("session_predictions"), numbers, {"session_model_version": scorer.version}
    )
