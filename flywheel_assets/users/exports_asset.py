"""Assets of the group `exports`: enriched_export."""

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import materialized
from flywheel_assets.users import enriched_export as export


def enriched_export(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    users = flywheel.warehouse.read("user_labels", interval)
    table = export.enriched_export(
        flywheel.warehouse.read("session_predictions", interval),
        users,
        interval,
        flywheel.models["session"].labels,
        flywheel.models["user"].labels,
        flywheel.settings.reporting_timezone,
    )
    generation = flywheel.generation("enriched_export", interval)
    written = flywheel.warehouse.write("enriched_export", interval, table, generation)
    numbers = {"users": flywheel.warehouse.rows("user_labels", interval) or 0}
    extras = {"open_with": f"duckdb -c \"from '{written.path}' limit 10\""}
    if flywheel.settings.user_export:
        by_user = flywheel.warehouse.write("user_export", interval, export.user_export(users, interval), generation)
        extras["users_path"] = str(by_user.path)
    else:  # one of an earlier setting would be of another generation than the export beside it
        flywheel.warehouse.remove("user_export", interval)
    return materialized(written, flywheel.columns("enriched_export"), numbers, extras)
