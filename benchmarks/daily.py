"""What a day costs a team: a run of a whole history, a run without anything new, a run with a file that is late by one
interval, the record of runs, and a sensor's tick and `flywheel status` over many landed files.

    python -m benchmarks.daily --intervals 78

Intervals are small, some hundred sessions each: the cost of an interval is measured, and not that of its rows."""

import os
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.compare import PROJECT
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.simulation.world import FEATURES

FIRST_DAY = datetime(2021, 1, 4, tzinfo=UTC)
INTERVAL_SECONDS = 14 * 24 * 3600
USERS = 60
AT_MOST = {26: 32.0, 78: 90.0}
"""Seconds of a first run, by the number of intervals."""

TICK = """import time
import dagster as dg
from flywheel_assets.definitions import defs
repository = defs.get_repository_def()
with dg.DagsterInstance.get() as instance:
    for _ in range(3):
        started = time.perf_counter()
        repository.get_sensor_def("landing_sensor")(dg.build_sensor_context(instance, repository_def=repository))
        seconds = time.perf_counter() - started
print(seconds)
"""


@click.command()
@click.option("--intervals", type=int, default=26, show_default=True)
@click.option("--files", type=int, default=1, show_default=True, help="Landed files of each interval.")
@click.option("--sessions", type=int, default=300, show_default=True, help="Of each interval, in all its files.")
def main(intervals: int, files: int, sessions: int) -> None:
    """Time of runs over many small intervals, and of a tick and a status over their files."""
    (PROJECT / "data").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PROJECT / "data") as fresh:
        try:
            found, tick, megabytes = measured(Path(fresh), intervals, files, sessions)
        except CommandError as error:
            sys.exit(f"error: {error}")
    lines = [(name, one.wall_seconds, one.cpu_seconds, one.peak_mb) for name, one in found.items()]
    console = terminal()
    console.print(table(("", "seconds", "CPU seconds", "peak MB"), lines, f"{intervals} intervals, {machine()}"))
    console.print(f"\na tick of landing_sensor over {intervals * files:,} files: {tick:.2f} s")
    console.print(f"the record of runs: {megabytes / intervals:.2f} MB for each interval\n")
    console.print(targets_table(targets(found, tick, intervals), "seconds of"))


def measured(folder: Path, intervals: int, files: int, sessions: int) -> tuple[dict[str, Spent], float, float]:
    """What each command spends, the seconds of a tick, and the megabytes of the record after the first run."""
    landing = folder / "data" / "landing"
    landing.mkdir(parents=True)
    dice = random.Random(7)
    for interval in range(intervals):
        for file in range(files):
            land(landing / f"{interval:03d}_{file:04d}.parquet", interval, max(1, sessions // files), dice)
    settings = {
        "FLYWHEEL_FIRST_INTERVAL": f"{FIRST_DAY:%Y-%m-%d}",
        "FLYWHEEL_LAST_INTERVAL": f"{FIRST_DAY.year + 10}-01-01",
        "FLYWHEEL_MODELS_DIR": str(PROJECT / "models"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    flywheel = str(Path(sys.executable).with_name("flywheel"))
    found = {"the first run": spent([flywheel, "run"], folder, settings)}
    written = sum(path.stat().st_size for path in (folder / "dagster").rglob("*") if path.is_file())
    found["a run, nothing new"] = spent([flywheel, "run"], folder, settings)
    found["status"] = spent([flywheel, "status"], folder, settings)
    command = [sys.executable, "-c", TICK]
    environment = {**os.environ, **settings}
    tick = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    land(landing / "late.parquet", intervals - 2, 1, dice)
    found["a run, one late file"] = spent([flywheel, "run"], folder, settings)
    return found, float(tick.stdout.split()[-1]), written / 1e6


def land(path: Path, interval: int, sessions: int, dice: random.Random) -> None:
    """A file with so many sessions of the interval."""
    start = int(FIRST_DAY.timestamp()) + interval * INTERVAL_SECONDS
    ids = [(f"u{dice.randrange(USERS)}", start + dice.randrange(INTERVAL_SECONDS)) for _ in range(sessions)]
    columns = {"session_id": [f"{user}.{unix}" for user, unix in ids], "user_id": [user for user, _ in ids]}
    features = {name: [float(dice.choice((0, 0, 1, 2, 5, 20))) for _ in ids] for name in FEATURES}
    pq.write_table(pa.table({**columns, **features}), path)


def targets(found: dict[str, Spent], tick: float, intervals: int) -> list[Target]:
    """What is asked on two cores that do nothing else."""
    first = AT_MOST.get(intervals)
    return [
        *([Target("the first run", found["the first run"].wall_seconds, first)] if first else []),
        Target("a run, nothing new", found["a run, nothing new"].wall_seconds, 4.0),
        Target("a run, one late file", found["a run, one late file"].wall_seconds, 8.0),
        Target("status", found["status"].wall_seconds, 3.0),
        Target("a tick", tick, 1.0),
    ]


if __name__ == "__main__":
    main()
