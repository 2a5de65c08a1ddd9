"""A small partitioned job for tests of the record of runs, in Dagster's own terms."""

from datetime import UTC, datetime
from functools import cache

import dagster as dg

from flywheel_assets.orchestration.partitions import interval_partitions
from flywheel_assets.settings import Settings

AFTERWARDS = datetime(2200, 1, 1, tzinfo=UTC)
"""When every run is old."""


@cache
def record_job(name: str = "record") -> dg.JobDefinition:
    """One table per interval, with a check of it."""
    partitions = interval_partitions(Settings.read(environment={}).calendar)

    @dg.asset(partitions_def=partitions)
    def table() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"rows": 1})

    @dg.asset_check(asset=table, name="rows", partitions_def=partitions)
    def rows() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=table, name="users", partitions_def=partitions)
    def users() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    return dg.Definitions(
        assets=[table],
        asset_checks=[rows, users],
        jobs=[dg.define_asset_job(name)],
        executor=dg.in_process_executor,
    ).resolve_job_def(name)
