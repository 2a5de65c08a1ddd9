"""The history of labels as assets: growth_accounting, label_mix, mix_shift, transition_forecast, sankey_links,
transition_causes, the CSV copies of small tables, and the report of an interval."""

import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import dagster as dg

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history import forecast_backtest as testing
from flywheel_assets.history import growth_accounting as growth
from flywheel_assets.history import label_mix as mix
from flywheel_assets.history import mix_shift as shift
from flywheel_assets.history import sankey_links as sankey
from flywheel_assets.history import transition_causes as causes
from flywheel_assets.history import transition_forecast as forecasting
from flywheel_assets.history.earlier_models import by_models_of
from flywheel_assets.history.forecast import History
from flywheel_assets.history.moves import (
    Row,
    all_labels,
    incomplete_so_far,
    moves_of,
    moves_so_far,
    newest_first,
    read_moves,
    when,
)
from flywheel_assets.history.report import CAUSES, TOLD, report_of, write_report
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.assets import SYSTEM as LANDING
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.orchestration.findings import findings_on_record
from flywheel_assets.orchestration.frames import frame
from flywheel_assets.orchestration.jobs import HISTORY_JOB, REPORTS_JOB, RUN_JOB
from flywheel_assets.orchestration.metadata import records
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import IntervalTable, Partitions, System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.segments import cluster_mix, session_clusters
from flywheel_assets.sessions import session_predictions
from flywheel_assets.sessions.assets import SYSTEM as SESSIONS
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Finding, Verdict
from flywheel_assets.users import label_transitions, user_labels
from flywheel_assets.users.assets import SYSTEM as USERS
from flywheel_assets.warehouse.csv_writer import csv_path, write_csv

SYSTEM = System("history")

SHOWN_ROWS = 100
"""At most this many rows of a table are shown with its materialization in the UI."""


def _growth_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    users = flywheel.warehouse.rows("user_labels", interval) or 0
    previous = flywheel.extent.previous(interval)
    before = flywheel.warehouse.rows("user_labels", previous) if previous else None
    return growth.verdicts(flywheel.rows(growth.TABLE, interval), users, before or 0)


