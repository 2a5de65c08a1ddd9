"""Training a candidate on drawn sessions: both models, the grid, the baselines, and everything that is written.

    python -m benchmarks.training --sessions 200_000

Drawing the sessions is not counted. Prints seconds, CPU seconds, peak memory, what was chosen, and the target."""

import resource
import tempfile
import time
from pathlib import Path

import click

from benchmarks.compare import SESSIONS_A_USER
from benchmarks.targets import Target
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.simulation.labelled_sample import labelled_sample
from flywheel_assets.simulation.world import WORLD
from flywheel_assets.training.candidates import train_candidate
from flywheel_assets.training.card import worth
from flywheel_assets.training.network_grid import layers

INTERVALS, SEED = 6, 5
MANY_SESSIONS, AT_MOST_SECONDS = 1_000_000, 300


@click.command()
@click.option("--sessions", type=int, default=MANY_SESSIONS, show_default=True, help="About how many.")
def main(sessions: int) -> None:
    """Time and memory of one training."""
    data = labelled_sample(WORLD, max(round(sessions / SESSIONS_A_USER / INTERVALS), 100), INTERVALS, SEED)
    started, cpu = time.monotonic(), time.process_time()

    def log(line: str) -> None:
        if ": epoch" not in line:
            click.echo(f"{time.monotonic() - started:6.1f} s  {line}", err=True)

    with tempfile.TemporaryDirectory() as folder:
        candidate = train_candidate(Path(folder), data, "a benchmark", SEED, log)
    seconds = time.monotonic() - started
    target = Target(f"seconds, {MANY_SESSIONS:,} sessions", seconds, AT_MOST_SECONDS)
    verdict = target.verdict if sessions >= MANY_SESSIONS else "not of so many"
    console = terminal()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = (len(data["session"].rows), seconds, time.process_time() - cpu, peak_mb)
    console.print(table(("sessions", "seconds", "CPU seconds", "peak MB"), [figures], "Training both models"))
    console.print(table(("", "measured", "at most", ""), [(target.name, seconds, target.at_most, verdict)], "Target"))
    for name, model in candidate.figures.items():
        console.print(f"{name} model, hidden layers {layers(model.chosen.hidden_units)}: {worth(model)}")


if __name__ == "__main__":
    main()
