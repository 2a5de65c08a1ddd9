"""The asset checks: per table one scan, several verdicts. What the verdicts are is `domain.verdicts`."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions_verdicts as landed_sessions
from flywheel_assets.orchestration.frames import frame, label_transitions_type, type_fault
from flywheel_assets.orchestration.metadata import readable, records
from flywheel_assets.sessions import (
    session_predictions_verdicts as session_predictions,
)
from flywheel_assets.sessions import (
    trimmed_sessions_verdicts as trimmed_sessions,
)
from flywheel_assets.sessions.repetition import repeating, repetition_figures
from flywheel_assets.sessions.trimmed_sessions import LEDGER, Ledger, least_sessions
from flywheel_assets.tables.contract import TABLES
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import (
    enriched_export_verdicts as enriched_export,
)
from flywheel_assets.users import (
    label_transitions_verdicts as label_transitions,
)
from flywheel_assets.users import (
    user_distributions_verdicts as user_distributions,
)
from flywheel_assets.users import (
    user_labels_verdicts as user_labels,
)

Verdicts = Mapping[str, tuple[Sequence[Check], Callable[[Flywheel, Interval], list[Verdict]]]]
"""Per table its checks as declared, and the function that finds all of their verdicts for an interval."""


def of_landed_sessions(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("landed_sessions", interval)
    row = flywheel.figures(table, landed_sessions.figures(table, interval, flywheel.minimums))
    before = [flywheel.calendar.number(n) for n in range(1, interval.number)][-landed_sessions.VOLUME_INTERVALS :]
    volumes = [flywheel.warehouse.rows("landed_sessions", i) or 0 for i in before]
    index = flywheel.index
    return [
        landed_sessions.contract(row, table.schema(), flywheel.columns("landed_sessions")),
        landed_sessions.quarantine_rate(flywheel.warehouse.quarantined_rows(interval), int(row["rows"])),
        landed_sessions.volume(int(row["rows"]), volumes),
        landed_sessions.interval_closed(interval, flywheel.now()),
        landed_sessions.landed_files(len(index.of_interval(interval)), index.problems()),
    ]


def of_trimmed_sessions(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    ledger = Ledger.from_json(flywheel.warehouse.note("trimmed_sessions", interval, LEDGER) or "")
    quantile = flywheel.settings.trim_quantile
    return [
        trimmed_sessions.share_removed(ledger, flywheel.warehouse.rows("trimmed_sessions", interval) or 0, quantile),
        trimmed_sessions.guards(ledger, least_sessions(quantile)),
    ]


def of_session_predictions(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("session_predictions", interval)
    labels, baseline = flywheel.models["session"].order, flywheel.models["session"].baseline
    features = list(baseline.features) if baseline else []
    counted = repeating(flywheel.row(repetition_figures(table, features)), features)
    row = flywheel.row(session_predictions.figures(table, labels, baseline, counted))
    previous = flywheel.label_counts("session_predictions", flywheel.previous_with_data(interval))
    return session_predictions.verdicts(row, labels, baseline, previous)


def of_user_distributions(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("user_distributions", interval)
    row = flywheel.figures(table, user_distributions.figures(table, flywheel.models["session"].labels))
    return user_distributions.verdicts(row, flywheel.warehouse.rows("session_predictions", interval) or 0)


def of_user_labels(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("user_labels", interval)
    labels, baseline = flywheel.models["user"].order, flywheel.models["user"].baseline
    row = flywheel.figures(table, user_labels.figures(table, labels))
    previous = flywheel.label_counts("user_labels", flywheel.previous_with_data(interval))
    return user_labels.verdicts(row, labels, baseline.labels if baseline else None, previous)


def of_enriched_export(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("enriched_export", interval)
    row = flywheel.figures(table, enriched_export.figures(table))
    upstream = [name for name in TABLES if name != "label_transitions"]
    reasons = {name: flywheel.stale_because(name, interval, flywheel.generation) for name in upstream}
    stale = {name: why for name, why in reasons.items() if why}
    return enriched_export.verdicts(row, flywheel.warehouse.rows("trimmed_sessions", interval) or 0, stale)


def of_label_transitions(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    moves = frame(flywheel.engine.collect(flywheel.warehouse.read("label_transitions", interval)))
    previous = flywheel.previous_with_data(interval)
    now = flywheel.label_counts("user_labels", interval) or {}
    before = flywheel.label_counts("user_labels", previous) or {}
    return [
        label_transitions.conservation(moves, now, before),
        label_transitions.same_model_version(_user_versions(flywheel, interval), _user_versions(flywheel, previous)),
        label_transitions.contract(type_fault(moves, label_transitions_type())),
    ]


def _user_versions(flywheel: Flywheel, interval: Interval | None) -> list[str]:
    if interval is None:
        return []
    users = flywheel.warehouse.read("user_labels", interval)
    return flywheel.engine.collect(users.select("user_model_version").distinct())["user_model_version"].to_pylist()


VERDICTS: Verdicts = {
    "landed_sessions": (landed_sessions.CHECKS, of_landed_sessions),
    "trimmed_sessions": (trimmed_sessions.CHECKS, of_trimmed_sessions),
    "session_predictions": (session_predictions.CHECKS, of_session_predictions),
    "user_distributions": (user_distributions.CHECKS, of_user_distributions),
    "user_labels": (user_labels.CHECKS, of_user_labels),
    "enriched_export": (enriched_export.CHECKS, of_enriched_export),
    "label_transitions": (label_transitions.CHECKS, of_label_transitions),
}


def interval_checks(verdicts: Verdicts, partitions: dg.PartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """The checks of every table, partitioned as it is."""
    return [_checks(table, *of_table, partitions) for table, of_table in verdicts.items()]


def _checks(
    table: str,
    checks: Sequence[Check],
    verdicts: Callable[[Flywheel, Interval], list[Verdict]],
    partitions: dg.PartitionsDefinition,
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.name, asset=table, description=check.description, blocking=check.blocking, partitions_def=partitions
        )
        for check in checks
    ]

    @dg.multi_asset_check(name=f"{table}_checks", specs=specs, description=f"All checks of {table}, in one scan of it.")
    def run(
        context: dg.AssetCheckExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> Iterator[dg.AssetCheckResult]:
        try:
            interval = flywheel.calendar.key(context.op_execution_context.partition_key)
            found = verdicts(flywheel, interval)
        except Exception as error:  # an exception would leave every check of the table without a result
            context.log.exception(f"the checks of {table} could not be computed")
            found = [Verdict(check.name, False, f"could not be computed: {error}") for check in checks]
        yield from (check_result(table, verdict) for verdict in found)

    return run


def check_result(table: str, verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict as Dagster records it."""
    metadata = {**readable(verdict.numbers), **records("details", verdict.table)}
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=table,
        check_name=verdict.check,
        severity=dg.AssetCheckSeverity(verdict.severity),
        description=verdict.summary,
        metadata=metadata,
    )
