"""The whole graph for given settings. A function, so that a test assembles what the code location does."""

import warnings

import dagster as dg

from flywheel_assets.history.assets import csv_copies
from flywheel_assets.history.checks import HISTORY_VERDICTS
from flywheel_assets.history.earlier_models import CAUSES_VERDICTS
from flywheel_assets.history.report_asset import interval_report
from flywheel_assets.orchestration.checks import VERDICTS, interval_checks
from flywheel_assets.orchestration.graph import LANDING, fit_assets, interval_assets
from flywheel_assets.orchestration.jobs import interval_jobs
from flywheel_assets.orchestration.partitions import interval_partitions
from flywheel_assets.orchestration.resources import flywheel_resource
from flywheel_assets.orchestration.sensors import landing_sensor
from flywheel_assets.orchestration.table_sensors import table_sensors
from flywheel_assets.segments.checks import SEGMENT_VERDICTS, fit_checks
from flywheel_assets.settings import Settings
from flywheel_assets.training.assets import training_assets


def definitions(settings: Settings) -> dg.Definitions:
    """Assets, checks, jobs, sensors and the one resource."""
    partitions = interval_partitions(settings.calendar)
    with warnings.catch_warnings():
        # A check's partitions_def is a preview API; without it a check records no partition.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        checks = interval_checks({**VERDICTS, **HISTORY_VERDICTS, **CAUSES_VERDICTS, **SEGMENT_VERDICTS}, partitions)
    return dg.Definitions(
        assets=[
            LANDING,
            *interval_assets(partitions, settings.engine),
            *fit_assets(settings.engine),
            *training_assets(settings.engine),
            csv_copies,
            interval_report(partitions),
        ],
        asset_checks=[*checks, fit_checks()],
        jobs=interval_jobs(),
        sensors=[landing_sensor(settings), *table_sensors(settings)],
        resources={"flywheel": flywheel_resource(settings)},
        # Under the multiprocess executor an interval takes ten times as long: each step would start a process.
        executor=dg.in_process_executor,
    )
