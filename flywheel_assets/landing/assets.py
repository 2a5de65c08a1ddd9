"""The landing folder and landed_sessions as assets, and the sensor that runs an interval when parquet of it lands."""

import json
from collections.abc import Collection
from itertools import chain

import dagster as dg

from flywheel_assets.errors import FlywheelError, LandingError
from flywheel_assets.flywheel import Flywheel, Glance
from flywheel_assets.ingest import event_sessions
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import coverage
from flywheel_assets.landing import landed_sessions as landed
from flywheel_assets.landing import rows as landed_rows
from flywheel_assets.orchestration import sensors
from flywheel_assets.orchestration.jobs import LABELS_JOB
from flywheel_assets.orchestration.metadata import column_schema
from flywheel_assets.orchestration.processes import end_abandoned_runs
from flywheel_assets.orchestration.requests import run_requests
from flywheel_assets.orchestration.runs import FORGET_MISSING_TAG
from flywheel_assets.orchestration.sensors import new_requests, replaced, unfinished, waiting
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import PARTITION
from flywheel_assets.tables.generation import digest
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.warehouse.engine import footer
from flywheel_assets.warehouse.file_index import FileIndex, identities

MOST_FILES = 500
"""New files read in one tick; the rest follow at the next, so that no tick takes a minute."""

SYSTEM = System("landing")

LANDING = dg.AssetSpec(
    landed.LANDING.name,
    metadata={"dagster/column_schema": column_schema(landed.LANDING.columns)},
    group_name="landing",
    kinds={"parquet", "file"},
    description=landed.LANDING.description,
)
SYSTEM.assets.append(lambda settings, partitions: LANDING)


def _verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("landed_sessions", interval)
    row = flywheel.figures(table, landed.figures(table, interval, flywheel.minimums))
    before = [flywheel.calendar.number(n) for n in range(1, interval.number)][-landed.VOLUME_INTERVALS :]
    index = flywheel.index
    return [
        landed.contract(row, table.schema(), flywheel.columns(landed.TABLE)),
        landed.quarantine_rate(flywheel.warehouse.quarantined_rows(interval), int(row["rows"])),
        landed.volume(int(row["rows"]), [flywheel.warehouse.rows("landed_sessions", i) or 0 for i in before]),
        coverage.verdict(coverage.coverage_of(flywheel, interval), interval),
        landed.interval_closed(interval, flywheel.now()),
        landed.landed_files(len(index.of_interval(interval)), flywheel.landing_problems()),
    ]


