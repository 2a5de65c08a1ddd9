"""The sensor of the landing folder, and what sensors share: gather what there is, ask `domain.automation` what to run,
pass it on."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from flywheel_assets.errors import FlywheelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.index import LandingIndex, identities
from flywheel_assets.orchestration.jobs import LABELS_JOB
from flywheel_assets.orchestration.processes import end_abandoned_runs, keys_of
from flywheel_assets.orchestration.requests import Request, landing_requests
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.settings import Settings
from flywheel_assets.tables.generation import digest

TICK_SECONDS = 15
SETTLED_SECONDS = 10
"""A file younger than this may still be written, and is left for the next tick."""

MOST_FILES, MOST_REQUESTS = 500, 20
"""New files read and runs asked for in one tick; the rest goes on at the next, so that no tick takes a minute."""

RUN_KEY_TAG = "dagster/run_key"


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """Runs of the closed intervals whose landed files are not those that their tables were made from."""

    @dg.sensor(
        job_name=LABELS_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs an interval, up to its export, when parquet of it has landed and it is closed.",
    )
    def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        end_abandoned_runs(context.instance)
        try:
            with Flywheel.open(settings) as flywheel:
                now = flywheel.now()
                flywheel.look(settled_before=now - timedelta(seconds=SETTLED_SECONDS), most=MOST_FILES)
                intervals = flywheel.to_run(now)
                made_from = {i.key: flywheel.landed_from(i) for i in intervals}
                replaced = written(flywheel, "landed_sessions", intervals)
                index = flywheel.index
        except FlywheelError as error:
            return dg.SkipReason(str(error))
        requests = landing_requests(
            [interval.key for interval in intervals],
            {interval.key: identities(index.of_interval(interval)) for interval in intervals},
            identities(index.usable),
            {key: files for key, files in made_from.items() if files is not None},
            {interval.key: index.fingerprint(interval) for interval in intervals},
            replaced,
            unfinished(context.instance),
        )
        new = new_requests(context.instance, requests)
        seen = digest(repr((index.files, index.young, index.unread)))
        if seen != context.cursor:
            for file in index.set_aside:
                context.log.warning(f"set aside: {file.problem}")
        return dg.SensorResult(
            run_requests=new,
            skip_reason=None if new else "; ".join(_landed(index) + waiting(requests)),
            cursor=seen,
            asset_events=[_observation(index)] if seen != context.cursor else [],
        )

    return landing_sensor


def written(flywheel: Flywheel, table: str, intervals: Iterable[Interval]) -> dict[str, int]:
    """When the table of each interval was written, in nanoseconds; no entry where it is missing."""
    paths = {interval.key: flywheel.warehouse.path(table, interval) for interval in intervals}
    return {key: path.stat().st_mtime_ns for key, path in paths.items() if path.is_file()}


def unfinished(instance: dg.DagsterInstance) -> set[str]:
    """Keys of intervals with a run that is queued or under way."""
    statuses = [status for status in dg.DagsterRunStatus if status not in _FINISHED]
    return keys_of(instance.get_runs(dg.RunsFilter(statuses=statuses)), PARTITION_TAG)


def new_requests(instance: dg.DagsterInstance, requests: Iterable[Request]) -> list[dg.RunRequest]:
    """As many as a tick may make of those that were not asked for before: Dagster would drop those, and they would
    keep others waiting behind them."""
    wanted = list(requests)
    if not wanted:
        return []
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: [request.run_key for request in wanted]}))
    asked = keys_of(runs, RUN_KEY_TAG)
    return [
        dg.RunRequest(run_key=r.run_key, partition_key=r.key, tags={"flywheel/because": r.because[:255]})
        for r in wanted
        if r.run_key not in asked
    ][:MOST_REQUESTS]


def waiting(requests: Sequence[Request]) -> list[str]:
    """What was asked for before and came to nothing, in words."""
    keys = ", ".join(request.key for request in requests)
    return [f"waiting for a person or for new files, because a run of it was asked for before: {keys}"] if keys else []


def _landed(index: LandingIndex) -> list[str]:
    """What a tick found, in words."""
    parts = [f"{len(index.usable):,} files, nothing new"]
    parts += [f"{len(index.young)} still being written: {index.young[0]}"] if index.young else []
    parts += [f"{len(index.unread):,} left for the next tick"] if index.unread else []
    return parts + [f"set aside: {file.problem}" for file in index.set_aside]


def _observation(index: LandingIndex) -> dg.AssetObservation:
    rows = sum(sum(file.rows.values()) for file in index.files)
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "files": len(index.files),
        "rows": rows,
        "files_set_aside": len(index.set_aside),
        "files_waiting": len(index.young) + len(index.unread),
    }
    if index.set_aside:
        metadata["set_aside"] = "; ".join(file.problem or "" for file in index.set_aside)
    return dg.AssetObservation("landing", metadata=metadata)


_FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
