"""`flywheel run`. Imports stand inside, as in `main`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.orchestration.runs import IntervalRun

RUN_COLUMNS = (
    "interval",
    "sessions",
    "quarantined",
    "repeated",
    "trimmed",
    "users",
    "seconds",
    "passed",
    "warned",
    "failed",
)


@click.command()
@click.option("--from", "first", metavar="KEY", help="First interval, by its first day  [default: the first with data]")
@click.option("--to", "last", metavar="KEY", help="Last interval  [default: the last closed one]")
@click.option("--rescore", is_flag=True, help="Only intervals labelled by other models than the present ones.")
@click.option("--forget-missing", is_flag=True, help="Give up the sessions of landed files that vanished.")
def run(first: str | None, last: str | None, rescore: bool, forget_missing: bool) -> None:
    """Materialize every closed interval, oldest first. One that fails is reported, and the rest go on.

    With --rescore, only the intervals that other models labelled, from trimmed_sessions on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.cli.console import run_report, terminal
    from flywheel_assets.definitions import defs, settings
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.orchestration.jobs import INTERVAL_JOB
    from flywheel_assets.orchestration.processes import end_abandoned_runs
    from flywheel_assets.orchestration.runs import run_intervals
    from flywheel_assets.ranges import intervals_to_run
    from flywheel_assets.users.rescoring import rescorings

    console = terminal()
    with Flywheel.open(settings) as flywheel:
        if rescore:
            ends = [flywheel.interval(key) if key else None for key in (first, last)]
            planned = [(str(one.job), one.interval) for one in rescorings(flywheel, *ends)]
        else:
            planned = [(INTERVAL_JOB, i) for i in intervals_to_run(flywheel, first, last, flywheel.now())]
        for problem in flywheel.index.problems():
            console.print("[yellow]left out:[/]", Text(problem))
    if not planned:
        console.print(f"every labelled interval has the labels of the models in {settings.models_dir}")
        return
    runs = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with dg.DagsterInstance.get() as instance, Progress(*columns, console=console) as progress:
        end_abandoned_runs(instance)
        task = progress.add_task("materializing", total=len(planned))
        for job, interval in planned:
            (run,) = run_intervals(defs.resolve_job_def(job), instance, [interval], forget_missing)
            runs.append(run)
            progress.update(task, advance=1, description=interval.dates)
            if run.failure:
                console.print(f"[red]{interval.key} failed:[/]", Text(run.failure))
    console.print(run_report(RUN_COLUMNS, map(run_line, runs), [check for run in runs for check in run.checks]))
    console.print(f"exports: {settings.warehouse_dir / 'exports'}", highlight=False, soft_wrap=True)
    if rescore:
        later = "transition_causes and the history up to date with these labels"
        console.print(f"flywheel report, or history_sensor, brings {later}", highlight=False, soft_wrap=True)
    console.print("next: flywheel report | flywheel status | flywheel explain USER | make ui", highlight=False)
    if any(run.failure for run in runs):
        sys.exit(1)


def run_line(run: "IntervalRun") -> tuple[object, ...]:
    """A run as a line of RUN_COLUMNS; None for what a failed run did not reach."""
    states = [check.state for check in run.checks]
    return (
        run.interval.dates,
        run.number("landed_sessions", "rows"),
        run.number("landed_sessions", "quarantined"),
        run.number("landed_sessions", "repeated"),
        run.number("trimmed_sessions", "trimmed"),
        run.number("user_labels", "rows"),
        run.seconds,
        *(states.count(state) for state in ("passed", "warned", "failed")),
    )
