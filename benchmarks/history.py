"""What is told of a long history, as a whole process: growth, mixes, forecast, links, their CSV copies and the report
of one interval with many users, and as many in each interval before it.

    python -m benchmarks.history --users 1_000_000 --earlier 26

The labels are drawn, not scored: of twice as many people each is there in an interval or not, which is the most work
for growth accounting, for half of those who come were away. Prints the median and the targets."""

import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from benchmarks.compare import PROJECT
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, medians, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.settings import Settings
from flywheel_assets.users.label_transitions import label_transitions

FIRST_DAY = "2023-01-02"
SESSIONS_A_USER = 6.7
SECONDS, PEAK_MB = 30, 2000

RUN = """
import sys
from pathlib import Path
import dagster as dg
from flywheel_assets.definitions import definitions
from flywheel_assets.settings import Settings
job = definitions(Settings.read(Path.cwd())).resolve_job_def("reports")
with dg.DagsterInstance.ephemeral() as instance:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    job.execute_in_process(run_config=quiet, instance=instance, partition_key=sys.argv[1])
"""
"""What is measured: a run of the job, with its checks."""


@click.command()
@click.option(
    "--users", type=int, default=1_000_000, show_default=True, help="In each interval; 1_000_000 is a number."
)
@click.option("--earlier", type=click.IntRange(1), default=26, show_default=True, help="Intervals before the last.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where the history is kept for the next time  [default: data/bench]",
)
def main(users: int, earlier: int, rounds: int, folder: Path) -> None:
    """Time and memory of a run of the job `reports`."""
    made = folder.absolute() / f"{users}_users_{earlier}_earlier"
    environment = {
        "FLYWHEEL_FIRST_INTERVAL": FIRST_DAY,
        "FLYWHEEL_LANDING_DIR": str(made / "landing"),
        "FLYWHEEL_WAREHOUSE_DIR": str(made / "warehouse"),
        "FLYWHEEL_MODELS_DIR": str(PROJECT / "models"),
    }
    settings = Settings.read(made, environment)
    last = settings.calendar.number(earlier + 1)
    try:
        if not (made / "done").is_file():
            click.echo(f"drawing {users:,} users in each of {last.number} intervals", err=True)
            (made / "landing").mkdir(parents=True, exist_ok=True)
            with Flywheel.open(settings) as flywheel:
                draw(flywheel, users, last)
            (made / "done").touch()
        found: list[Spent] = []
        with tempfile.TemporaryDirectory() as fresh:
            for number in range(1, rounds + 1):
                one = spent([sys.executable, "-c", RUN, last.key], Path(fresh), environment)
                found.append(one)
                click.echo(f"round {number}: {one.wall_seconds:.1f} s, {one.peak_mb:,.0f} MB", err=True)
    except CommandError as error:
        sys.exit(f"error: {error}")
    mine = medians(found)
    title = f"{users:,} users in one interval and in each of {earlier} before it, medians of {rounds}"
    console = terminal()
    line = ("history", mine.wall_seconds, mine.cpu_seconds, mine.peak_mb)
    console.print(table(("", "seconds", "CPU seconds", "peak MB"), [line], title))
    judged = [Target("seconds", mine.wall_seconds, SECONDS), Target("peak MB", mine.peak_mb, PEAK_MB)]
    console.print()
    console.print(targets_table(judged))


def draw(flywheel: Flywheel, users: int, last: Interval) -> None:
    """The tables that history is made from, of every interval up to the last, as the graph would leave them."""
    session, user, rng = flywheel.models["session"], flywheel.models["user"], np.random.default_rng(5)
    people = pa.array([f"u{number:08d}" for number in range(2 * users)])
    sessions = int(users * SESSIONS_A_USER)
    quality = pa.array(session.order).take(rng.integers(0, len(session.order), sessions))
    predictions = pa.table(
        {"session_quality_label": quality, "session_model_version": pa.repeat(session.version, sessions)}
    )
    label = rng.integers(0, len(user.order), 2 * users)
    before = None
    for interval in flywheel.calendar.between(flywheel.calendar.number(1), last):
        moves = rng.random(2 * users) < 0.3
        label = np.where(moves, rng.integers(0, len(user.order), 2 * users), label)
        there = np.flatnonzero(rng.random(2 * users) < 0.5)
        rows = {"user_id": people.take(there), "user_flywheel_label": pa.array(user.order).take(label[there])}
        rows["user_model_version"] = pa.repeat(user.version, len(there))
        keep(flywheel, "landed_sessions", interval, pa.table(rows).slice(0, 1))
        if interval.number >= last.number - 1:
            keep(flywheel, "session_predictions", interval, predictions)
        keep(flywheel, "user_labels", interval, pa.table(rows))
        now = flywheel.warehouse.read("user_labels", interval)
        moved = flywheel.engine.collect(label_transitions(now, before, interval))
        keep(flywheel, "label_transitions", interval, moved)
        before = now


def keep(flywheel: Flywheel, table: str, interval: Interval, rows: pa.Table) -> None:
    flywheel.warehouse.keep(table, interval, rows, flywheel.lineage.generation(table, interval))


if __name__ == "__main__":
    main()
