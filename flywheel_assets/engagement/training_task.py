"""What a model of engagement is for, and what it learns from: engagement_dataset, split by the protocols."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flywheel_assets.engagement import engagement_dataset as dataset
from flywheel_assets.engagement.engagement_file import PROTOCOLS
from flywheel_assets.engagement.engagement_files import EngagementFiles
from flywheel_assets.engagement.interaction_sources import definition_of, made_from
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.settings import Settings
from flywheel_assets.training.classifier.estimators import LIGHTGBM, PLAIN, SCALED_LOGISTIC, XGBOOST, Kind
from flywheel_assets.training.classifier.examples import Examples, examples_of
from flywheel_assets.training.classifier.split import Parts
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.classifier.threshold import ThresholdRule

ENGAGEMENT_MODEL = "engagement"
COMMANDS = "flywheel engagement"
EXPERIMENT = "Engagement_Probability_Classification"

REFERENCE = Kind(SCALED_LOGISTIC, PLAIN)
KINDS = (REFERENCE, Kind(LIGHTGBM, PLAIN), Kind(XGBOOST, PLAIN))

MOST_ROWS = 1_000_000
"""Of more, whole users are drawn."""

MOST_OTHERS = 2_000
"""Rows that one is explained beside, at most."""

NEW, HEAVY = 20, 100
"""A user with fewer earlier interactions is new, one with so many or more is heavy, the others are light."""

HOW = {
    "last ten": "last ten: each user's last ten interactions judge, the ten before choose, the rest is fitted on",
    "last one": "last one: each user's last interaction judges, the one before chooses, the rest is fitted on",
    "time cut": "time cut: the first 80 % of all interactions are fitted on, the next 10 % choose, the last 10 % judge",
}


def engagement_task(settings: Settings, rule: ThresholdRule) -> ClassifierTask:
    horizon = "before the interaction, from strictly earlier ones"
    models_dir = settings.engagement_models_dir
    return ClassifierTask(
        ENGAGEMENT_MODEL,
        "engagement",
        "interactions",
        horizon,
        COMMANDS,
        EXPERIMENT,
        models_dir,
        settings.models_dir.parent,
        rule,
        KINDS,
        REFERENCE,
    )


def dataset_examples(flywheel: Flywheel, seed: int = 2024) -> Examples:
    """Those of engagement_dataset, split by the protocol of engagement.toml, the others beside it. Raises
    NotMaterializedError without the table and where it is not of the present interactions, TrainingError where nothing
    can be learnt from it."""
    path = EngagementFiles(flywheel.warehouse).current(dataset.TABLE.name, made_from(flywheel))
    rows, note = _rows(pq.ParquetFile(path), seed)
    rows = rows.append_column("_id", _joined(rows))
    examples = examples_of(
        rows,
        "engaged",
        dataset.inputs(rows.column_names),
        user="user_id",
        row_id="_id",
        time="timestamp_unix",
        source=dataset.TABLE.name,
    )
    first = definition_of(flywheel).protocol
    splits = {protocol: _parts(rows, protocol) for protocol in sorted(PROTOCOLS, key=lambda one: one != first)}
    earlier = rows["user_count"].to_numpy()
    activity = {
        f"new users, under {NEW} earlier": earlier < NEW,
        "light users": (earlier >= NEW) & (earlier < HEAVY),
        f"heavy users, {HEAVY} and more": earlier >= HEAVY,
    }
    return replace(examples, splits=splits, groups=activity, notes=(*examples.notes, *note))


def interaction_rows(flywheel: Flywheel, row_id: str) -> tuple[pa.Table, pa.Table] | None:
    """The row of an interaction in engagement_dataset, ``user.item.second``, and some others; None where it has no such
    row. Raises NotMaterializedError without the table, and where it is not of the present interactions."""
    rows = EngagementFiles(flywheel.warehouse).read(dataset.TABLE.name, made_from(flywheel))
    second = rows.timestamp_unix.cast("string")
    row = flywheel.engine.collect(rows.filter(rows.user_id + "." + rows.item_id + "." + second == row_id))
    if not row.num_rows:
        return None
    others = rows.order_by((rows.user_id + rows.item_id).hash(), second).limit(MOST_OTHERS)
    return row, flywheel.engine.collect(others)


def _rows(file: pq.ParquetFile, seed: int) -> tuple[pa.Table, tuple[str, ...]]:
    """All rows; of more than MOST_ROWS those of users drawn at random, a batch of the file at a time, and a note."""
    count = file.metadata.num_rows
    if count <= MOST_ROWS:
        return file.read(), ()
    counted = file.read(columns=["user_id"]).group_by("user_id").aggregate([("user_id", "count")]).sort_by("user_id")
    order = np.random.default_rng(seed).permutation(len(counted))
    within = np.cumsum(counted["user_id_count"].to_numpy()[order]) <= MOST_ROWS
    users = counted["user_id"].take(pa.array(np.sort(order[within]))).combine_chunks()
    parts = [batch.filter(pc.is_in(batch["user_id"], users)) for batch in file.iter_batches()]
    rows = pa.Table.from_batches(parts, file.schema_arrow)
    return rows, (f"{len(rows):,} of {count:,} interactions: those of {len(users):,} users, drawn at random",)


def _joined(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows["user_id"], rows["item_id"], rows["timestamp_unix"].cast(pa.string()), ".")


def _parts(rows: pa.Table, protocol: str) -> Parts:
    part = rows[dataset.part_column(protocol)]
    fit, validation, test = (
        pc.equal(part, name).to_numpy(zero_copy_only=False).astype(bool)
        for name in (dataset.FIT, dataset.VALIDATION, dataset.TEST)
    )
    return Parts(fit, validation, test, f"by {HOW[protocol]}")
