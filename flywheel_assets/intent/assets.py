"""Intent of users as assets: user_days, user_features, intent_scores, intent_explanations, intent_predictions,
ranked_users, intent_outcomes; what outcomes say: intent_calibration, intent_probability, intent_performance,
intent_disagreements; experiment_assignment, experiment_readout, and the page."""

import shlex

import dagster as dg
import ibis
import pyarrow as pa

from flywheel_assets.errors import IntentError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest import event_sessions
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.intent import experiment_assignment as assignment
from flywheel_assets.intent import experiment_readout as readouts
from flywheel_assets.intent import intent_calibration as calibrated
from flywheel_assets.intent import intent_disagreements as disagreements
from flywheel_assets.intent import intent_explanations as explained
from flywheel_assets.intent import intent_outcomes as outcomes
from flywheel_assets.intent import intent_performance as performance
from flywheel_assets.intent import intent_predictions as predicted
from flywheel_assets.intent import intent_probability as probability
from flywheel_assets.intent import intent_scores as scored
from flywheel_assets.intent import ranked_users as ranked
from flywheel_assets.intent import user_days as days
from flywheel_assets.intent import user_features as features
from flywheel_assets.intent.arm_balance import balance, balanced_features, feature_means, sample_ratio
from flywheel_assets.intent.experiment_cohorts import cohort, followed, under_way
from flywheel_assets.intent.experiment_enrollment import begun, enrollment, late, refusals, shared_users
from flywheel_assets.intent.page_file import SHOWN, content_of, write_page
from flywheel_assets.intent.ranking import predictions_of
from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.orchestration.jobs import INTENT_JOB
from flywheel_assets.orchestration.metadata import records
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import Partitions, System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.registry.booster import BoosterScorer
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import user_labels
from flywheel_assets.warehouse.csv_writer import csv_path, write_csv
from flywheel_assets.warehouse.warehouse import Written

SYSTEM = System("intent")

SHOWN_USERS = 20
"""So many of the ranked users are shown with the materialization in the UI."""


def _day_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(days.TABLE.name, interval)
    row = flywheel.figures(table, days.figures(table, interval))
    made = flywheel.warehouse.rows(event_sessions.TABLE.name, interval) or 0
    return days.verdicts(row, table.schema(), flywheel.columns(days.TABLE), made)


@SYSTEM.table(days.TABLE, _day_verdicts)
def user_days(step: Step) -> Made:
    flywheel, interval, mapping = step.flywheel, step.interval, step.flywheel.events.mapping
    sessions = step.read(event_sessions.TABLE)
    _refuse_personal(flywheel, sessions, mapping)
    events = flywheel.events.of_interval(interval)
    if events is None:
        return Made(step.write(flywheel.engine.empty(days.empty_schema(mapping))))
    offsets = utc_offsets(flywheel.calendar.timezone, interval.start_unix, interval.end_unix)
    files = flywheel.events.files(interval.first_day, interval.last_day)
    with flywheel.events.folder.unchanged(files):
        rows = days.user_days(events, sessions, mapping, offsets)
        return Made(step.write(rows, None, lambda: flywheel.events.folder.verify(files)))


def _refuse_personal(flywheel: Flywheel, sessions: ibis.Table, mapping: EventMapping) -> None:
    """Raises IntentError for a carried column of IP or e-mail addresses that nobody named as personal."""
    traits = [name for name in mapping.carried if name not in mapping.personal]
    if not traits:
        return
    personal = days.personal_traits(flywheel.figures(sessions, days.personal_figures(sessions, traits)), traits)
    for name, what in personal.items():
        raise IntentError(
            f"{flywheel.settings.events_file}: [carry] {name} holds {what}, which features of users do without. Take "
            f'it out of [carry], or keep it on purpose: personal = ["{name}"] under [events]'
        )


def _feature_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(features.TABLE.name, interval)
    row = flywheel.figures(table, features.figures(table))
    return [features.contract(row, table.schema(), flywheel.columns(features.TABLE))]


@SYSTEM.table(features.TABLE, _feature_verdicts)
def user_features(step: Step) -> Made:
    flywheel, mapping = step.flywheel, step.flywheel.events.mapping
    columns = [column.name for column in flywheel.columns(days.TABLE)]
    parts = []
    for table, interval in flywheel.lineage.inputs(step.table, step.interval):
        rows = flywheel.warehouse.read(table.name, interval)
        missing = [name for name in columns if name not in rows.columns]
        if missing:
            raise IntentError(
                f"{table.name} of interval {interval.key} has no column {', '.join(missing)}: events.toml named other "
                f"kinds when it was made. Make it again: flywheel run --from {interval.key}"
            )
        parts.append(rows.select(columns))
    seen = ibis.union(*parts) if len(parts) > 1 else parts[0]
    look_back = flywheel.settings.look_back_days
    rows = features.user_features(seen, list(mapping.kinds), list(mapping.carried), step.interval, look_back)
    return Made(step.write(rows), {"intervals": len(parts)})


