"""The tables of intent for an interval, with their checks, in the folder that it is started in: what users did in every
interval of the look-back, then features, scores and explanations.

    python -m benchmarks.intent_tables LAST_DAY_OF_INTERVAL [TABLE...]

With tables, these alone, of tables that are there."""

import sys
import time
from datetime import date

import dagster as dg

from flywheel_assets.definitions import defs, settings
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import RUN_JOB
from flywheel_assets.orchestration.runs import run_job

last_day, tables = date.fromisoformat(sys.argv[1]), sys.argv[2:]
all_tables = ["user_features", "intent_scores", "intent_explanations", "ranked_users"]

with Flywheel.open(settings) as flywheel, dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def(RUN_JOB)
    intervals = [i for i in flywheel.extent.to_run(flywheel.now()) if i.last_day <= last_day]
    days = [] if tables else [(interval, ["user_days"]) for interval in intervals]
    for interval, names in [*days, (intervals[-1], tables or all_tables)]:
        started = time.perf_counter()
        done = run_job(job, instance, interval.key, interval.key, names)
        if done.failure:
            sys.exit(done.failure)
        print(f"{interval.key} {', '.join(names)} {time.perf_counter() - started:.1f}", flush=True)
