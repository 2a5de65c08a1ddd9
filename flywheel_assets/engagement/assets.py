"""Engagement by interactions as assets: interactions and engagement_dataset, one file each.

Not partitioned: the features of an interaction come from all earlier ones, however long ago."""

import dagster as dg

from flywheel_assets.engagement import engagement_dataset as dataset
from flywheel_assets.engagement import interactions as table
from flywheel_assets.engagement.engagement_files import EngagementFiles
from flywheel_assets.engagement.interaction_sources import definition_of
from flywheel_assets.engagement.interaction_tables import make_dataset, make_interactions
from flywheel_assets.engagement.system import SYSTEM
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import materialized
from flywheel_assets.tables.verdict import share


@SYSTEM.range_table(table.TABLE)
def interactions(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    written = make_interactions(flywheel)
    rows = EngagementFiles(flywheel.warehouse).read(table.TABLE.name)
    figures = flywheel.figures(rows, table.figures(rows, definition_of(flywheel).engaged_from))
    numbers = {
        "users": figures["users"],
        "items": figures["items"],
        "engaged": share(figures["engaged"], figures["rows"]),
    }
    return materialized(written, table.TABLE.columns, numbers)


@SYSTEM.range_table(dataset.TABLE)
def engagement_dataset(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    return materialized(make_dataset(flywheel), dataset.TABLE.columns, {})
