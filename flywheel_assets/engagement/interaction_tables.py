"""Making the two tables of engagement by interactions of a flywheel, for the assets and for training alike."""

from flywheel_assets.engagement import engagement_dataset as dataset
from flywheel_assets.engagement import interactions
from flywheel_assets.engagement.engagement_files import EngagementFiles
from flywheel_assets.engagement.interaction_features import interaction_features
from flywheel_assets.engagement.interaction_sources import definition_of, made_from, source_of
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import utc_offsets
from flywheel_assets.warehouse.warehouse import Written

ITEMS = "items"


def make_interactions(flywheel: Flywheel) -> Written:
    """Writes interactions and the items beside them. Raises EngagementError where there are none to be used."""
    files, made, source = EngagementFiles(flywheel.warehouse), made_from(flywheel), source_of(flywheel)
    files.write(ITEMS, source.items, made)
    return files.write(interactions.TABLE.name, interactions.once(source.rows), made)


def make_dataset(flywheel: Flywheel) -> Written:
    """Writes engagement_dataset from what :func:`make_interactions` wrote. Raises NotMaterializedError without it,
    and where it wrote that from something else than there is now."""
    files, engine, made = EngagementFiles(flywheel.warehouse), flywheel.engine, made_from(flywheel)
    rows, items = files.read(interactions.TABLE.name, made), files.read(ITEMS, made)
    counts = [(one["group"], one["items"]) for one in engine.collect(dataset.group_counts(items)).to_pylist()]
    row = flywheel.figures(rows, {**interactions.figures(rows, 0.0), **dataset.cut_seconds(rows)})
    zone = flywheel.calendar.timezone
    offsets = [(0, 0)] if zone == "UTC" else utc_offsets(zone, row["first"] // 900 * 900, row["last"] + 900)
    with files.stages() as stage:
        features = interaction_features(
            rows, items, dataset.group_columns(counts), stage, definition_of(flywheel).engaged_from, offsets
        )
        return files.write(dataset.TABLE.name, dataset.with_parts(features, row["cut_0"], row["cut_1"]), made)
