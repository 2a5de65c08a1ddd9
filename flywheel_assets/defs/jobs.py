"""Jobs: what is run for one interval."""

from typing import Any

import dagster as dg

INTERVAL_JOB, LABELS_JOB, TRANSITIONS_JOB = "interval", "labels", "transitions"


def interval_jobs() -> list[Any]:
    """All of an interval, what landing starts, and the transitions, each with the checks of its assets."""
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
    ]
