"""`flywheel status` and `flywheel explain`. Imports stand inside, as in `main`."""

from pathlib import Path

import click


@click.command()
@click.option("--changes", "key", metavar="KEY", help="Instead, what re-runs changed in the interval starting on KEY")
def status(key: str | None) -> None:
    """Show per interval what landed, whether it is closed, whether its tables are done, stale or failed, and why."""
    if key is not None:
        _changes(key)
        return
    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg
    from rich.text import Text

    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.cli.folding import fold, span
    from flywheel_assets.cli.next_step import step_after_status
    from flywheel_assets.cli.run import run_tables, waiting_for_data
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.orchestration.failures import last_failures
    from flywheel_assets.ranges import nothing_landed
    from flywheel_assets.settings import Settings
    from flywheel_assets.users.status import statuses

    with Flywheel.open(Settings.read()) as flywheel, dg.DagsterInstance.get() as instance:
        tables = run_tables(flywheel)
        found = statuses(flywheel, last_failures(instance, tables), flywheel.now(), tables)
        problems, nothing = flywheel.problems(), nothing_landed(flywheel)
        waits = flywheel.labels_wait
        beyond = flywheel.extent.without_data(flywheel.now())
    groups = fold(found, lambda s: s.empty and (s.closed, s.state, s.why))
    rows = [
        (span([s.interval for s in group], "empty"), s.landed, s.closed, s.state, s.why)
        for group in groups
        for s in group[:1]
    ]
    console = terminal()
    for problem in problems if rows else ():
        console.print("[yellow]left out:[/]", Text(problem))
    if beyond:
        console.print(waiting_for_data(beyond), highlight=False)
    console.print(table(("interval", "landed", "closed", "state", "why"), rows) if rows else Text(nothing))
    if rows:
        console.print(step_after_status(found, waits), highlight=False, soft_wrap=True)


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
        click.echo(f"interval {key} ({interval.dates}): no re-run has replaced its first labels")
    else:
        click.echo(f"interval {key} ({interval.dates}) has not been run: flywheel run --from {key} --to {key}")


@click.command()
@click.argument("user")
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the user's latest]")
def explain(user: str, key: str | None) -> None:
    """Show how USER got the flywheel label: sessions, their labels and probabilities, the shares, the label."""
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
