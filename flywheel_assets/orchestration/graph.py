"""From the contract and the bodies to Dagster's assets."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from flywheel_assets.catalog import CONTRACTS
from flywheel_assets.history import assets as history
from flywheel_assets.history import causes_asset as causes
from flywheel_assets.orchestration.metadata import column_schema, declared
from flywheel_assets.segments import assets as segments
from flywheel_assets.segments.contracts import FITS, FITTED
from flywheel_assets.sessions import assets as sessions
from flywheel_assets.tables.contract import FEATURE, OTHERS, SESSION_ID, USER_ID, Table
from flywheel_assets.users import assets as users
from flywheel_assets.users import exports_asset as exports

LANDING = dg.AssetSpec(
    "landing",
    metadata={"dagster/column_schema": column_schema((SESSION_ID, USER_ID, FEATURE, OTHERS))},
    group_name="landing",
    kinds={"parquet", "file"},
    description="The folder where parquet lands: one row a session, with session_id, user_id, the model's features and "
    "whatever else. Somebody else writes it; Flywheel only reads.",
)

BODIES: dict[str, tuple[str, set[str], Callable[..., Any]]] = {
    "landed_sessions": ("sessions", {"parquet"}, sessions.landed_sessions),
    "trimmed_sessions": ("sessions", {"parquet"}, sessions.trimmed_sessions),
    "session_predictions": ("sessions", {"parquet", "keras", "onnx"}, sessions.session_predictions),
    "user_distributions": ("users", {"parquet"}, users.user_distributions),
    "user_labels": ("users", {"parquet", "keras", "onnx"}, users.user_labels),
    "label_transitions": ("users", {"parquet"}, users.label_transitions),
    "enriched_export": ("exports", {"parquet", "looker"}, exports.enriched_export),
    "growth_accounting": ("history", {"parquet", "looker"}, history.growth_accounting),
    "label_mix": ("history", {"parquet", "looker"}, history.label_mix),
    "mix_shift": ("history", {"parquet", "looker"}, history.mix_shift),
    "transition_forecast": ("history", {"parquet", "looker"}, history.transition_forecast),
    "sankey_links": ("history", {"parquet", "looker"}, history.sankey_links),
    "transition_causes": ("history", {"parquet", "onnx"}, causes.transition_causes),
    "session_clusters": ("segments", {"parquet"}, segments.session_clusters),
    "cluster_mix": ("segments", {"parquet", "looker"}, segments.cluster_mix),
}
"""Per table its group, its kinds in the UI beside the engine's, and the function that makes it."""

FIT_BODIES: dict[str, tuple[str, set[str], Callable[..., Any]]] = {
    "visit_features": ("segments", {"parquet"}, segments.visit_features),
    "k_diagnostics": ("segments", {"parquet", "scikitlearn"}, segments.k_diagnostics),
    "cluster_centers": ("segments", {"parquet"}, segments.cluster_centers),
}
"""The same of the tables of a fit, which have no partitions."""


def fit_assets(engine: str) -> list[dg.AssetsDefinition]:
    """An asset a table of a fit, over a range of intervals that its run is told."""
    bodies = FIT_BODIES.items()
    return [_asset(FITS[name], group, {*kinds, engine}, body, None) for name, (group, kinds, body) in bodies]


def interval_assets(partitions: dg.TimeWindowPartitionsDefinition, engine: str) -> list[dg.AssetsDefinition]:
    """An asset a table of the contract, partitioned by interval; ``engine`` is the one that makes it."""
    return [
        _asset(CONTRACTS[name], group, {*kinds, engine}, body, partitions)
        for name, (group, kinds, body) in BODIES.items()
    ]


def _asset(
    table: Table,
    group: str,
    kinds: set[str],
    body: Callable[..., Any],
    partitions: dg.TimeWindowPartitionsDefinition | None,
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
    """One a source. A source that is needed of the previous interval too is one dependency on both partitions; earlier
    intervals are no dependency of Dagster's, which would ask for every one of them whenever this is materialized."""
    both = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    sources = [dg.AssetDep(name, partition_mapping=both if name in table.previous else None) for name in table.sources]
    return [*sources, *(dg.AssetDep(name) for name in FITTED.get(table.name, ()))]
