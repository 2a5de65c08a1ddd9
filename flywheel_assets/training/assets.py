"""Assets of the group `training`: session_labels, user_labels_for_training, trained_candidate, model_comparison.

Not partitioned: the labels are one file each over a range of intervals. `flywheel models train` labels in the same way,
and needs neither."""

import io
import json
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import TRAINING_JOB
from flywheel_assets.orchestration.metadata import column_schema, materialized, records
from flywheel_assets.orchestration.system import System
from flywheel_assets.registry.promotion import objections
from flywheel_assets.registry.shelves import candidate
from flywheel_assets.tables.contract import Column, Table, arrow_schema
from flywheel_assets.training import session_labels as sessions
from flywheel_assets.training import user_labels_for_training as users
from flywheel_assets.training.candidate_comparison import compare_bundles
from flywheel_assets.training.files import TrainingFiles
from flywheel_assets.training.labels import Labels
from flywheel_assets.warehouse.files import write_whole

ORDER, SOURCE, LABELLED_BY = "flywheel.label_order", "flywheel.label_source", "flywheel.labelled_by"
"""Notes of a table of labels: worst to best, one per line, and who labelled, in words and as a name."""

COMPARISON_COLUMNS = (
    Column("Level", "string", "sessions or users."),
    Column("Interval_Start", "string", "The interval's first day."),
    Column("Latest", "boolean", "Whether it is the latest closed interval; else it is one of the holdout."),
    Column("Champion_Label", "string", "The champion's label."),
    Column("Candidate_Label", "string", "The candidate's label."),
    Column("Count", "int64", "Sessions or users with these two labels."),
)
"""Of model_comparison.parquet, one row per pair of labels of an interval."""

SYSTEM = System("training")


class LabelledRange(dg.Config):
    """The intervals whose sessions are labelled."""

    first: str = Field("", description="Key of the first, as in 2024-01-15; the first that was run if empty.")
    last: str = Field("", description="Key of the last; the last that was run if empty.")


class ComparisonConfig(dg.Config):
    """``version``: the candidate's; empty means the newest."""

    version: str = ""


@SYSTEM.range_table(sessions.TABLE)
def session_labels(
    context: dg.AssetExecutionContext, config: LabelledRange, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    intervals = sessions.intervals_to_label(flywheel, config.first or None, config.last or None)
    return _written(flywheel, sessions.TABLE, sessions.session_labels(flywheel, intervals, context.log.warning))


@SYSTEM.range_table(users.TABLE)
def user_labels_for_training(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    rows, notes = TrainingFiles(flywheel.warehouse).read("session_labels")
    labelled = Labels(rows, tuple(notes[ORDER].split("\n")), notes[SOURCE], notes[LABELLED_BY])
    return _written(flywheel, users.TABLE, users.user_labels(flywheel, labelled, context.log.warning))


@dg.asset(
    group_name="training",
    kinds={"keras", "scikitlearn", "mlflow"},
    description="Both models trained on the labelled sessions and users, measured beside reference classifiers, as "
    "a candidate in models/candidates. The models in use stay as they are.",
    deps=["session_labels", "user_labels_for_training"],
)
def trained_candidate(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    # Not with the definitions, which every process of Dagster's imports, and few train.
    from flywheel_assets.training.candidate_record import metrics
    from flywheel_assets.training.card import worth
    from flywheel_assets.training.network import without_epochs
    from flywheel_assets.training.sources import DEFAULT_SEED, range_source, train_and_track

    keys = TrainingFiles(flywheel.warehouse).read("session_labels")[0]["interval_start"]
    source = range_source(flywheel, keys.min(), keys.max(), context.log.warning)
    trained, run = train_and_track(flywheel.settings.models_dir, source, DEFAULT_SEED, without_epochs(context.log.info))
    numbers = {name.replace(".", "_"): value for name, value in metrics(trained).items() if ".network." in name}
    metadata = {
        "version": trained.bundle.version,
        **numbers,
        **{f"{name}_model": worth(figures) for name, figures in trained.figures.items()},
        "path": dg.MetadataValue.path(str(trained.bundle.directory)),
        "mlflow_run": run or "not tracked",
        "command": trained.training["command"],
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(trained.bundle.version))


@dg.asset(
    group_name="training",
    kinds={"parquet", "onnx"},
    deps=["trained_candidate"],
    metadata={"grain": "one row per pair of labels", "dagster/column_schema": column_schema(COMPARISON_COLUMNS)},
    description="A candidate against the champion, on the candidate's holdout and on the latest closed interval: "
    "figures with 95 % intervals over users, labels that would flip, and what speaks against a promotion.",
)
def model_comparison(
    context: dg.AssetExecutionContext, config: ComparisonConfig, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    bundle = candidate(flywheel.settings.models_dir, config.version)
    if not flywheel.has_models:
        return dg.MaterializeResult(metadata={"candidate": bundle.version, "champion": "none to compare with"})
    comparison = compare_bundles(flywheel, bundle, flywheel.models)
    against = objections(comparison, flywheel.settings.max_flips)
    folder = flywheel.warehouse.folder / "training"
    write_whole(
        folder / "model_comparison.json",
        json.dumps({**comparison.to_json(), "objections": against}, indent=1).encode(),
    )
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(comparison.lines()), schema=arrow_schema(COMPARISON_COLUMNS)), content)
    write_whole(folder / "model_comparison.parquet", content.getvalue())
    figures = [
        {
            "of": one.level,
            "figure": metric.name,
            "candidate": metric.candidate.value,
            "champion": metric.champion.value if metric.champion else "-",
            "difference": metric.difference.value if metric.difference else "-",
        }
        for one in comparison.holdout
        for metric in one.metrics
    ]
    metadata: dict[str, dg.RawMetadataValue] = {
        "candidate": comparison.candidate,
        "champion": comparison.champion,
        "objections": len(against),
        **{f"share_of_{one.level}_flipping": one.share for one in comparison.flips if one.latest},
        "path": dg.MetadataValue.path(str(folder)),
        **({"remarks": " ".join(comparison.remarks)} if comparison.remarks else {}),
        "against_a_promotion": dg.MetadataValue.md("\n".join(f"- {one}" for one in against) or "nothing"),
        **records("figures", figures),
    }
    return dg.MaterializeResult(metadata=metadata)


SYSTEM.assets.extend([lambda settings, partitions: trained_candidate, lambda settings, partitions: model_comparison])
SYSTEM.job(
    TRAINING_JOB,
    dg.AssetSelection.groups("training"),
    "Labels of a range of intervals and a candidate trained on them. The models in use stay as they are.",
)


def _written(flywheel: Flywheel, table: Table, labels: Labels) -> dg.MaterializeResult[None]:
    notes = {ORDER: "\n".join(labels.order), SOURCE: labels.source, LABELLED_BY: labels.labelled_by}
    rows = labels.rows[[c.name for c in table.columns]]
    written = TrainingFiles(flywheel.warehouse).write(table.name, rows, notes)
    counts, keys = rows[table.columns[-1].name].value_counts(), rows["interval_start"]
    extras: dict[str, Any] = {
        "source": labels.source,
        "range": f"{keys.min()} to {keys.max()}",
        **records("labels", [{"label": one, "rows": int(counts.get(one, 0))} for one in labels.order]),
        **records("tiers", labels.tiers),
        **({"edit": dg.MetadataValue.path(str(labels.file))} if labels.file else {}),
    }
    return materialized(written, table.columns, {"intervals": keys.nunique()}, extras)
