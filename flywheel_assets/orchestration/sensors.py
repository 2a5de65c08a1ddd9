"""What sensors share: how often they look, which runs are under way, which requests are new."""

from collections.abc import Iterable, Sequence

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.processes import keys_of
from flywheel_assets.orchestration.requests import Request
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.tables.contract import Table

TICK_SECONDS = 15
SETTLED_SECONDS = 10
"""A file younger than this may still be being written, and is left for the next tick."""

MOST_REQUESTS = 20
"""Runs requested in one tick; the rest follow at the next, so that no tick takes a minute."""

RUN_KEY_TAG = "dagster/run_key"


_FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def replaced(flywheel: Flywheel, instance: dg.DagsterInstance, tables: Sequence[Table], interval: Interval) -> str:
    """What stands in the place of the tables that are to be made: when the newest of them was written. Where none is
    there: the first one's name and its last materialization, so that one that was deleted is asked for again."""
    paths = [flywheel.warehouse.path(table.name, interval) for table in tables]
    written = [path.stat().st_mtime_ns for path in paths if path.is_file()]
    if written:
        return str(max(written))
    first = dg.AssetKey(tables[0].name)
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(first, asset_partitions=[interval.key]), limit=1
    ).records
    return f"{first.to_user_string()}-{records[0].storage_id if records else 'new'}"


def unfinished(instance: dg.DagsterInstance) -> set[str]:
    """Keys of intervals with a run that is queued or under way."""
    statuses = [status for status in dg.DagsterRunStatus if status not in _FINISHED]
    return keys_of(instance.get_runs(dg.RunsFilter(statuses=statuses)), PARTITION_TAG)


def new_requests(
    instance: dg.DagsterInstance, requests: Iterable[Request], tables: Sequence[Table] | None = None
) -> list[dg.RunRequest]:
    """As many requests as a tick may make, without those made before: Dagster would drop these, and they would keep
    others waiting. ``tables``: those of the job to make, by default all."""
    wanted = list(requests)
    if not wanted:
        return []
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: [request.run_key for request in wanted]}))
    asked = keys_of(runs, RUN_KEY_TAG)
    return [
        dg.RunRequest(
            run_key=r.run_key,
            partition_key=r.key,
            tags={"flywheel/because": r.because[:255]},
            asset_selection=[dg.AssetKey(table.name) for table in tables] if tables else None,
        )
        for r in wanted
        if r.run_key not in asked
    ][:MOST_REQUESTS]


def waiting(requests: Sequence[Request]) -> list[str]:
    """Which intervals were requested before without success, in words."""
    keys = ", ".join(request.key for request in requests)
    return [f"waiting for a person or new files, because a run was already requested: {keys}"] if keys else []
