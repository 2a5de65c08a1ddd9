"""event_sessions of every interval with events, with its checks, in the folder that it is started in."""

import sys

import dagster as dg

from flywheel_assets.definitions import defs, settings
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import RUN_JOB
from flywheel_assets.orchestration.runs import run_job

with Flywheel.open(settings) as flywheel, dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def(RUN_JOB)
    for interval in [i for i in flywheel.extent.to_run(flywheel.now()) if i.number < flywheel.extent.last_number]:
        done = run_job(job, instance, interval.key, interval.key, ["event_sessions"])
        if done.failure:
            sys.exit(done.failure)
