"""`flywheel run`. Imports stand inside, as in `main`."""

import sys
import threading
from collections import defaultdict
from collections.abc import Sequence, Sized
from functools import partial
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_assets.cli.folding import fold, span

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intervals import Interval
    from flywheel_assets.needs import Need
    from flywheel_assets.orchestration.runs import IntervalRun
    from flywheel_assets.tables.contract import Table

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

MOST_REASONS = 12
"""Lines that say what is to be made and why; the rest is counted."""


@click.command()
@click.option("--from", "first", metavar="KEY", help="First interval, by its first day  [default: the first with data]")
@click.option("--to", "last", metavar="KEY", help="Last interval  [default: the one after the last with data]")
@click.option("--all", "everything", is_flag=True, help="Make all tables again, whether they are up to date or not.")
@click.option("--rescore", is_flag=True, help="Also relabel what earlier models labelled.")
@click.option("--forget-missing", is_flag=True, help="Give up the sessions of landed files that vanished.")
def run(first: str | None, last: str | None, everything: bool, rescore: bool, forget_missing: bool) -> None:
    """Make the tables of closed intervals that are missing, stale or failed, and what rests on them: labels,
    transitions, history, and clusters once they are fitted. An interval that fails is reported, and the rest go on."""
    from rich.text import Text

    from flywheel_assets.cli.console import run_report, terminal
    from flywheel_assets.cli.interruption import EXIT_CODE, until_interrupted
    from flywheel_assets.cli.next_step import next_step
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.history.assets import csv_copies_are_stale
    from flywheel_assets.orchestration.home import dagster_home
    from flywheel_assets.sessions.reviewed_labels import proposed_labels
    from flywheel_assets.settings import Settings

    dagster_home(Path.cwd())
    settings, console = Settings.read(), terminal()
    with Flywheel.open(settings) as flywheel:
        tables, intervals, needed = _planned(flywheel, first, last, everything, rescore, forget_missing)
        for problem in flywheel.problems():
            console.print("[yellow]left out:[/]", Text(problem))
        beyond = [] if last else flywheel.extent.without_data(flywheel.now())
        if beyond:
            console.print(waiting_for_data(beyond), highlight=False)
        if not needed and not csv_copies_are_stale(flywheel):
            dates = f"{intervals[0].first_day} - {intervals[-1].last_day}"
            console.print(f"{_count(intervals)} up to date, {dates}: nothing to run", highlight=False)
            console.print("flywheel run --all makes them again", highlight=False)
            if flywheel.labels_wait:
                console.print(flywheel.labels_wait, highlight=False, soft_wrap=True)
            return
        for line in reasons(needed):
            console.print(Text(line))
        work = partial(_made, flywheel, tables, needed, intervals[-1].key, forget_missing)
        waits = flywheel.labels_wait
        runs = until_interrupted(work, "the interval that is under way is finished")
        proposed = proposed_labels(flywheel)
    made = [run for run in runs if run.seconds]
    console.print(run_report(RUN_COLUMNS, run_lines(made), [check for run in made for check in run.checks]))
    for line in waiting_lines(runs):
        console.print(Text(line, style="red"))
    if proposed:
        console.print(proposed.sentence, highlight=False, soft_wrap=True)
    if not waits:
        console.print(f"exports: {settings.warehouse_dir / 'exports'}", highlight=False, soft_wrap=True)
    if len(runs) < len(needed):
        console.print(f"stopped: {len(needed) - len(runs)} of {len(needed)} intervals are left: flywheel run")
        sys.exit(EXIT_CODE)
    console.print(next_step(made, waits), highlight=False, soft_wrap=True)
    if any(run.failure or run.waits for run in runs):
        sys.exit(1)


def _planned(
    flywheel: "Flywheel", first: str | None, last: str | None, everything: bool, rescore: bool, forget_missing: bool
) -> tuple[list["Table"], list["Interval"], list["Need"]]:
    """The tables that a run makes, in their order, the intervals that it looks at, and what is needed of them."""
    import dagster as dg

    from flywheel_assets.needs import Need, needs
    from flywheel_assets.orchestration.failures import last_failures
    from flywheel_assets.orchestration.processes import end_abandoned_runs
    from flywheel_assets.ranges import intervals_to_run

    intervals = intervals_to_run(flywheel, first, last, flywheel.now())
    tables = run_tables(flywheel)
    with dg.DagsterInstance.get() as instance:
        end_abandoned_runs(instance)
        failures = {} if everything else last_failures(instance, tables)
    if everything:
        return tables, intervals, [Need(i, _asked_for(flywheel, tables, i, forget_missing)) for i in intervals]
    return tables, intervals, needs(flywheel, tables, intervals, failures, rescore, forget_missing)