def _score_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table, rules = flywheel.warehouse.read(scored.TABLE.name, interval), flywheel.intent.rules
    row = flywheel.figures(table, scored.figures(table, rules))
    return scored.verdicts(row, table.schema(), flywheel.columns(scored.TABLE), rules)


@SYSTEM.table(scored.TABLE, _score_verdicts)
def intent_scores(step: Step) -> Made:
    rules, kinds = step.flywheel.intent.rules, list(step.flywheel.events.mapping.kinds)
    rows = _needed(step)
    made = step.write_mapped(rows, lambda b: scored.scored(b, rules, kinds), lambda _: scored.schema_of(rules))
    return Made(made, {"users": made.rows}, {"rules": rules.digest})


def _explanation_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(explained.TABLE.name, interval)
    scores = flywheel.warehouse.read(scored.TABLE.name, interval)
    total = flywheel.figures(scores, {"score": scores.score.cast("decimal(18, 2)").sum().coalesce(0)})["score"]
    return [explained.adds_up(flywheel.figures(table, explained.figures(table)), total)]


@SYSTEM.table(explained.TABLE, _explanation_verdicts)
def intent_explanations(step: Step) -> Made:
    rules, kinds = step.flywheel.intent.rules, list(step.flywheel.events.mapping.kinds)
    rows = _needed(step)
    return Made(
        step.write_mapped(rows, lambda b: explained.explanations(b, rules, kinds), lambda _: explained.TABLE.schema)
    )


def _needed(step: Step) -> ibis.Table:
    """The columns of user_features that scores are made from."""
    kinds = list(step.flywheel.events.mapping.kinds)
    return step.read(features.TABLE).select(step.flywheel.intent.rules.needed(kinds))


def _prediction_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(predicted.TABLE.name, interval)
    row = flywheel.figures(table, predicted.figures(table))
    return [predicted.contract(row, table.schema(), flywheel.columns(predicted.TABLE))]


@SYSTEM.table(predicted.TABLE, _prediction_verdicts, kinds={"xgboost"})
def intent_predictions(step: Step) -> Made:
    flywheel, info = step.flywheel, step.flywheel.intent.model
    rows = step.read(features.TABLE)
    if info.learnt_to > step.interval.key:  # it would predict what it has seen
        rows = rows.filter(False)
    scorer = BoosterScorer.open(flywheel.settings.intent_models_dir, info)
    needed = rows.select("user_id", *info.features)
    made = step.write_mapped(needed, lambda b: predicted.predicted(b, scorer), lambda _: predicted.schema_of(info))
    return Made(made, {"users": made.rows}, {"intent model": info.version})


def _rank_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    return [ranked.order(flywheel.rows(ranked.TABLE, interval))]


@SYSTEM.table(ranked.TABLE, _rank_verdicts, kinds={"csv"})
def ranked_users(step: Step) -> Made:
    flywheel = step.flywheel
    traits, most = list(flywheel.events.mapping.carried), flywheel.settings.ranked_users
    predictions = predictions_of(flywheel, step.interval)
    rows = ranked.ranked_users(step.read(scored.TABLE), step.read(features.TABLE), traits, most, predictions)
    made = step.write(rows)
    first = [{k: str(v) for k, v in row.items()} for row in step.rows(ranked.TABLE)[:SHOWN_USERS]]
    return Made(made, {}, {**records("first_users", first), "csv": _csv(step, made)})


def _csv(step: Step, made: Written) -> str:
    """Puts a table of the interval into a CSV file of its own, and returns where that is."""
    warehouse, name = step.flywheel.warehouse, f"{step.table.name}_{step.interval.key}"
    write_csv(warehouse, name, [made.path], pa.parquet.read_schema(made.path).remove_metadata())
    return str(csv_path(warehouse, name))


def _outcome_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(outcomes.TABLE.name, interval)
    row = flywheel.figures(table, outcomes.figures(table, interval))
    return outcomes.verdicts(row, interval, outcomes.immature(flywheel, interval))


@SYSTEM.table(outcomes.TABLE, _outcome_verdicts)
def intent_outcomes(step: Step) -> Made:
    flywheel = step.flywheel
    scores, then = step.read_previous(scored.TABLE), step.read_previous(features.TABLE)
    if scores is None or then is None or outcomes.immature(flywheel, step.interval):
        return Made(step.keep([]))
    predictions = predictions_of(flywheel, flywheel.extent.previous(step.interval))
    made = outcomes.intent_outcomes(scores, then, step.read(days.TABLE), flywheel.intent.rules.outcome, predictions)
    return Made(step.write(made))


def _calibration_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    return calibrated.verdicts(flywheel.rows(calibrated.TABLE, interval), flywheel.intent.outcomes(interval))


@SYSTEM.table(calibrated.TABLE, _calibration_verdicts)
def intent_calibration(step: Step) -> Made:
    return Made(step.keep(calibrated.intent_calibration(step.flywheel.intent.outcomes(step.interval))))


def _probability_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    return probability.verdicts(flywheel.rows(probability.TABLE, interval), flywheel.intent.outcomes(interval))


