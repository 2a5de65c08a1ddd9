"""Assets of the group `users`: user_distributions, user_labels, label_transitions."""

from collections.abc import Sequence

import dagster as dg
import pyarrow as pa

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import label_numbers, materialized, records
from flywheel_assets.sessions.changes import Comparison
from flywheel_assets.users import label_transitions as transitions
from flywheel_assets.users import user_distributions as distributions


def user_distributions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    predictions = flywheel.warehouse.read("session_predictions", interval)
    table = distributions.user_distributions(predictions, flywheel.models["session"].labels)
    generation = flywheel.generation("user_distributions", interval)
    written = flywheel.warehouse.write("user_distributions", interval, table, generation)
    sessions = flywheel.warehouse.rows("session_predictions", interval) or 0
    numbers = {"users": written.rows, "sessions_per_user": sessions / written.rows if written.rows else 0.0}
    return materialized(written, flywheel.columns("user_distributions"), numbers)


def user_labels(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    scorer = flywheel.scorer("user")
    generation = flywheel.generation("user_labels", interval)
    comparison = Comparison(flywheel, "user_labels", interval, generation)
    names = [column.name for column in flywheel.columns("user_labels")]
    written = flywheel.warehouse.write_mapped(
        "user_labels",
        interval,
        flywheel.warehouse.read("user_distributions", interval),
        lambda batch: scorer.labelled(batch, "user_flywheel_label", "user_model_version").select(names),
        lambda schema: _only(names, scorer.schema(schema, "user_flywheel_label", "user_model_version")),
        generation,
        comparison,
    )
    counts = flywheel.label_counts("user_labels", interval) or {}
    baseline = flywheel.models["user"].baseline
    shares = label_numbers(counts, baseline.labels if baseline else None)
    numbers = {"users": written.rows, **shares, **comparison.numbers}
    extras = {"user_model_version": scorer.version, **records("relabelled", comparison.relabelled)}
    return materialized(written, flywheel.columns("user_labels"), numbers, extras)


def label_transitions(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    now = flywheel.warehouse.read("user_labels", interval)
    previous = flywheel.previous_with_data(interval)
    before = flywheel.warehouse.read("user_labels", previous) if previous else None
    table = transitions.label_transitions(now, before, interval)
    generation = flywheel.generation("label_transitions", interval)
    written = flywheel.warehouse.write("label_transitions", interval, table, generation)
    moves = flywheel.engine.collect(flywheel.warehouse.read("label_transitions", interval)).to_pylist()
    numbers = transitions.movements(moves)
    return materialized(written, flywheel.columns("label_transitions"), numbers, records("transitions", moves))


def _only(names: Sequence[str], schema: pa.Schema) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])
