"""The graph against the script that it replaces, on the same sessions of one interval, each as a whole process.

    python -m benchmarks.compare --sessions 10_000_000 --skip-default-batch

The runs are interleaved, so that a machine that slows down slows all of them. The graph is a real run of the job with
its checks, in a fresh warehouse and a fresh Dagster home. Prints the median of each figure and the targets."""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import DEFAULT_BATCH, GRAPH, TUNED_BATCH, medians, targets, targets_table
from flywheel_assets.cli.console import table, terminal

PROJECT = Path(__file__).parents[1]
FIRST_DAY = "2024-01-01"
SESSIONS_A_USER = 6.7
IMPORTS = 5


@click.command()
@click.option(
    "--sessions", type=int, default=1_000_000, show_default=True, help="About how many; 1_000_000 is a number."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--memory-limit", metavar="SIZE", help="FLYWHEEL_MEMORY_LIMIT of the graph, as in 1GB.")
@click.option("--skip-default-batch", is_flag=True, help="Leave out the script at batch 32: ten minutes at 10 M.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where the sessions are kept for the next time, and runs write  [default: data/bench]",
)
def main(sessions: int, rounds: int, memory_limit: str | None, skip_default_batch: bool, folder: Path) -> None:
    """Time and memory of the graph against those of the script."""
    try:
        landing = landed(folder.absolute(), sessions)
        limit = {"FLYWHEEL_MEMORY_LIMIT": memory_limit} if memory_limit else {}
        runs: dict[str, Callable[[Path], Spent]] = {
            DEFAULT_BATCH: partial(script, landing, 32),
            TUNED_BATCH: partial(script, landing, 8192),
            GRAPH: partial(graph, landing, limit),
        }
        if skip_default_batch:
            del runs[DEFAULT_BATCH]
        found: defaultdict[str, list[Spent]] = defaultdict(list)
        for number in range(1, rounds + 1):
            for name, run in runs.items():
                with tempfile.TemporaryDirectory(dir=folder) as fresh:
                    one = run(Path(fresh))
                found[name].append(one)
                click.echo(f"round {number}: {name}: {one.wall_seconds:.1f} s, {one.peak_mb:,.0f} MB", err=True)
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            imported = medians([importing(Path(fresh)) for _ in range(IMPORTS)])
    except CommandError as error:
        sys.exit(f"error: {error}")
    measured = {name: medians(of) for name, of in found.items()}
    mine = measured[GRAPH]
    lines = [
        (name, s.wall_seconds, s.cpu_seconds, s.peak_mb, mine.wall_seconds / s.wall_seconds, mine.peak_mb / s.peak_mb)
        for name, s in measured.items()
    ]
    wanted = targets(sessions, measured, imported.wall_seconds, memory_limit is not None)
    under = f", the graph under {memory_limit}" if memory_limit else ""
    console = terminal()
    columns = ("", "seconds", "CPU seconds", "peak MB", "graph / this, time", "graph / this, peak")
    console.print(table(columns, lines, f"{sessions:,} sessions, medians of {rounds}{under}"))
    console.print()
    console.print(targets_table(wanted, "the graph's part of"))


def landed(folder: Path, sessions: int) -> Path:
    """A landing folder with about so many sessions of one interval, made if it is not there."""
    made = folder / f"{sessions}_sessions"
    if not (made / "truth" / "world.json").is_file():  # which is written last
        users = max(round(sessions / SESSIONS_A_USER), 1)
        made.mkdir(parents=True, exist_ok=True)
        click.echo(f"drawing {sessions:,} sessions of {users:,} users", err=True)
        options = ["--intervals", "1", "--first-interval", FIRST_DAY, "--users", str(users)]
        spent(_flywheel("sample", str(made), *options), made)
    return made / "landing"


def script(landing: Path, batch_size: int, folder: Path) -> Spent:
    """The script, into an empty folder."""
    command = [sys.executable, str(PROJECT / "benchmarks" / "script.py")]
    return spent([*command, str(landing), str(folder / "export"), FIRST_DAY, str(batch_size)], folder)


def graph(landing: Path, limit: dict[str, str], folder: Path) -> Spent:
    """`flywheel run` of the one interval, with warehouse and Dagster home in an empty folder."""
    settings = {
        "FLYWHEEL_LANDING_DIR": str(landing),
        "FLYWHEEL_WAREHOUSE_DIR": str(folder / "warehouse"),
        "FLYWHEEL_MODELS_DIR": str(PROJECT / "models"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    return spent(_flywheel("run", "--from", FIRST_DAY, "--to", FIRST_DAY), folder, {**settings, **limit})


def importing(folder: Path) -> Spent:
    """A fresh process that imports the definitions, as each of Dagster's does."""
    return spent([sys.executable, "-c", "import flywheel_assets.definitions"], folder)


def _flywheel(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("flywheel")), *arguments]


if __name__ == "__main__":
    main()