@SYSTEM.table(probability.TABLE, _probability_verdicts)
def intent_probability(step: Step) -> Made:
    return Made(step.keep(probability.intent_probability(step.flywheel.intent.outcomes(step.interval))))


@SYSTEM.table(performance.TABLE, lambda flywheel, i: performance.verdicts(flywheel.rows(performance.TABLE, i)))
def intent_performance(step: Step) -> Made:
    rows = performance.intent_performance(step.flywheel.intent.outcomes(step.interval))
    return Made(step.keep(rows), {}, records("rankings", [{k: str(v) for k, v in row.items()} for row in rows]))


@SYSTEM.table(disagreements.TABLE, lambda flywheel, interval: [])
def intent_disagreements(step: Step) -> Made:
    return Made(step.keep(disagreements.intent_disagreements(step.flywheel.intent.outcomes(step.interval))))


def _assignment_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(assignment.TABLE.name, interval)
    then = flywheel.warehouse.read(features.TABLE.name, interval)
    arms = flywheel.engine.collect(
        table.group_by("experiment", "arm", "share").aggregate(users=table.count()).order_by("experiment", "arm")
    ).to_pylist()
    means = flywheel.engine.collect(feature_means(table, then)).to_pylist()
    refused = refusals(flywheel, interval)
    return [
        assignment.contract(flywheel.figures(table, assignment.figures(table)), table.schema()),
        assignment.defined(refused),
        assignment.in_time(late(flywheel, interval)),
        sample_ratio(arms),
        assignment.every_arm(arms, [one for one in begun(flywheel, interval) if one.name not in refused]),
        assignment.exclusive(shared_users(flywheel, interval)),
        balance(means, balanced_features(then.schema())),
    ]


@SYSTEM.table(assignment.TABLE, _assignment_verdicts, kinds={"csv"})
def experiment_assignment(step: Step) -> Made:
    flywheel, table = step.flywheel, step.table
    enrolled = enrollment(flywheel, step.interval)
    made = enrolled.rows
    rows = pa.concat_tables(made.values()) if made else table.schema.empty_table()
    written = flywheel.warehouse.keep(table.name, step.interval, rows, step.generation, enrolled.notes)
    if not made:
        return Made(written)
    return Made(written, {"experiments": len(made), "users": len(rows)}, {"csv": _csv(step, written)})


def _readout_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    counts = {}
    for one in under_way(flywheel, interval):
        users = cohort(flywheel, one)
        counts[one.name] = flywheel.figures(users, {"users": users.count()})["users"]
    return readouts.verdicts(flywheel.rows(readouts.TABLE, interval), counts)


@SYSTEM.table(readouts.TABLE, _readout_verdicts, kinds={"looker"})
def experiment_readout(step: Step) -> Made:
    flywheel, rows = step.flywheel, []
    for one in under_way(flywheel, step.interval):
        order = flywheel.models["user"].order if flywheel.makeable(step.table.optional) else None
        users = flywheel.engine.collect(followed(flywheel, one, step.interval, order is not None)).to_pandas()
        keys = [i.key for i in flywheel.calendar.between(one.assign, step.interval)]
        rows += readouts.readout(one, users, order, keys)
    return Made(
        step.keep(rows), {"experiments": len({row["experiment"] for row in rows})}, records("table", rows[:SHOWN_USERS])
    )


TABLES: tuple[Table, ...] = tuple(one.table for one in SYSTEM.tables.values())

SYSTEM.job(
    INTENT_JOB,
    dg.AssetSelection.groups(SYSTEM.name),
    "Features, scores and outcomes of users, from their events. For intent_sensor.",
    -1,
)
SYSTEM.sensors.append(lambda settings: table_sensor(settings, "intent_sensor", INTENT_JOB, TABLES, "intent"))


def intent_page(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition | None:
    """The page's asset, partitioned like the tables that it shows; None without rules of intent."""
    if not ranked.TABLE.used(settings):
        return None

    @dg.asset(
        group_name="reports",
        kinds={"html"},
        partitions_def=partitions,
        deps=[user_labels.TABLE.name, *(t.table.name for t in SYSTEM.tables.values() if _shown(t.table, settings))],
        description="A page for sales and growth: whom to contact first and why, how sure that is, and experiments. "
        "One file that makes no network requests, linked from index.html beside it.",
        metadata={"grain": "one page per interval"},
    )
    def intent_page(
        context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> dg.MaterializeResult[None]:
        content = content_of(flywheel, flywheel.calendar.key(context.partition_key))
        path = write_page(flywheel, content)
        metadata: dict[str, dg.RawMetadataValue] = {
            "path": dg.MetadataValue.path(str(path)),
            "open_with": f"xdg-open {shlex.quote(str(path))}",
            "users": content.users,
            "users_shown": len(content.ranked),
            "bytes": path.stat().st_size,
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(content.generation))

    return intent_page


def _shown(table: Table, settings: Settings) -> bool:
    """Whether the page shows a table that the project has."""
    return table.name in SHOWN and table.used(settings)


SYSTEM.assets.append(intent_page)
