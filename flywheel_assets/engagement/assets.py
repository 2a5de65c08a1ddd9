"""Engagement by interactions as assets: interactions and engagement_dataset, one file each, and the model's training.

Not partitioned: the features of an interaction come from all earlier ones, however long ago."""

import dagster as dg

from flywheel_assets.engagement import engagement_dataset as dataset
from flywheel_assets.engagement import interactions as table
from flywheel_assets.engagement.engagement_files import EngagementFiles
from flywheel_assets.engagement.interaction_sources import definition_of, made_from
from flywheel_assets.engagement.interaction_tables import make_dataset, make_interactions
from flywheel_assets.engagement.system import SYSTEM as SYSTEM
from flywheel_assets.engagement.training_task import COMMANDS, dataset_examples, engagement_task
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import ENGAGEMENT_TRAINING_JOB
from flywheel_assets.orchestration.metadata import materialized
from flywheel_assets.tables.verdict import share
from flywheel_assets.training.classifier.assets import TrainingAssets
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.classifier.threshold import ThresholdRule


@SYSTEM.range_table(table.TABLE)
def interactions(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    written = make_interactions(flywheel)
    rows = EngagementFiles(flywheel.warehouse).read(table.TABLE.name, made_from(flywheel))
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


def _prepared(flywheel: Flywheel, rule: ThresholdRule) -> tuple[ClassifierTask, Examples]:
    return engagement_task(flywheel.settings, rule), dataset_examples(flywheel)


TRAINING = TrainingAssets(
    group="engagement_training",
    comparison="engagement_comparison",
    model="engagement_model",
    evaluation="engagement_evaluation",
    importance="engagement_explanations",
    source=dataset.TABLE.name,
    prepare=_prepared,
    used=dataset.TABLE.used,
    command=f"{COMMANDS} train",
)
SYSTEM.assets.append(TRAINING)
SYSTEM.job(
    ENGAGEMENT_TRAINING_JOB,
    dg.AssetSelection.groups(SYSTEM.name, TRAINING.group),
    "A model of engagement with items, trained on all interactions as they are now, as a candidate. The model in use "
    "stays as it is.",
)