@SYSTEM.table(landed.TABLE, _verdicts, group="sessions")
def landed_sessions(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    landing, index = flywheel.landing, flywheel.index
    for problem in index.set_aside:
        step.log.warning(f"set aside: {problem}")
    missing = index.missing(flywheel.landed_from(interval) or ())
    if missing and FORGET_MISSING_TAG not in step.tags:
        raise LandingError(
            f"{', '.join(missing)} had sessions of interval {interval.key} and is gone or can no longer be used: put "
            f"it back, or give its sessions up: flywheel run --from {interval.key} --to {interval.key} --forget-missing"
        )
    files = index.of_interval(interval)
    of_events = []
    if flywheel.has_events:
        step.read(event_sessions.TABLE)
        of_events = [flywheel.warehouse.path(event_sessions.TABLE.name, interval)]
    rows = landing.read(files, of_events) if files or of_events else landing.empty(index)
    started = landed_rows.started(rows, landing.rules.session_id_pattern, landing.rules.time_column)
    of_interval = started if index.only(interval) else landed_rows.of_interval(started, interval)
    valid = landed_rows.valid_rows(of_interval, flywheel.minimums)
    with landing.unchanged(files):
        repeats = flywheel.figures(rows, landed.repeat_figures(rows))
        once = valid if repeats["rows"] == repeats["ids"] else landed.one_row_a_session(valid)
        made = step.write(
            landed.landed_sessions(once, flywheel.feature_names),
            {landed.MADE_FROM: json.dumps(identities(files))},
            lambda: landing.verify(files),
        )
        left_out = index.rows(interval) + sum(footer(path)[0] for path in of_events) - made.rows
        invalid = landed_rows.invalid_rows(of_interval, flywheel.minimums) if left_out else None
        quarantined = flywheel.warehouse.quarantine(f"{PARTITION}={interval.key}", invalid)
    numbers = {
        "quarantined": quarantined,
        "repeated": left_out - quarantined,
        "files": len(files),
        "files_set_aside": index.set_aside_count,
    }
    extras = {
        "fingerprint": index.fingerprint(interval),
        "interval": interval.dates,
        "interval_closed": interval.closed(flywheel.now()),
    }
    return Made(made, numbers, extras)


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """Runs of the closed intervals whose landed files are not those that their tables were made from."""

    @dg.sensor(
        job_name=LABELS_JOB,
        minimum_interval_seconds=sensors.TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs an interval up to its export, once parquet for it has landed and it is closed.",
    )
    def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        end_abandoned_runs(context.instance)
        try:
            with Flywheel.open(settings, glance=Glance(sensors.SETTLED_SECONDS, MOST_FILES)) as flywheel:
                because, wanted, stands = _wanted(flywheel, context.instance)
                folders, waits = flywheel.indexes, flywheel.labels_wait
                tables = [table for table in flywheel.spine if not table.previous] if waits else None
        except FlywheelError as error:
            return dg.SkipReason(str(error))
        requests = run_requests(because, wanted, stands, unfinished(context.instance))
        new = new_requests(context.instance, requests, tables)
        seen = digest(repr([(i.usable, i.problems(), i.young, i.unread) for i in folders.values()]))
        if seen != context.cursor:
            for problem in [problem for index in folders.values() for problem in index.set_aside]:
                context.log.warning(f"set aside: {problem}")
        return dg.SensorResult(
            run_requests=new,
            skip_reason=None if new else "; ".join(filter(None, (*_seen(folders.values()), *waiting(requests), waits))),
            cursor=seen,
            asset_events=[_observation(*one) for one in folders.items()] if seen != context.cursor else [],
        )

    return landing_sensor


SYSTEM.sensors.append(landing_sensor)


def _wanted(flywheel: Flywheel, instance: dg.DagsterInstance) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What :func:`run_requests` is told: the closed intervals that have news, or whose tables up to the export are
    unfinished: deleted, or not reached by a run that ended early. Of other settings and models a person decides."""
    because, wanted, stands = {}, {}, {}
    for interval in flywheel.extent.to_run(flywheel.now()):
        unmade = flywheel.unfinished(interval)
        news = flywheel.index.news(interval, flywheel.landed_from(interval) or ())
        if flywheel.has_events:
            news = " and ".join(filter(None, (news, flywheel.events.news(interval))))
        if news or unmade:
            why = news or f"no run reached {unmade[0].name}"
            because[interval.key] = "it was never made" if landed.TABLE in unmade else why
            of_events = flywheel.events.fingerprint(interval) if flywheel.has_events else ""
            wanted[interval.key] = flywheel.index.fingerprint(interval) + of_events
            stands[interval.key] = replaced(flywheel, instance, [landed.TABLE] if news else unmade, interval)
    return because, wanted, stands


def _seen(folders: Collection[FileIndex]) -> list[str]:
    """What a tick found, in words."""
    young, unread = ([*chain.from_iterable(of)] for of in ((i.young for i in folders), (i.unread for i in folders)))
    parts = [f"{sum(len(index.usable) for index in folders):,} files, nothing new"]
    parts += [f"{len(young)} still being written: {young[0]}"] if young else []
    parts += [f"{len(unread):,} left for the next tick"] if unread else []
    return parts + [f"set aside: {problem}" for index in folders for problem in index.set_aside]


def _observation(asset: str, index: FileIndex) -> dg.AssetObservation:
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "files": len(index.files),
        "rows": sum(sum(file.rows.values()) for file in index.files),
        "files_set_aside": index.set_aside_count,
        "files_waiting": len(index.young) + len(index.unread),
    }
    if index.set_aside_count:
        metadata["set_aside"] = "; ".join(index.set_aside)
    return dg.AssetObservation(asset, metadata=metadata)
