"""Assets of the group `training` that label: session_labels, user_labels_for_training. Not partitioned: each is one
file over a range of intervals. `flywheel models train` labels in the same way, and needs neither."""

from collections.abc import Callable
from typing import Any

import dagster as dg
from pydantic import Field

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import declared, materialized, records
from flywheel_assets.ranges import intervals_to_run
from flywheel_assets.training import label_sources as labelled
from flywheel_assets.training.contracts import TRAINING
from flywheel_assets.training.files import TrainingFiles
from flywheel_assets.training.label_rows import Labelling

ORDER, SOURCE, LABELLED_BY = "flywheel.label_order", "flywheel.label_source", "flywheel.labelled_by"
"""Notes of a table of labels: worst to best, a line each, and who labelled, in words and as a name."""


class LabelledRange(dg.Config):
    """The intervals whose sessions are labelled."""

    first: str = Field("", description="Key of the first, as in 2024-01-15; the first with data if empty.")
    last: str = Field("", description="Key of the last; the last closed one if empty.")


def session_labels(
    context: dg.AssetExecutionContext, config: LabelledRange, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    first, last = config.first or None, config.last or None
    intervals = intervals_to_run(flywheel, first, last, flywheel.now())
    return _written(flywheel, "session_labels", labelled.session_labels(flywheel, intervals, context.log.warning))


def user_labels_for_training(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    rows, notes = TrainingFiles(flywheel.warehouse).read("session_labels")
    sessions = Labelling(rows, tuple(notes[ORDER].split("\n")), notes[SOURCE], notes[LABELLED_BY])
    found = labelled.user_labels(flywheel, sessions, context.log.warning)
    return _written(flywheel, "user_labels_for_training", found)


def label_assets(engine: str) -> list[dg.AssetsDefinition]:
    """Both, from their contracts; ``engine`` is the one that reads what they are made from."""
    bodies: dict[str, Callable[..., Any]] = {
        "session_labels": session_labels,
        "user_labels_for_training": user_labels_for_training,
    }
    return [
        dg.asset(
            name=name,
            group_name="training",
            kinds={"parquet", engine},
            description=TRAINING[name].description,
            metadata=declared(TRAINING[name]),
            deps=[source.name for source in TRAINING[name].sources],
        )(body)
        for name, body in bodies.items()
    ]


def _written(flywheel: Flywheel, name: str, found: Labelling) -> dg.MaterializeResult[None]:
    columns = TRAINING[name].columns
    label = columns[-1].name
    notes = {ORDER: "\n".join(found.order), SOURCE: found.source, LABELLED_BY: found.labelled_by}
    written = TrainingFiles(flywheel.warehouse).write(name, found.rows[[c.name for c in columns]], notes)
    counts = found.rows[label].value_counts()
    keys = found.rows["interval_start"]
    numbers = {"intervals": keys.nunique()}
    lines = [{"label": one, "rows": int(counts.get(one, 0))} for one in found.order]
    extras = {
        "source": found.source,
        "range": f"{keys.min()} to {keys.max()}",
        **records("labels", lines),
        **records("tiers", found.tiers),
        **({"edit": dg.MetadataValue.path(str(found.file))} if found.file else {}),
    }
    return materialized(written, columns, numbers, extras)
