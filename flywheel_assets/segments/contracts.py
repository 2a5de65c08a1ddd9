"""The contracts of the segments' tables that are partitioned by interval. As `tables`, which holds the spine."""

from collections.abc import Mapping

from flywheel_assets.tables.contract import FEATURE, INTERVAL, INTERVAL_DATES, SESSION_ID, USER_ID, Column, Table

CLUSTER = Column("cluster", "int32", "The cluster's id, from 1; stable from fit to fit.")

SEGMENTS: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "session_clusters",
            "session",
            "Each trimmed session with the cluster whose centre is nearest.",
            ("trimmed_sessions",),
            (
                SESSION_ID,
                USER_ID,
                CLUSTER,
                Column("distance", "float64", "Euclidean distance to the centre, in standard deviations."),
                Column(
                    "converted",
                    "boolean",
                    "Whether the session has the outcome, as a lead; null without such a feature.",
                ),
                Column("segments_version", "string", "The fit that gave the cluster."),
            ),
        ),
        Table(
            "cluster_mix",
            "cluster",
            "Sessions and conversion of each cluster of the fit.",
            ("session_clusters",),
            (
                Column("Cluster", "int32", CLUSTER.description),
                Column("Description", "string", "What its sessions are like, in words."),
                Column("Sessions", "int64", "Sessions of the cluster, 0 for none."),
                Column("Share", "float64", "Of the interval's sessions; null without any."),
                Column(
                    "Conversions", "int64", "Of the cluster's sessions those with the outcome; null without outcome."
                ),
                Column("Conversion_Rate", "float64", "Conversions / Sessions; null without any, or without outcome."),
                INTERVAL,
                INTERVAL_DATES,
            ),
        ),
    )
}

VERSION = Column("segments_version", "string", "The fit.")

FITS: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "visit_features",
            "session",
            "What the sessions of a range of intervals are clustered by: counts as they are, and rates.",
            ("trimmed_sessions",),
            (
                SESSION_ID,
                USER_ID,
                Column("interval_start", "string", "The key of the session's interval."),
                FEATURE,
                Column(
                    "<rate>", "float64", "One feature by another, as favorites per detail view; 0 where it is 0 / 0."
                ),
            ),
        ),
        Table(
            "k_diagnostics",
            "number of clusters",
            "How good each number of clusters is, and which one is chosen.",
            ("visit_features",),
            (
                Column("clusters", "int32", "The number of clusters."),
                Column("chosen", "boolean", "Whether it is the chosen one."),
                Column(
                    "inertia", "float64", "Sum of squared distances to the own centre, in standard deviations squared."
                ),
                Column(
                    "elbow",
                    "float64",
                    "How far inertia lies below a straight fall, as a part of the fall; null for a number that is out.",
                ),
                Column("silhouette", "float64", "-1 to 1, more is better; of a sample."),
                Column("davies_bouldin", "float64", "From 0, less is better."),
                Column("calinski_harabasz", "float64", "From 0, more is better."),
                Column("smallest_share", "float64", "Share of the sessions in the smallest cluster."),
                Column("mean_rank", "float64", "Mean place by the four; null for a number that is out."),
                Column(
                    "stability", "float64", "Mean Jaccard similarity of clusters in resamples; null if not resampled."
                ),
                Column("stability_by_cluster", "array<float64>", "The same of each cluster, the least stable first."),
                Column("adjusted_rand", "float64", "Mean adjusted Rand index in resamples; null if not resampled."),
            ),
        ),
        Table(
            "cluster_centers",
            "cluster and feature",
            "The centres of the clusters in use, with what their sessions are like.",
            ("k_diagnostics",),
            (
                CLUSTER,
                Column("description", "string", "What its sessions are like, in words."),
                Column("sessions", "int64", "Sessions of the range that it was fitted on."),
                Column("share", "float64", "Of all sessions of the range."),
                Column("conversion_rate", "float64", "Share of its sessions with the outcome; null without outcome."),
                Column("stability", "float64", "Mean Jaccard similarity in resamples, 0 to 1."),
                Column("feature", "string", "A column of visit_features."),
                Column("center", "float64", "The centre, in the feature's own unit."),
                Column("center_in_standard_deviations", "float64", "The same, from the mean of all sessions."),
                VERSION,
            ),
        ),
    )
}
"""The tables of a fit, which belong to a range of intervals and not to one of them."""

FITTED: Mapping[str, tuple[str, ...]] = {"session_clusters": ("cluster_centers",)}
"""The tables of a fit that a table of an interval rests on, beside its sources."""
