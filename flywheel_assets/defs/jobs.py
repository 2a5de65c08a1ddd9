"""Jobs: what is run for one interval."""

from typing import Any

import dagster as dg

INTERVAL_JOB = "interval"


def interval_job() -> Any:
    """Every asset of an interval with its checks: what `flywheel run` runs, interval by interval."""
    return dg.define_asset_job(
        INTERVAL_JOB,
        selection=dg.AssetSelection.groups("sessions", "users", "exports"),
        description="All tables of one interval, from landed_sessions to label_transitions, with their checks.",
    )
