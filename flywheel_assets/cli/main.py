"""The `flywheel` command: each command reads its arguments, calls one function, prints what it says.

Imports stand inside the commands, so that `flywheel --help` answers at once.
"""

import os
import signal
import sys
from pathlib import Path

import click

from flywheel_assets.cli.history import levers
from flywheel_assets.cli.models import models
from flywheel_assets.cli.report import report
from flywheel_assets.cli.segments import segments
from flywheel_assets.errors import FlywheelError


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except FlywheelError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """User engagement, interval by interval: labels, exports, transitions and drift from landed sessions."""


main.add_command(models)
main.add_command(levers)
main.add_command(report)
main.add_command(segments)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--intervals", type=click.IntRange(1), default=6, show_default=True, help="How many, in a row.")
@click.option("--users", type=click.IntRange(1), default=1500, show_default=True, help="Each has 6 to 7 sessions.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="The same seed, the same sessions.")
@click.option("--first-interval", metavar="KEY", help="Key of the first one  [default: so that the last is closed]")
def sample(directory: Path, intervals: int, users: int, seed: int, first_interval: str | None) -> None:
    """Write sample sessions to DIRECTORY/landing and the truth about them to DIRECTORY/truth."""
    from datetime import UTC, datetime

    from flywheel_assets.settings import Settings
    from flywheel_assets.simulation.sample import write_sample
    from flywheel_assets.simulation.world import WORLD

    settings = Settings.read()
    calendar = settings.calendar
    try:
        if first_interval:
            first = calendar.key(first_interval)
        else:
            closed = calendar.last_closed(datetime.now(UTC))
            first = calendar.number(max(closed.number - intervals + 1, 1) if closed else 1)
        last = calendar.number(first.number + intervals - 1)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    written = write_sample(directory, WORLD, calendar.between(first, last), users, seed)
    click.echo(f"{written.sessions:,} sessions of {users:,} users, {first.first_day} - {last.last_day}:")
    for path in written.landing_files:
        click.echo(f"  {path}")
    click.echo(f"their true labels and the world that they are drawn from: {written.truth_folder}")
    landing = directory.absolute() / "landing"
    click.echo(
        "next: flywheel run"
        if landing == settings.landing_dir
        else f"next: FLYWHEEL_LANDING_DIR={landing} flywheel run"
    )


@main.command()
@click.option("--from", "first", metavar="KEY", help="First interval, by its first day  [default: the first with data]")
@click.option("--to", "last", metavar="KEY", help="Last interval  [default: the last closed one]")
@click.option("--rescore", is_flag=True, help="Only what other models than the present ones labelled.")
@click.option("--forget-missing", is_flag=True, help="Give up the sessions of landed files that vanished.")
def run(first: str | None, last: str | None, rescore: bool, forget_missing: bool) -> None:
    """Materialize every closed interval, oldest first. One that fails is reported, and the rest go on.

    With --rescore, only the intervals that other models labelled, from trimmed_sessions on."""
    from itertools import chain

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
    from flywheel_assets.orchestration.runs import RUN_COLUMNS, intervals_to_run, run_intervals
    from flywheel_assets.users.rescoring import rescorings, run_rescorings

    console = terminal()
    with Flywheel.open(settings) as flywheel:
        ends = [flywheel.interval(key) if key else None for key in (first, last)]
        redo = rescorings(flywheel, *ends) if rescore else []
        intervals = [] if rescore else intervals_to_run(flywheel, first, last, flywheel.now())
        for problem in flywheel.index.problems():
            console.print("[yellow]left out:[/]", Text(problem))
    if rescore and not redo:
        console.print(f"every interval that has labels has those of the models in {settings.models_dir}")
        return
    outcomes = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with dg.DagsterInstance.get() as instance, Progress(*columns, console=console) as progress:
        end_abandoned_runs(instance)
        task = progress.add_task("materializing", total=len(intervals) + len(redo))
        job = defs.resolve_job_def(INTERVAL_JOB)
        runs = run_intervals(job, instance, intervals, forget_missing)
        for outcome in chain(runs, run_rescorings(defs, instance, redo, forget_missing)):
            outcomes.append(outcome)
            progress.update(task, advance=1, description=outcome.interval.dates)
            if outcome.failure:
                console.print(f"[red]{outcome.interval.key} failed:[/]", Text(outcome.failure))
    checks = [check for outcome in outcomes for check in outcome.checks]
    console.print(run_report(RUN_COLUMNS, [outcome.line() for outcome in outcomes], checks))
    console.print(f"exports: {settings.warehouse_dir / 'exports'}", highlight=False, soft_wrap=True)
    if rescore:
        later = "transition_causes and the history up to date with these labels"
        console.print(f"flywheel report, or history_sensor, brings {later}", highlight=False, soft_wrap=True)
    console.print("next: flywheel report | flywheel status | flywheel explain USER | make ui", highlight=False)
    if any(outcome.failure for outcome in outcomes):
        sys.exit(1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """A dry run of landing FILE: columns, rows per interval, what would be quarantined and why. Writes nothing."""
    from flywheel_assets.cli.console import dry_run_report, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.landing.dry_run import dry_run
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read(), to_write=False) as flywheel:
        found = dry_run(file, flywheel.landing, flywheel.engine, flywheel.minimums)
        dates = {i.key: i.dates + ("" if i.closed(flywheel.now()) else ", open") for i in flywheel.calendar}
    rules = flywheel.landing.rules
    ours = {name: rules.names.get(name, name) for name in found.columns}
    needed = {name: our if our in rules.needed else "passes through" for name, our in ours.items()}
    columns = [(name, dtype, needed[name]) for name, dtype in found.columns.items()]
    intervals = [(dates[key], rows) for key, rows in sorted(found.file.rows.items(), key=str) if key]
    terminal().print(dry_run_report(columns, intervals, found.quarantined, found.may_repeat, found.file.problem))
    sys.exit(1 if found.file.problem else 0)


@main.command()
@click.option("--changes", "key", metavar="KEY", help="Instead, what re-runs changed of the interval, by its first day")
def status(key: str | None) -> None:
    """Per interval: what landed, whether it is closed, and whether its tables are done, stale or failed, and why."""
    if key is not None:
        _changes(key)
        return
    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg
    from rich.text import Text

    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.orchestration.runs import nothing_landed
    from flywheel_assets.orchestration.status import last_failures, statuses
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel, dg.DagsterInstance.get() as instance:
        found = statuses(flywheel, last_failures(instance), flywheel.now())
        problems, nothing = flywheel.index.problems(), nothing_landed(flywheel)
    rows = [(s.interval.dates, s.landed, s.closed, s.state, s.why) for s in found]
    console = terminal()
    for problem in problems if rows else ():
        console.print("[yellow]left out:[/]", Text(problem))
    console.print(table(("interval", "landed", "closed", "state", "why"), rows) if rows else Text(nothing))


def _changes(key: str) -> None:
    from flywheel_assets.cli.console import changes_report, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.sessions.changes import history
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        interval = flywheel.interval(key)
        notes = history(flywheel, interval)
        run = flywheel.warehouse.exists("session_predictions", interval)
    if notes:
        terminal().print(changes_report(notes))
    elif run:
        click.echo(f"interval {key} ({interval.dates}): no re-run has replaced its labels, they are the first ones")
    else:
        click.echo(f"interval {key} ({interval.dates}) has not been run: flywheel run --from {key} --to {key}")


@main.command()
@click.argument("user")
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the user's latest]")
def explain(user: str, key: str | None) -> None:
    """How USER came to the flywheel label: sessions, their labels and probabilities, the shares, the label."""
    from flywheel_assets.cli.console import explanation_report, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.users.explanation import explain as explanation

    with Flywheel.open(Settings.read()) as flywheel:
        found = explanation(flywheel, user, flywheel.interval(key) if key else None)
        session, user_model = flywheel.models["session"], flywheel.models["user"]
    count = len(found.sessions)
    heading = f"{found.user} in {found.interval.dates}: {count} session{'' if count == 1 else 's'}"
    if found.trimmed:
        heading += f", and {found.trimmed} trimmed as outliers"
    terminal().print(
        explanation_report(
            heading,
            found.sessions,
            found.distribution,
            found.label,
            session.features,
            session.order,
            user_model.order,
        )
    )


@main.command()
@click.option("--port", type=int, default=3000, show_default=True)
def ui(port: int) -> None:
    """Open the Dagster UI: webserver and daemon, over the runs that `flywheel run` recorded. Stop it with Ctrl-C."""
    from flywheel_assets.orchestration.home import dagster_home

    home = dagster_home(Path.cwd())
    click.echo(f"Dagster UI: http://127.0.0.1:{port}, runs: http://127.0.0.1:{port}/runs (DAGSTER_HOME is {home})")
    dagster = Path(sys.executable).with_name("dagster")
    here = Path("workspace.yaml").is_file()
    location = ["-w", "workspace.yaml"] if here else ["-m", "flywheel_assets.definitions"]
    # A shell that starts it in the background has it ignore Ctrl-C, and Dagster would then never stop.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(dagster, [str(dagster), "dev", *location, "-h", "127.0.0.1", "-p", str(port)])
