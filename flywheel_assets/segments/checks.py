"""The checks of the segments: of the fit, which has no interval, and of what it says of each interval."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import Verdicts, check_result
from flywheel_assets.segments import (
    cluster_centers_verdicts as cluster_centers,
)
from flywheel_assets.segments import (
    cluster_mix_verdicts as cluster_mix,
)
from flywheel_assets.segments import (
    session_clusters_verdicts as session_clusters,
)
from flywheel_assets.segments.cluster_mix import SEGMENTS_VERSION
from flywheel_assets.tables.verdict import Verdict


def of_session_clusters(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("session_clusters", interval)
    row = flywheel.figures(table, session_clusters.figures(table, flywheel.segments.ids))
    trimmed = flywheel.warehouse.rows("trimmed_sessions", interval) or 0
    return [session_clusters.contract(row, table.schema(), flywheel.columns("session_clusters"), trimmed)]


def of_cluster_mix(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    previous = flywheel.previous_with_data(interval)
    before = _rows(flywheel, previous) if previous and _same_fit(flywheel, previous) else None
    return cluster_mix.verdicts(_rows(flywheel, interval), before)


def _rows(flywheel: Flywheel, interval: Interval) -> list[dict[str, Any]]:
    return flywheel.engine.collect(flywheel.warehouse.read("cluster_mix", interval)).to_pylist()


def _same_fit(flywheel: Flywheel, interval: Interval) -> bool:
    return flywheel.warehouse.note("cluster_mix", interval, SEGMENTS_VERSION) == flywheel.segments.version


SEGMENT_VERDICTS: Verdicts = {
    "session_clusters": (session_clusters.CHECKS, of_session_clusters),
    "cluster_mix": (cluster_mix.CHECKS, of_cluster_mix),
}


def fit_checks() -> dg.AssetChecksDefinition:
    """The checks of cluster_centers. None blocks: the run ends there, and the clusters of intervals say themselves what
    is wrong with them."""
    checks = cluster_centers.CHECKS
    specs = [dg.AssetCheckSpec(c.name, asset="cluster_centers", description=c.description) for c in checks]

    @dg.multi_asset_check(name="cluster_centers_checks", specs=specs, description="All checks of cluster_centers.")
    def run(
        context: dg.AssetCheckExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> Iterator[dg.AssetCheckResult]:
        try:
            found = cluster_centers.verdicts(flywheel.segments)
        except Exception as error:  # an exception would leave every check without a result
            context.log.exception("the checks of cluster_centers could not be computed")
            found = [Verdict(check.name, False, f"could not be computed: {error}") for check in checks]
        yield from (check_result("cluster_centers", verdict) for verdict in found)

    return run
