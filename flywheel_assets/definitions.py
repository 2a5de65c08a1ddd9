"""The code location: settings are read here, once, and the graph is put together from the systems."""

import warnings

import dagster as dg

from flywheel_assets.conversion.assets import SYSTEM as CONVERSION
from flywheel_assets.engagement.assets import SYSTEM as ENGAGEMENT
from flywheel_assets.engagement.score_assets import SYSTEM as ENGAGEMENT_SCORES
from flywheel_assets.history.assets import SYSTEM as HISTORY
from flywheel_assets.ingest.assets import SYSTEM as INGEST
from flywheel_assets.intent.assets import SYSTEM as INTENT
from flywheel_assets.landing.assets import SYSTEM as LANDING
from flywheel_assets.orchestration.partitions import interval_partitions
from flywheel_assets.orchestration.resources import flywheel_resource
from flywheel_assets.orchestration.run_retention import prune_sensor
from flywheel_assets.segments.assets import SYSTEM as SEGMENTS
from flywheel_assets.sessions.assets import SYSTEM as SESSIONS
from flywheel_assets.settings import Settings
from flywheel_assets.training.assets import SYSTEM as TRAINING
from flywheel_assets.users.assets import SYSTEM as USERS

SYSTEMS = (
    INGEST, LANDING, SESSIONS, USERS, SEGMENTS, INTENT, CONVERSION, ENGAGEMENT, ENGAGEMENT_SCORES, HISTORY, TRAINING,
)  # fmt: skip


def definitions(settings: Settings) -> dg.Definitions:
    """Assets, checks, jobs, sensors and resources for given settings: a test assembles what the code location does."""
    partitions = interval_partitions(settings.calendar)
    with warnings.catch_warnings():
        # A check's partitions_def is a preview API; without it a check records no partition.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        parts = [system.definitions(settings, partitions) for system in SYSTEMS]
    return dg.Definitions.merge(
        *parts,
        # Under the multiprocess executor an interval takes ten times as long: each step would start a process.
        dg.Definitions(
            resources={"flywheel": flywheel_resource(settings)},
            sensors=[prune_sensor(settings)],
            executor=dg.in_process_executor,
        ),
    )


settings = Settings.read()
defs = definitions(settings)