def _asked_for(
    flywheel: "Flywheel", tables: Sequence["Table"], interval: "Interval", forget_missing: bool
) -> dict[str, str]:
    """Every table, but for landed_sessions where landed files are gone: it would lose their sessions."""
    keep = not forget_missing and bool(flywheel.index.missing(flywheel.landed_from(interval) or ()))
    return {table.name: "asked for" for table in tables if not (keep and table.name == "landed_sessions")}


def run_tables(flywheel: "Flywheel") -> list["Table"]:
    """The tables that a run makes, in their order; clusters once they are fitted, labels unless they wait."""
    from flywheel_assets.conversion.assets import TABLES as CONVERSION
    from flywheel_assets.engagement.score_assets import TABLES as SCORES
    from flywheel_assets.history.assets import CLUSTERED, SYSTEM
    from flywheel_assets.intent.assets import TABLES as INTENT
    from flywheel_assets.segments.files import SegmentFiles
    from flywheel_assets.users.spine import SPINE

    clustered = CLUSTERED if SegmentFiles(flywheel.warehouse).report_path.is_file() else ()
    history = [one.table for one in SYSTEM.tables.values()]
    return flywheel.makeable([*SPINE, *clustered, *INTENT, *CONVERSION, *SCORES, *history])


def _made(
    flywheel: "Flywheel",
    tables: Sequence["Table"],
    needed: Sequence["Need"],
    last_key: str,
    forget_missing: bool,
    stopping: threading.Event,
) -> list["IntervalRun"]:
    """The runs of what is needed, and of the CSV copies of what they made; fewer when it is to stop."""
    import dagster as dg
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from flywheel_assets.cli.console import terminal
    from flywheel_assets.definitions import defs
    from flywheel_assets.history.assets import csv_copies, csv_copies_are_stale
    from flywheel_assets.orchestration.jobs import RUN_JOB
    from flywheel_assets.orchestration.runs import run_job, run_needs

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    job, console, runs = defs.resolve_job_def(RUN_JOB), terminal(), list["IntervalRun"]()
    with dg.DagsterInstance.get() as instance, Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("materializing", total=len(needed))
        until_stopped = takewhile(lambda _: not stopping.is_set(), needed)
        for run in run_needs(flywheel, job, instance, until_stopped, tables, forget_missing):
            runs.append(run)
            progress.update(task, advance=1, description=run.interval.dates)
            if run.failure:
                console.print(f"[red]{run.interval.key} failed:[/]", Text(run.failure))
        if len(runs) == len(needed) and csv_copies_are_stale(flywheel):
            run_job(job, instance, "csv", last_key, [csv_copies.key.to_user_string()])
    return runs


def reasons(needed: Sequence["Need"]) -> list[str]:
    """What is to be made and why; consecutive intervals with one reason are one line."""
    groups = [list(group) for _, group in groupby(needed, key=lambda need: need.because)]
    lines = [f"{span([need.interval for need in group])}: {group[0].because}" for group in groups[:MOST_REASONS]]
    rest = [need for group in groups[MOST_REASONS:] for need in group]
    return lines + ([f"and {_count(rest)} more"] if rest else [])


def run_lines(runs: Sequence["IntervalRun"]) -> list[tuple[object, ...]]:
    """The runs as lines of RUN_COLUMNS, those of consecutive intervals without sessions as one. None for what a failed
    run did not reach, or what was there already."""
    return [_line(group) for group in fold(runs, lambda run: run.number("landed_sessions", "rows") == 0)]


def _line(runs: Sequence["IntervalRun"]) -> tuple[object, ...]:
    first = runs[0]
    states = [check.state for run in runs for check in run.checks]
    return (
        span([run.interval for run in runs], "empty"),
        first.number("landed_sessions", "rows"),
        first.number("landed_sessions", "quarantined"),
        first.number("landed_sessions", "repeated"),
        first.number("trimmed_sessions", "trimmed"),
        first.number("user_labels", "rows"),
        sum(run.seconds for run in runs),
        *(states.count(state) for state in ("passed", "warned", "failed")),
    )


def waiting_lines(runs: Sequence["IntervalRun"]) -> list[str]:
    """What was left out because another interval failed or is missing: one line for each of those."""
    waiting: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for run in runs:
        for table, key in run.waits.items():
            waiting[key].append((run.interval.key, table))
    return [
        f"waiting for {key}: {', '.join(sorted({table for _, table in tables}))} "
        f"of {_count({interval for interval, _ in tables})}"
        for key, tables in waiting.items()
    ]


def waiting_for_data(beyond: Sequence["Interval"]) -> str:
    """What is said of closed intervals after the data's end."""
    verb = "has" if len(beyond) == 1 else "have"
    return (
        f"no data: {_count(beyond)} from {beyond[0].key} on {verb} no sessions and will be made when data return. "
        f"To make {'it' if len(beyond) == 1 else 'them'} now: flywheel run --to {beyond[-1].key}"
    )


def _count(intervals: Sized) -> str:
    return f"{len(intervals):,} interval{'' if len(intervals) == 1 else 's'}"
