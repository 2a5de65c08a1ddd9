"""Users of an interval as assets: user_distributions, user_labels, label_transitions, enriched_export; and the jobs of
the whole spine."""

from dataclasses import replace
from itertools import pairwise

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.orchestration.frames import frame, label_transitions_type, type_fault
from flywheel_assets.orchestration.jobs import INTERVAL_JOB, LABELS_JOB, TRANSITIONS_JOB
from flywheel_assets.orchestration.metadata import records
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.sessions import session_predictions
from flywheel_assets.sessions.assets import labelled
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import enriched_export as export
from flywheel_assets.users import label_transitions as transitions
from flywheel_assets.users import retention_break as breaks
from flywheel_assets.users import user_distributions as distributions
from flywheel_assets.users import user_labels as labels

SYSTEM = System("users")


def _distribution_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("user_distributions", interval)
    row = flywheel.figures(table, distributions.figures(table, flywheel.models["session"].labels))
    return distributions.verdicts(row, flywheel.warehouse.rows("session_predictions", interval) or 0)


@SYSTEM.table(distributions.TABLE, _distribution_verdicts)
def user_distributions(step: Step) -> Made:
    predictions = step.read(session_predictions.TABLE)
    written = step.write(distributions.user_distributions(predictions, step.flywheel.models["session"].labels))
    sessions = step.flywheel.warehouse.rows("session_predictions", step.interval) or 0
    per_user = sessions / written.rows if written.rows else 0.0
    return Made(written, {"users": written.rows, "sessions_per_user": per_user})


def _label_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("user_labels", interval)
    order, baseline = flywheel.models["user"].order, flywheel.models["user"].baseline
    row = flywheel.figures(table, labels.figures(table, order))
    previous = flywheel.label_counts(labels.TABLE, flywheel.extent.previous(interval))
    return labels.verdicts(row, order, baseline.labels if baseline else None, previous)


@SYSTEM.table(labels.TABLE, _label_verdicts, kinds={"keras", "onnx"})
def user_labels(step: Step) -> Made:
    names = [column.name for column in step.flywheel.columns(labels.TABLE)]
    made = labelled(step, labels.LABELS, step.read(distributions.TABLE), names)
    return replace(made, numbers={"users": made.written.rows, **made.numbers})


def _transition_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    moves = frame(flywheel.engine.collect(flywheel.warehouse.read("label_transitions", interval)))
    previous = flywheel.extent.previous(interval)
    now = flywheel.label_counts(labels.TABLE, interval) or {}
    before = flywheel.label_counts(labels.TABLE, previous) or {}
    return [
        transitions.conservation(moves, now, before),
        transitions.same_model_version(_versions(flywheel, interval), _versions(flywheel, previous)),
        breaks.retention_break(*_stays(flywheel, interval)),
        transitions.contract(type_fault(moves, label_transitions_type(transitions.TABLE))),
    ]


def _stays(flywheel: Flywheel, interval: Interval) -> tuple[breaks.Stay | None, list[breaks.Stay]]:
    """Who stayed into the interval, and into those of the last few before it that have label_transitions; None where it
    or the one before it is incomplete, and earlier ones of which that is true are left out."""
    recent = [*flywheel.extent.earlier(interval)[-breaks.USUAL_INTERVALS - 1 :], interval]
    cut = incomplete(flywheel, recent)
    compared = [i for before, i in pairwise(recent) if before.number not in cut and i.number not in cut]
    there = {i.number: flywheel.warehouse.path(transitions.TABLE.name, i) for i in compared}
    paths = [path for path in there.values() if path.is_file()]
    rows = flywheel.engine.collect(flywheel.engine.read(paths)).to_pylist() if paths else []
    stays = {number: breaks.stay(row for row in rows if row["Interval"] == number) for number in there}
    return stays.pop(interval.number, None), [*stays.values()]


def _versions(flywheel: Flywheel, interval: Interval | None) -> list[str]:
    """The versions of the user model in the table of an interval."""
    if interval is None:
        return []
    version = labels.LABELS.version
    users = flywheel.warehouse.read("user_labels", interval)
    return flywheel.engine.collect(users.select(version).distinct())[version].to_pylist()


@SYSTEM.table(transitions.TABLE, _transition_verdicts)
def label_transitions(step: Step) -> Made:
    now, before = step.read(labels.TABLE), step.read_previous(labels.TABLE)
    written = step.write(transitions.label_transitions(now, before, step.interval))
    moves = step.rows(transitions.TABLE)
    return Made(written, transitions.movements(moves), records("transitions", moves))


def _export_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("enriched_export", interval)
    row = flywheel.figures(table, export.figures(table))
    upstream = [one for one in flywheel.spine if one is not transitions.TABLE]
    reasons = {one.name: flywheel.lineage.stale_because(one, interval) for one in upstream}
    stale = {name: why for name, why in reasons.items() if why}
    return export.verdicts(row, flywheel.warehouse.rows("trimmed_sessions", interval) or 0, stale)


@SYSTEM.table(export.TABLE, _export_verdicts, kinds={"looker"}, group="exports")
def enriched_export(step: Step) -> Made:
    flywheel, interval, users = step.flywheel, step.interval, step.read(labels.TABLE)
    session, user = flywheel.models["session"], flywheel.models["user"]
    predictions, timezone = step.read(session_predictions.TABLE), flywheel.settings.reporting_timezone
    written = step.write(export.enriched_export(predictions, users, interval, session.labels, user.labels, timezone))
    extras = {"open_with": f"duckdb -c \"from '{written.path}' limit 10\""}
    if flywheel.settings.user_export:
        rows = export.user_export(users, interval)
        extras["users_path"] = str(flywheel.warehouse.write("user_export", interval, rows, step.generation).path)
    else:  # one of an earlier setting would be of another generation than the export beside it
        flywheel.warehouse.remove("user_export", interval)
    return Made(written, {"users": flywheel.warehouse.rows("user_labels", interval) or 0}, extras)


_EVERYTHING = dg.AssetSelection.groups("sessions", "users", "exports")
_TRANSITIONS = dg.AssetSelection.assets(transitions.TABLE.name)

SYSTEM.job(
    INTERVAL_JOB,
    _EVERYTHING,
    "All tables of one interval, from landed_sessions to label_transitions, with their checks.",
)
SYSTEM.job(
    LABELS_JOB,
    _EVERYTHING - _TRANSITIONS,
    "From landed_sessions to enriched_export: what needs no other interval. For landing_sensor.",
)
SYSTEM.job(TRANSITIONS_JOB, _TRANSITIONS, "Only label_transitions, which needs two intervals. For transitions_sensor.")
SYSTEM.sensors.append(
    lambda settings: table_sensor(
        settings, "transitions_sensor", TRANSITIONS_JOB, [transitions.TABLE], "label_transitions"
    )
)
