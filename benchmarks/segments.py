"""How long a fit of the segments takes, and giving an interval its clusters, each as a whole process.

    python -m benchmarks.segments --sessions 1_000_000

The fit is `flywheel segments fit`: the matrix, every number of clusters from 2 to 12 with its diagnostics, stability,
plots, and the clusters of the interval. What of it rests on samples is said by the fit itself, and printed here."""

import json
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.compare import FIRST_DAY, PROJECT, landed
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal

FIT_SECONDS = 300.0
ASSIGN_SECONDS = 15.0


@click.command()
@click.option(
    "--sessions", type=int, default=1_000_000, show_default=True, help="About how many; 1_000_000 is a number."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where the sessions are kept for the next time, and runs write  [default: data/bench]",
)
def main(sessions: int, folder: Path) -> None:
    """Time and memory of a fit of the segments and of the clusters of an interval."""
    try:
        landing = landed(folder.absolute(), sessions)
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            found, sampling = measured(landing, Path(fresh))
    except CommandError as error:
        sys.exit(f"error: {error}")
    lines = [(name, one.wall_seconds, one.cpu_seconds, one.peak_mb) for name, one in found.items()]
    console = terminal()
    console.print(table(("", "seconds", "CPU seconds", "peak MB"), lines, f"{sessions:,} sessions, {machine()}"))
    console.print()
    console.print(targets_table(targets(found), "seconds of"))
    console.print(f"\n{sampling}")


def measured(landing: Path, folder: Path) -> tuple[dict[str, Spent], str]:
    """A fit and an assignment over the one interval, run before in an empty folder; and what the fit sampled."""
    warehouse = folder / "warehouse"
    settings = {
        "FLYWHEEL_LANDING_DIR": str(landing),
        "FLYWHEEL_WAREHOUSE_DIR": str(warehouse),
        "FLYWHEEL_MODELS_DIR": str(PROJECT / "models"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    flywheel = str(Path(sys.executable).with_name("flywheel"))
    interval = ["--from", FIRST_DAY, "--to", FIRST_DAY]
    spent([flywheel, "run", *interval], folder, settings)
    found = {
        "fit": spent([flywheel, "segments", "fit", *interval], folder, settings),
        "assign": spent([flywheel, "segments", "assign", *interval], folder, settings),
    }
    report = json.loads((warehouse / "segments" / "model_report.json").read_text())
    return found, report["sampling"]


def targets(found: dict[str, Spent]) -> list[Target]:
    """What is asked of both, at a million sessions on two cores."""
    return [
        Target("fit", found["fit"].wall_seconds, FIT_SECONDS),
        Target("assign", found["assign"].wall_seconds, ASSIGN_SECONDS),
    ]


if __name__ == "__main__":
    main()
