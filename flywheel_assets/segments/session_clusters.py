"""session_clusters: the cluster of each trimmed session, and whether every session has one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from flywheel_assets.intervals import Interval
from flywheel_assets.segments import cluster_centers
from flywheel_assets.segments.cluster_centers import CLUSTER
from flywheel_assets.segments.files import segments_in_use
from flywheel_assets.segments.segments import Segments, matrix
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.tables.columns import SESSION_ID, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


CONTRACT = Check(
    "contract",
    "Columns and types match the contract; one row per trimmed session, with its cluster and a finite distance.",
    blocking=True,
)
CHECKS = (CONTRACT,)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"segments": segments_in_use(flywheel.warehouse).version}


TABLE = Table(
    "session_clusters",
    "session",
    "Each trimmed session with the cluster whose centre is nearest.",
    (trimmed_sessions.TABLE,),
    (
        SESSION_ID,
        USER_ID,
        CLUSTER,
        Column("distance", "float64", "Euclidean distance to the centre, in standard deviations."),
        Column(
            "converted",
            "boolean",
            "Whether the session has the outcome, such as a lead; null without such a feature.",
        ),
        Column("segments_version", "string", "The fit that gave the cluster."),
    ),
    fits=(cluster_centers.TABLE,),
    checks=CHECKS,
    parameters=_parameters,
)


def session_clusters(segments: Segments, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of the table for a batch of visit_features. Raises KeyError when a feature has no column."""
    position, distance = segments.nearest(matrix(batch, segments.features))
    converted = batch.column(segments.outcome).to_numpy(zero_copy_only=False) > 0 if segments.outcome else None
    arrays = [
        batch.column("session_id"),
        batch.column("user_id"),
        pa.array(np.array(segments.ids, dtype=np.int32)[position]),
        pa.array(distance),
        pa.nulls(batch.num_rows, pa.bool_()) if converted is None else pa.array(converted),
        pa.repeat(segments.version, batch.num_rows),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(batch.schema))


def schema(visits: pa.Schema) -> pa.Schema:
    """The columns of the table, from those of visit_features, whose ids keep their types."""
    return pa.schema([visits.field("session_id"), visits.field("user_id"), *list(TABLE.schema)[2:]])


def figures(table: ir.Table, ids: Sequence[int]) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``sessions`` (distinct), ``unknown_clusters`` and ``bad_distances``."""
    distance = table.distance
    good = ibis.and_(distance.notnull(), ~distance.isnan(), ~distance.isinf(), distance >= 0)
    return {
        "rows": table.count(),
        "sessions": table.session_id.nunique(),
        "unknown_clusters": (table.cluster.isnull() | table.cluster.notin(list(ids))).sum().coalesce(0),
        "bad_distances": (~good.fill_null(False)).sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], trimmed: int) -> Verdict:
    """``trimmed``: the rows of trimmed_sessions, none of which may be lost or doubled."""
    rows = int(row["rows"])
    faults = wrong_columns(schema, columns)
    faults += [f"{rows:,} rows for {trimmed:,} trimmed sessions"] if rows != trimmed else []
    repeated = rows - int(row["sessions"])
    faults += [f"{repeated:,} further rows of a session already counted"] if repeated else []
    bad = {"unknown_clusters": "rows with a cluster that the fit doesn't have", "bad_distances": "distances not finite"}
    faults += [f"{row[name]:,} {what}" for name, what in bad.items() if row[name]]
    numbers = {name: int(row[name]) for name in ("rows", *bad)}
    return Verdict(
        CONTRACT.name, not faults, "; ".join(faults) or f"all {rows:,} sessions have their cluster", numbers=numbers
    )
