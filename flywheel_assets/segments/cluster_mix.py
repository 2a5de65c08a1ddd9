"""cluster_mix: how many sessions of an interval each cluster has, and how many of them convert."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.segments import session_clusters
from flywheel_assets.segments.cluster_centers import CLUSTER
from flywheel_assets.segments.segments import Segments
from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.columns import INTERVAL, INTERVAL_DATES
from flywheel_assets.tables.contract import Column, Table, interval_number
from flywheel_assets.tables.significance import exact_p, holm
from flywheel_assets.tables.verdict import Check, Number, Verdict, share

SEGMENTS_VERSION = "flywheel.segments_version"
"""The note in the table's file that names the fit: clusters of two fits are not compared."""

SIGNIFICANCE = 0.05

NOTABLE = 0.25
"""A rate that changed by less than this part of itself is not reported, however many sessions prove it."""

MIX_DRIFT = Check(
    "mix_drift",
    "PSI of the clusters from the previous interval, beyond noise: moderate from 0.10 warns, major above 0.25 fails.",
)
CONVERSION_DRIFT = Check(
    "conversion_drift",
    "No cluster's conversion rate changed by a quarter or more since the previous interval, beyond noise (warning).",
)
CHECKS = (MIX_DRIFT, CONVERSION_DRIFT)

Rows = Sequence[Mapping[str, Any]]


TABLE = Table(
    "cluster_mix",
    "cluster",
    "Sessions and conversion of each cluster of the fit.",
    (session_clusters.TABLE,),
    (
        Column("Cluster", "int32", CLUSTER.description),
        Column("Description", "string", "What its sessions are like, in words."),
        Column("Sessions", "int64", "Sessions of the cluster, 0 for none."),
        Column("Share", "float64", "Share of the interval's sessions; null without any."),
        Column("Conversions", "int64", "The cluster's sessions with the outcome; null without outcome."),
        Column("Conversion_Rate", "float64", "Conversions / Sessions; null without any, or without outcome."),
        INTERVAL,
        INTERVAL_DATES,
    ),
    checks=CHECKS,
    parameters=interval_number,
)


def counts(clusters: ir.Table) -> ir.Table:
    """Per ``cluster`` of session_clusters ``sessions`` and ``conversions``."""
    return clusters.group_by("cluster").aggregate(
        sessions=clusters.count(), conversions=clusters.converted.sum().coalesce(0)
    )


def cluster_mix(found: Sequence[Mapping[str, Any]], segments: Segments, interval: Interval) -> list[dict[str, Any]]:
    """One row per cluster of the fit, by id, even without sessions. ``found``: the rows of :func:`counts`. Shares
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
    return rows


def verdicts(now: Rows, before: Rows | None) -> list[Verdict]:
    """Both, from the rows of cluster_mix. ``before``: those of the previous interval by the same fit; None where there
    are none, and then there is no verdict."""
    counts = {_name(row): int(row["Sessions"]) for row in now}
    earlier = {_name(row): int(row["Sessions"]) for row in before} if before is not None else None
    return [
        labelled.drift(MIX_DRIFT.name, counts, earlier, "the previous interval by the same segments"),
        conversion_drift(now, before),
    ]


def conversion_drift(now: Rows, before: Rows | None) -> Verdict:
    """Warns of clusters whose conversion rate changed: by Fisher's exact test at 5 %, over all clusters by Holm's
    step-down (Holm 1979), and by a quarter or more of what it was. Clusters without sessions in either interval, or
    without any conversion in both, have no verdict."""
    then = {row["Cluster"]: row for row in before or ()}
    pairs = [(row, then[row["Cluster"]]) for row in now if row["Cluster"] in then]
    table = [line for line in (_line(row, past) for row, past in pairs) if line is not None]
    if not table:
        why = "nothing to compare: no conversions here and in the previous interval by the same segments"
        return Verdict(CONVERSION_DRIFT.name, True, why, "WARN")
    for line, p in zip(table, holm([float(line["p"]) for line in table]), strict=True):
        line["p_by_holm"] = p
    changed = [line for line in table if float(line["p_by_holm"]) < SIGNIFICANCE and _notable(line)]
    told = "; ".join(f"{line['cluster']} from {line['rate_before']:.2%} to {line['rate']:.2%}" for line in changed)
    return Verdict(
        CONVERSION_DRIFT.name,
        not changed,
        told or f"none of {len(table)} conversion rates changed by a quarter or more, beyond noise",
        "WARN",
        {"clusters_changed": len(changed), "clusters_compared": len(table)},
        table,
    )


def _line(row: Mapping[str, Any], past: Mapping[str, Any]) -> dict[str, Number] | None:
    if not row["Sessions"] or not past["Sessions"] or not (row["Conversions"] or past["Conversions"]):
        return None
    a, n, b, m = (int(r[c]) for r in (row, past) for c in ("Conversions", "Sessions"))
    return {
        "cluster": _name(row),
        "sessions": n,
        "rate": share(a, n),
        "sessions_before": m,
        "rate_before": share(b, m),
        "p": exact_p(a, n, b, m),
    }


def _notable(line: Mapping[str, Number]) -> bool:
    before, now = float(line["rate_before"]), float(line["rate"])
    return abs(now - before) >= NOTABLE * before


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['Cluster']} ({row['Description']})"
