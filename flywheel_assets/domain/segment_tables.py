"""The contracts of the segments' tables that are partitioned by interval. As `tables`, which holds the spine."""

from collections.abc import Mapping

from flywheel_assets.domain.tables import INTERVAL, INTERVAL_DATES, SESSION_ID, USER_ID, Column, Table

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
                Column("converted", "bool", "Whether the session has the outcome, as a lead."),
                Column("segments_version", "string", "The fit that gave the cluster."),
            ),
        ),
        Table(
            "cluster_mix",
            "cluster",
            "Sessions and conversion of each cluster.",
            ("session_clusters",),
            (
                CLUSTER,
                Column("Description", "string", "What its sessions are like, in words."),
                Column("Sessions", "int64", "Sessions of the cluster, 0 for none."),
                Column("Share", "float64", "Of the interval's sessions; null without any."),
                Column("Conversions", "int64", "Of the cluster's sessions those with the outcome, as a lead."),
                Column("Conversion_Rate", "float64", "Conversions / Sessions; null without any."),
                INTERVAL,
                INTERVAL_DATES,
            ),
        ),
    )
}
