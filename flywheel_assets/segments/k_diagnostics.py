"""k_diagnostics: the figures of every number of clusters as a table."""

from collections.abc import Sequence

import pyarrow as pa

from flywheel_assets.segments.cluster_count import Choice, Diagnostics, elbow

SCHEMA = pa.schema(
    {
        "clusters": pa.int32(),
        "chosen": pa.bool_(),
        "inertia": pa.float64(),
        "elbow": pa.float64(),
        "silhouette": pa.float64(),
        "davies_bouldin": pa.float64(),
        "calinski_harabasz": pa.float64(),
        "smallest_share": pa.float64(),
        "mean_rank": pa.float64(),
        "stability": pa.float64(),
        "stability_by_cluster": pa.list_(pa.float64()),
        "adjusted_rand": pa.float64(),
    }
)


def k_diagnostics(found: Sequence[Diagnostics], choice: Choice) -> pa.Table:
    """One row a number of clusters, see the contract of k_diagnostics. The elbow is among the numbers in the running,
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
    return pa.Table.from_pylist(rows, schema=SCHEMA)
