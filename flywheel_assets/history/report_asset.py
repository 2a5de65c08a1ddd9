"""The asset of the group `reports`: interval_report, a page an interval."""

import shlex
from typing import Any

import dagster as dg

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.report import CAUSES, TOLD, report_of, write_report
from flywheel_assets.orchestration.findings import findings_on_record


def interval_report(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, partitioned as the tables that it tells of."""

    @dg.asset(
        group_name="reports",
        kinds={"html"},
        partitions_def=partitions,
        deps=["user_labels", "session_predictions", *TOLD, CAUSES],
        description="A page for people who decide: what changed in the interval and why, and how far to trust it. Asks "
        "nothing of any network; index.html beside it links all of them.",
        metadata={"grain": "one page an interval"},
    )
    def interval_report(
        context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> dg.MaterializeResult[None]:
        interval = flywheel.calendar.key(context.partition_key)
        if not flywheel.warehouse.exists("user_labels", interval):
            raise NotMaterializedError(
                f"interval {interval.key} ({interval.dates}) has no user labels yet, so there is nothing to report: "
                f"flywheel run --from {interval.key} --to {interval.key}"
            )
        report = report_of(flywheel, interval, findings_on_record(flywheel, interval, context.instance))
        path = write_report(flywheel, report)
        states = [finding.state for finding in report.findings]
        metadata: dict[str, Any] = {
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
