"""cluster_centers: the centres of the clusters in use, and whether they are sane and stable."""

from typing import Any

import numpy as np

from flywheel_assets.segments import k_diagnostics
from flywheel_assets.segments.cluster_count import LEAST_SHARE, LEAST_STABILITY
from flywheel_assets.segments.segments import Segments
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Number, Verdict

APART = 1e-6
"""Centres nearer than this, in standard deviations, are one centre twice."""

CENTROID_SANITY = Check(
    "centroid_sanity", "No two centres are the same, every value is a number, and no cluster is under 0.5 %."
)
STABILITY = Check("stability", "Every cluster is found again in resamples: mean Jaccard at least 0.75 (warning).")
CHECKS = (CENTROID_SANITY, STABILITY)

CLUSTER = Column("cluster", "int32", "The cluster's id, from 1; stable from fit to fit.")
VERSION = Column("segments_version", "string", "The fit.")

TABLE = Table(
    "cluster_centers",
    "cluster and feature",
    "The centres of the clusters in use, with what their sessions are like.",
    (k_diagnostics.TABLE,),
    (
        CLUSTER,
        Column("description", "string", "What its sessions are like, in words."),
        Column("sessions", "int64", "Its sessions in the range that was fitted."),
        Column("share", "float64", "Share of all sessions in that range."),
        Column("conversion_rate", "float64", "Share of its sessions with the outcome; null without outcome."),
        Column("stability", "float64", "Mean Jaccard similarity in resamples, 0 to 1."),
        Column("feature", "string", "A column of visit_features."),
        Column("center", "float64", "The centre, in the feature's own unit."),
        Column("center_in_standard_deviations", "float64", "The centre, relative to the mean of all sessions."),
        VERSION,
    ),
    checks=CHECKS,
)


def cluster_centers(segments: Segments) -> list[dict[str, Any]]:
    """One row per cluster and feature."""
    return [
        {
            "cluster": cluster.id,
            "description": cluster.description,
            "sessions": cluster.sessions,
            "share": cluster.share,
            "conversion_rate": cluster.conversion_rate,
            "stability": cluster.stability,
            "feature": feature,
            "center": float(segments.centers_in_units[i, j]),
            "center_in_standard_deviations": cluster.center[j],
            "segments_version": segments.version,
        }
        for i, cluster in enumerate(segments.clusters)
        for j, feature in enumerate(segments.features)
    ]


def verdicts(segments: Segments) -> list[Verdict]:
    """Both of a fit."""
    return [centroid_sanity(segments), stability(segments)]


def centroid_sanity(segments: Segments) -> Verdict:
    """Fails for equal centres, values that are NaN or infinite, and clusters of under 0.5 % of the sessions."""
    clusters, centers = segments.clusters, segments.centers
    bad = [c.id for c, center in zip(clusters, centers, strict=True) if not np.isfinite(center).all()]
    same = [
        f"{a.id} and {b.id}"
        for i, a in enumerate(clusters)
        for j, b in enumerate(clusters)
        if i < j and float(np.sqrt(((centers[i] - centers[j]) ** 2).sum())) < APART
    ]
    small = [c for c in clusters if c.share < LEAST_SHARE]
    faults = [f"the centre of {id} is not finite" for id in bad]
    faults += [f"{pair} have the same centre" for pair in same]
    faults += [f"{c.id} ({c.description}) holds {c.share:.2%} of the sessions, {c.sessions:,}" for c in small]
    return Verdict(
        CENTROID_SANITY.name,
        not faults,
        "; ".join(faults)
        or f"{len(clusters)} distinct centres, the smallest cluster with {min(c.share for c in clusters):.1%}",
        numbers={"not_finite": len(bad), "same": len(same), "too_small": len(small)},
    )


def stability(segments: Segments) -> Verdict:
    """Warns of clusters whose mean Jaccard similarity in resamples is under 0.75, naming them."""
    found = [(c, c.stability) for c in segments.clusters if c.stability is not None]
    weak = [(c, value) for c, value in found if value < LEAST_STABILITY]
    table: list[dict[str, Number]] = [{"cluster": c.id, "description": c.description, "stability": v} for c, v in found]
    told = "; ".join(f"{c.id} ({c.description}) {value:.2f}" for c, value in weak)
    return Verdict(
        STABILITY.name,
        not weak,
        f"found again in resamples with less than {LEAST_STABILITY}: {told}" if weak else "every cluster is stable",
        "WARN",
        {"unstable": len(weak), "least": min((value for _, value in found), default=0.0)},
        table,
    )
