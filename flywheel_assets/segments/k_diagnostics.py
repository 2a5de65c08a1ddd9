"""k_diagnostics: the figures of every number of clusters as a table."""

from collections.abc import Sequence
from typing import Any

from flywheel_assets.segments import visit_features
from flywheel_assets.segments.cluster_count import Choice, Diagnostics, elbow
from flywheel_assets.tables.contract import Column, Table

TABLE = Table(
    "k_diagnostics",
    "number of clusters",
    "How good each number of clusters is, and which one is chosen.",
    (visit_features.TABLE,),
    (
        Column("clusters", "int32", "The number of clusters."),
        Column("chosen", "boolean", "Whether this number is the chosen one."),
        Column("inertia", "float64", "Sum of squared distances to the nearest centre, in standard deviations squared."),
        Column(
            "elbow",
            "float64",
            "How far inertia lies below a straight fall, as a share of the fall; null for a number ruled out.",
        ),
        Column("silhouette", "float64", "-1 to 1, higher is better; from a sample."),
        Column("davies_bouldin", "float64", "From 0, lower is better."),
        Column("calinski_harabasz", "float64", "From 0, higher is better."),
        Column("smallest_share", "float64", "Share of the sessions in the smallest cluster."),
        Column("mean_rank", "float64", "Mean rank by these four scores; null for a number ruled out."),
        Column("stability", "float64", "Mean Jaccard similarity of clusters in resamples; null if not resampled."),
        Column("stability_by_cluster", "array<float64>", "The same for each cluster, the least stable first."),
        Column("adjusted_rand", "float64", "Mean adjusted Rand index in resamples; null if not resampled."),
    ),
)


def k_diagnostics(found: Sequence[Diagnostics], choice: Choice) -> list[dict[str, Any]]:
    """One row per number of clusters, see the contract of k_diagnostics. The elbow is among the numbers in the running,
    which were ranked by it."""
    bend = elbow([d for d in found if d.clusters in choice.mean_ranks])
    rows = []
    for d in found:
        stability = choice.stabilities.get(d.clusters)
        rows.append(
            {
                **vars(d),
                "chosen": d.clusters == choice.clusters,
                "elbow": bend.get(d.clusters),
                "mean_rank": choice.mean_ranks.get(d.clusters),
                "stability": stability.mean if stability else None,
                "stability_by_cluster": sorted(stability.jaccards) if stability else None,
                "adjusted_rand": stability.adjusted_rand if stability else None,
            }
        )
    return rows
