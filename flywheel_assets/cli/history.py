"""`flywheel levers`. Imports stand inside, as in `cli`."""

import click


@click.command()
@click.option("--interval", "key", metavar="KEY", help="Interval to start from, by first day  [default: the last one]")
@click.option("--most", type=click.IntRange(1), default=10, show_default=True, help="How many to show.")
def levers(key: str | None, most: int) -> None:
    """Show which transition, made two points more likely, changes the best label most after six intervals."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.history.levers import levers_of
    from flywheel_assets.settings import Settings
    from flywheel_assets.tables.significance import LEAST_USERS

    with Flywheel.open(Settings.read()) as flywheel:
        levers = levers_of(flywheel, flywheel.interval(key) if key else None)
    click.echo(f"The forecast behind this: {levers.headline}")
    if not levers.found:
        click.echo(
            f"there is no lever for {levers.interval.dates}: it takes a complete interval, and at least {LEAST_USERS} "
            "users of a label in transitions between complete intervals"
        )
        return
    lines = [(one.from_label, one.to_label, one.chance, one.change) for one in levers.found[:most]]
    columns = ("from", "to", "chance now", f"change of {levers.best} users")
    title = f"Two points more likely, from {levers.interval.dates} on, after six intervals"
    terminal().print(table(columns, lines, title))
