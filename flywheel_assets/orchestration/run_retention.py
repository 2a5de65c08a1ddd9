"""How long the record keeps runs, and the sensor that deletes the others. Tables of the warehouse are not touched."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.orchestration.storage import shrink
from flywheel_assets.settings import Settings

TICK_SECONDS = 6 * 3600

MOST_DELETED = 500
"""Runs deleted in one tick, so that it ends within the minute that a tick may take; the rest follow at the next."""


def prune(instance: dg.DagsterInstance, older_than: datetime, most: int | None = None) -> int:
    """Delete the runs that started before ``older_than``, oldest first, with their events and logs; return how many.

    These stay whatever their age: a run that has not finished; of each interval, the last run of each job and
    selection of assets, by which `flywheel status` and the sensors go; a run that made what is the latest
    materialization of a table; and the run that one of these is a retry of. ``most``: None deletes all."""
    if not instance.get_run_records(dg.RunsFilter(created_before=older_than), limit=1):
        return 0
    old: list[str] = []
    kept = _runs_of_latest_materializations(instance)
    last_of: set[tuple[object, ...]] = set()
    for record in instance.get_run_records():  # newest first
        run = record.dagster_run
        of = (run.tags.get(PARTITION_TAG), run.job_name, run.asset_selection, run.asset_check_selection)
        recent = record.create_timestamp.astimezone(UTC) >= older_than
        if recent or not run.is_finished or of not in last_of or run.run_id in kept:
            kept |= {run.run_id, run.root_run_id or "", run.parent_run_id or ""}
        else:
            old.append(run.run_id)
        last_of.add(of)
    deleted = old[::-1][:most]
    for run_id in deleted:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.event_log_storage.delete_events(run_id)  # before the run: a kill leaves none without it
        instance.delete_run(run_id)
    shrink(instance)
    return len(deleted)


def prune_sensor(settings: Settings) -> dg.SensorDefinition:
    """Deletes old runs while the UI or the daemon is up."""

    @dg.sensor(
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Deletes runs older than FLYWHEEL_KEEP_RUNS_DAYS, {settings.keep_runs_days}, from the record. "
        "The latest of each interval stay.",
    )
    def prune_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        count = prune(context.instance, keep_from(settings, datetime.now(UTC)), MOST_DELETED)
        return dg.SkipReason(f"old runs deleted: {count}")

    return prune_sensor


def keep_from(settings: Settings, now: datetime) -> datetime:
    """The time from which on all runs are kept."""
    return now - timedelta(days=settings.keep_runs_days)


def _runs_of_latest_materializations(instance: dg.DagsterInstance) -> set[str]:
    runs: set[str | None] = set()
    for key, latest in instance.get_latest_materialization_events(instance.get_asset_keys()).items():
        of_partitions = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        records = instance.get_asset_event_summary_records(
            dg.DagsterEventType.ASSET_MATERIALIZATION, key, storage_ids=list(of_partitions.values())
        )
        runs |= {latest.run_id if latest else None, *(record.run_id for record in records)}
    return {run for run in runs if run}