@SYSTEM.table(growth.TABLE, _growth_verdicts, kinds={"looker"})
def growth_accounting(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    now, *others = (flywheel.warehouse.read("user_labels", i) for i in newest_first(flywheel, interval))
    before, earlier = (others[0], others[1:]) if others else (None, [])
    transitions = label_transitions.label_transitions(now, before, interval)
    moves = moves_of(flywheel.engine.collect(transitions).to_pylist())
    came_back = flywheel.engine.collect(growth.resurrected(now, before, earlier)).to_pylist()
    again = {row["Label"]: row["User_Count"] for row in came_back}
    cut = incomplete(flywheel, newest_first(flywheel, interval)[:2])
    rows = growth.growth_accounting(moves, again, flywheel.models["user"].order, interval, comparable=not cut)
    numbers = {k: v for k, v in rows[0].items() if k in (*growth.COUNTS, "Retention", "Quick_Ratio") and v is not None}
    return Made(step.keep(rows), numbers | {"incomplete": int(interval.number in cut)}, _shown(rows, interval))


def _mix_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    sessions, users = (flywheel.warehouse.rows(table.name, interval) or 0 for table in mix.TABLE.sources)
    return mix.verdicts(flywheel.rows(mix.TABLE, interval), sessions, users)


@SYSTEM.table(mix.TABLE, _mix_verdicts, kinds={"looker"})
def label_mix(step: Step) -> Made:
    for table in mix.TABLE.sources:
        step.read(table)  # which says what to do where it is not there
    sessions = step.flywheel.label_counts(session_predictions.TABLE, step.interval) or {}
    users = step.flywheel.label_counts(user_labels.TABLE, step.interval) or {}
    rows = mix.label_mix(sessions, users, step.interval)
    numbers = {"sessions": sum(sessions.values()), "users": sum(users.values())}
    return Made(step.keep(rows), numbers, _shown(rows, step.interval))


def _shift_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    return shift.verdicts(flywheel.rows(shift.TABLE, interval))


@SYSTEM.table(shift.TABLE, _shift_verdicts, kinds={"looker"})
def mix_shift(step: Step) -> Made:
    moves = read_moves(step.flywheel, step.interval)
    rows = shift.mix_shift(moves, step.flywheel.models["user"].order, step.interval)
    numbers = {"largest_change": max((abs(row["Change"] or 0.0) for row in rows), default=0.0)}
    return Made(step.keep(rows), numbers, _shown(rows, step.interval))


def _forecast_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    note = flywheel.warehouse.note("transition_forecast", interval, testing.BACKTEST) or ""
    return forecasting.verdicts(flywheel.rows(forecasting.TABLE, interval), testing.Backtest.from_json(note))


@SYSTEM.table(forecasting.TABLE, _forecast_verdicts, kinds={"looker"})
def transition_forecast(step: Step) -> Made:
    moves = moves_so_far(step.flywheel, step.interval)
    cut = incomplete_so_far(step.flywheel, step.interval)
    history = History.of(moves, all_labels(step.flywheel.models["user"].order, moves[-1]), cut)
    backtest = testing.backtest(history)
    rows = forecasting.transition_forecast(moves, history, backtest.widening, step.interval)
    numbers = {name: value for name, value in vars(backtest).items() if value is not None}
    numbers["incomplete"] = int(not history.complete[-1])
    written = step.keep(rows, {testing.BACKTEST: backtest.to_json()})
    return Made(written, numbers, {"headline": testing.headline(backtest), **_shown(rows, step.interval)})


def _links_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    users = sum(read_moves(flywheel, interval).values())
    return sankey.verdicts(flywheel.rows(sankey.TABLE, interval), users, interval)


@SYSTEM.table(sankey.TABLE, _links_verdicts, kinds={"looker"})
def sankey_links(step: Step) -> Made:
    moves = read_moves(step.flywheel, step.interval)
    rows, folded = sankey.sankey_links(moves, step.flywheel.models["user"].order, step.interval)
    written = step.keep(rows, {sankey.FOLDED: folded.to_json()})
    numbers = {"links_folded": folded.links, "users_on_folded_links": folded.users}
    return Made(written, numbers, {"folded": folded.summary or "nothing", **_shown(rows, step.interval)})


def _causes_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    rows = frame(flywheel.engine.collect(flywheel.warehouse.read("transition_causes", interval)))
    now = flywheel.label_counts(user_labels.TABLE, interval) or {}
    before = flywheel.label_counts(user_labels.TABLE, flywheel.extent.previous(interval)) or {}
    return causes.verdicts(rows, now, before)


@SYSTEM.table(causes.TABLE, _causes_verdicts, kinds={"onnx"})
def transition_causes(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    now, before = step.read(user_labels.TABLE), step.read_previous(user_labels.TABLE)
    with by_models_of(flywheel, flywheel.extent.previous(interval), interval) as same_model:
        written = step.write(causes.transition_causes(now, before, same_model, interval))
    rows = step.rows(causes.TABLE)
    numbers = {f"users_{cause}": users for cause, users in causes.users_by_cause(rows).items()}
    numbers["models_changed"] = int(same_model is not None)
    return Made(written, numbers, records("causes", _without_when(rows, interval)))


CSV_TABLES: tuple[Table, ...] = (
    label_transitions.TABLE,
    growth.TABLE,
    mix.TABLE,
    shift.TABLE,
    forecasting.TABLE,
    sankey.TABLE,
    cluster_mix.TABLE,
)
"""The tables that have a CSV copy, where they are there."""


@dg.asset(
    group_name="history",
    kinds={"csv", "looker"},
    deps=[table.name for table in CSV_TABLES if table is not cluster_mix.TABLE],
    description="The small tables as CSV, one file per table with all intervals, to upload to a BI tool.",
)
def csv_copies(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    written = {t.name: write_csv(flywheel.warehouse, t.name, p, t.schema) for t, p in _to_copy(flywheel).items()}
    folder = csv_path(flywheel.warehouse, "").parent
    return dg.MaterializeResult(metadata={**written, "path": dg.MetadataValue.path(str(folder))})


def csv_copies_are_stale(flywheel: Flywheel) -> bool:
    """Whether a copy is missing or older than a file it is made from: a run may have ended between the two."""
    return bool(_to_copy(flywheel))


def _to_copy(flywheel: Flywheel) -> dict[Table, list[Path]]:
    """The tables whose copy is missing or older than one of their files, with these files, oldest interval first."""
    warehouse, stale = flywheel.warehouse, {}
    for table in CSV_TABLES:
        paths = [warehouse.path(table.name, i) for i in flywheel.calendar if warehouse.exists(table.name, i)]
        copy = csv_path(warehouse, table.name)
        if paths and not (copy.is_file() and copy.stat().st_mtime_ns > max(p.stat().st_mtime_ns for p in paths)):
            stale[table] = paths
    return stale


CLUSTERED = (session_clusters.TABLE, cluster_mix.TABLE)

REPORTED: tuple[IntervalTable, ...] = tuple(
    chain.from_iterable(system.tables.values() for system in (LANDING, SESSIONS, USERS, SYSTEM))
)
"""The tables whose checks the report of an interval shows."""


def reported_findings(flywheel: Flywheel, interval: Interval, instance: dg.DagsterInstance) -> list[Finding]:
    """What the checks that the report shows found, see :func:`findings_on_record`."""
    return findings_on_record(flywheel, interval, instance, REPORTED)


def interval_report(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset, partitioned like the tables that it reports on."""

    @dg.asset(
        group_name="reports",
        kinds={"html"},
        partitions_def=partitions,
        deps=["user_labels", "session_predictions", *(table.name for table in TOLD), CAUSES.name],
        description="A page for people who decide: what changed in the interval and why, and how far to trust it. "
        "Makes no network requests; index.html beside it links to all reports.",
        metadata={"grain": "one page per interval"},
    )
    def interval_report(
        context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> dg.MaterializeResult[None]:
        interval = flywheel.calendar.key(context.partition_key)
        if not flywheel.warehouse.exists("user_labels", interval):
            raise NotMaterializedError(
                f"interval {interval.key} ({interval.dates}) has no user labels yet, so there is nothing to report: "
                + (flywheel.labels_wait or f"flywheel run --from {interval.key} --to {interval.key}")
            )
        report = report_of(flywheel, interval, reported_findings(flywheel, interval, context.instance))
        path = write_report(flywheel, report)
        states = [finding.state for finding in report.findings]
        metadata: dict[str, dg.RawMetadataValue] = {
            "path": dg.MetadataValue.path(str(path)),
            "open_with": f"xdg-open {shlex.quote(str(path))}",
            "index": dg.MetadataValue.path(str(path.with_name("index.html"))),
            "users": report.users,
            "checks_failed": states.count("failed"),
            "checks_warned": states.count("warned"),
            "tables_missing": len(report.missing),
            "bytes": path.stat().st_size,
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(report.generation))

    return interval_report


SYSTEM.assets.extend([lambda settings, partitions: csv_copies, interval_report])
SYSTEM.job(
    HISTORY_JOB,
    dg.AssetSelection.groups("history"),
    "The history of the intervals so far: growth, mixes, forecast, links, and CSV copies of them. For history_sensor.",
    priority=-1,  # what waits in the queue beside it goes first
)
SYSTEM.job(
    RUN_JOB,
    dg.AssetSelection.groups("sessions", "users", "exports", "intent", "conversion", "history")
    | dg.AssetSelection.assets(*(table.name for table in CLUSTERED)),
    "Everything of one interval: labels, clusters, intent, conversion, history. For flywheel run, which chooses.",
)
SYSTEM.job(
    REPORTS_JOB,
    dg.AssetSelection.groups("history", "reports"),
    "The report of an interval, and the history of the intervals so far. For flywheel report.",
)
SYSTEM.sensors.append(
    lambda settings: table_sensor(
        settings, "history_sensor", HISTORY_JOB, [one.table for one in SYSTEM.tables.values()], "history"
    )
)


def _shown(rows: Sequence[Row], interval: Interval) -> dict[str, dg.TableMetadataValue]:
    """The rows as the UI shows them with a materialization."""
    return records("table", _without_when(rows, interval))


def _without_when(rows: Sequence[Row], interval: Interval) -> list[Row]:
    return [{k: v for k, v in row.items() if k not in when(interval)} for row in rows[:SHOWN_ROWS]]
