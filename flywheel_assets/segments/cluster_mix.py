"""cluster_mix: how many sessions of an interval each cluster has, and how many of them convert."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.intervals import Interval
from flywheel_assets.segments.segments import Segments

SCHEMA = pa.schema(
    {
        "Cluster": pa.int32(),
        "Description": pa.string(),
        "Sessions": pa.int64(),
        "Share": pa.float64(),
        "Conversions": pa.int64(),
        "Conversion_Rate": pa.float64(),
        "Interval": pa.int32(),
        "Interval_Dates": pa.string(),
    }
)

SEGMENTS_VERSION = "flywheel.segments_version"
"""The note in the table's file that names the fit: clusters of two fits are not compared."""


def counts(clusters: ir.Table) -> ir.Table:
    """Per ``cluster`` of session_clusters ``sessions`` and ``conversions``."""
    return clusters.group_by("cluster").aggregate(
        sessions=clusters.count(), conversions=clusters.converted.sum().coalesce(0)
    )


def cluster_mix(found: Sequence[Mapping[str, Any]], segments: Segments, interval: Interval) -> pa.Table:
    """One row a cluster of the fit, by id, also those without a session. ``found``: the rows of :func:`counts`. Shares
    and rates of nothing are null, and so is all conversion where the fit has no outcome."""
    by_id = {row["cluster"]: row for row in found}
    total = sum(row["sessions"] for row in found)
    rows = []
    for cluster in segments.clusters:
        sessions = by_id[cluster.id]["sessions"] if cluster.id in by_id else 0
        conversions = by_id[cluster.id]["conversions"] if cluster.id in by_id else 0
        known = segments.outcome is not None
        rows.append(
            {
                "Cluster": cluster.id,
                "Description": cluster.description,
                "Sessions": sessions,
                "Share": sessions / total if total else None,
                "Conversions": conversions if known else None,
                "Conversion_Rate": conversions / sessions if known and sessions else None,
                "Interval": interval.number,
                "Interval_Dates": interval.dates,
            }
        )
    return pa.Table.from_pylist(rows, schema=SCHEMA)
