"""The code location: settings are read here, once, and the graph is put together. Nothing else belongs here."""

import warnings

import dagster as dg

# A check's partitions_def is a preview API; without it a check records no partition.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from flywheel_assets.defs.assets.graph import LANDING, interval_assets  # noqa: E402
from flywheel_assets.defs.checks import interval_checks  # noqa: E402
from flywheel_assets.defs.jobs import interval_job  # noqa: E402
from flywheel_assets.defs.partitions import interval_partitions  # noqa: E402
from flywheel_assets.defs.resources import flywheel_resource  # noqa: E402
from flywheel_assets.settings import Settings  # noqa: E402

settings = Settings.read()
partitions = interval_partitions(settings.calendar)

defs = dg.Definitions(
    assets=[LANDING, *interval_assets(partitions)],
    asset_checks=interval_checks(partitions),
    jobs=[interval_job()],
    resources={"flywheel": flywheel_resource(settings)},
    # Under the multiprocess executor an interval takes ten times as long: each step would start a process.
    executor=dg.in_process_executor,
)
