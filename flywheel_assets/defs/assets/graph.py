"""From the contract and the bodies to Dagster's assets."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from flywheel_assets.defs.assets import exports, sessions, users
from flywheel_assets.defs.metadata import declared
from flywheel_assets.domain.tables import TABLES, Table

LANDING = dg.AssetSpec(
    "landing",
    group_name="landing",
    kinds={"parquet", "file"},
    description="The folder where parquet lands: one row a session, with session_id, user_id, the model's features and "
    "whatever else. Somebody else writes it; Flywheel only reads.",
)

BODIES: dict[str, tuple[str, set[str], Callable[..., Any]]] = {
    "landed_sessions": ("sessions", {"parquet", "duckdb"}, sessions.landed_sessions),
    "trimmed_sessions": ("sessions", {"parquet", "duckdb"}, sessions.trimmed_sessions),
    "session_predictions": ("sessions", {"parquet", "keras", "onnx"}, sessions.session_predictions),
    "user_distributions": ("users", {"parquet", "duckdb"}, users.user_distributions),
    "user_labels": ("users", {"parquet", "keras", "onnx"}, users.user_labels),
    "label_transitions": ("users", {"parquet", "duckdb"}, users.label_transitions),
    "enriched_export": ("exports", {"parquet", "looker"}, exports.enriched_export),
}
"""Per table its group, its kinds in the UI, and the function that makes it."""


def interval_assets(partitions: dg.TimeWindowPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """An asset a table of the contract, partitioned by interval."""
    return [_asset(TABLES[name], *parts, partitions) for name, parts in BODIES.items()]


def _asset(
    table: Table,
    group: str,
    kinds: set[str],
    body: Callable[..., Any],
    partitions: dg.TimeWindowPartitionsDefinition,
) -> dg.AssetsDefinition:
    return dg.asset(
        name=table.name,
        group_name=group,
        kinds=kinds,
        description=table.description,
        metadata=declared(table),
        partitions_def=partitions,
        deps=_deps(table),
    )(body)


def _deps(table: Table) -> Sequence[dg.AssetDep]:
    """One a source. A source that is needed of the previous interval too is one dependency on both partitions."""
    both = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    return [dg.AssetDep(name, partition_mapping=both if name in table.previous else None) for name in table.sources]
