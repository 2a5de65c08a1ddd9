"""Jobs: what is run for one interval."""

from typing import Any

import dagster as dg

INTERVAL_JOB, LABELS_JOB, TRANSITIONS_JOB = "interval", "labels", "transitions"
SEGMENTS_JOB, CLUSTERS_JOB = "segments", "clusters"
RESCORE_JOB = "rescore"
HISTORY_JOB = "history"
TRAINING_JOB = "training"
REPORTS_JOB = "reports"

JOBS = (
    INTERVAL_JOB,
    LABELS_JOB,
    TRANSITIONS_JOB,
    SEGMENTS_JOB,
    CLUSTERS_JOB,
    RESCORE_JOB,
    HISTORY_JOB,
    TRAINING_JOB,
    REPORTS_JOB,
)


def interval_jobs() -> list[Any]:
    """All of an interval, what landing starts, the transitions, the history; each with the checks of its assets."""
    everything = dg.AssetSelection.groups("sessions", "users", "exports")
    transitions = dg.AssetSelection.assets("label_transitions")
    return [
        dg.define_asset_job(
            INTERVAL_JOB,
            everything,
            description="All tables of one interval, from landed_sessions to label_transitions, with their checks.",
        ),
        dg.define_asset_job(
            LABELS_JOB,
            everything - transitions,
            description="From landed_sessions to enriched_export: what needs no other interval. For landing_sensor.",
        ),
        dg.define_asset_job(
            TRANSITIONS_JOB,
            transitions,
            description="label_transitions alone, which needs two intervals. For transitions_sensor.",
        ),
        dg.define_asset_job(
            RESCORE_JOB,
            everything - dg.AssetSelection.assets("landed_sessions", "trimmed_sessions"),
            description="What models label, from trimmed_sessions on, and what follows. For flywheel run --rescore.",
        ),
        dg.define_asset_job(
            HISTORY_JOB,
            dg.AssetSelection.groups("history"),
            description="What is told of the intervals so far: growth, mixes, forecast, links, and CSV copies of them. "
            "For history_sensor.",
            tags={"dagster/priority": "-1"},  # what waits in the queue beside it goes first
        ),
        dg.define_asset_job(
            REPORTS_JOB,
            dg.AssetSelection.groups("history", "reports"),
            description="The report of an interval, and what is told of the intervals so far. For flywheel report.",
        ),
        dg.define_asset_job(
            TRAINING_JOB,
            dg.AssetSelection.groups("training"),
            description="Labels of a range of intervals and a candidate trained on them. The models in use stay.",
        ),
        dg.define_asset_job(
            SEGMENTS_JOB,
            dg.AssetSelection.assets("visit_features", "k_diagnostics", "cluster_centers"),
            description="A fit of the segments over a range of intervals, with its checks. For flywheel segments fit.",
        ),
        dg.define_asset_job(
            CLUSTERS_JOB,
            dg.AssetSelection.assets("session_clusters", "cluster_mix"),
            description="The clusters of one interval by the fit in use, with their checks.",
        ),
    ]
