"""The `flywheel` command: each command reads its arguments, calls one function, prints what it says.

Imports stand inside the commands, so that `flywheel --help` answers at once.
"""

import sys
from pathlib import Path

import click

from flywheel_assets.cli_models import models
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


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--intervals", type=click.IntRange(1), default=6, show_default=True, help="How many, in a row.")
@click.option("--users", type=click.IntRange(1), default=1500, show_default=True, help="Each has 6 to 7 sessions.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="The same seed, the same sessions.")
@click.option("--first-interval", metavar="KEY", help="The first day of the first one  [default: the settings' first]")
def sample(directory: Path, intervals: int, users: int, seed: int, first_interval: str | None) -> None:
    """Write sample sessions to DIRECTORY/landing and the truth about them to DIRECTORY/truth."""
    from flywheel_assets.learning.sample import write_sample
    from flywheel_assets.learning.world import WORLD
    from flywheel_assets.settings import Settings

    calendar = Settings.read().calendar
    try:
        first = calendar.key(first_interval) if first_interval else calendar.number(1)
        last = calendar.number(first.number + intervals - 1)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    written = write_sample(directory, WORLD, calendar.between(first, last), users, seed)
    click.echo(f"{written.sessions:,} sessions of {users:,} users, {first.first_day} - {last.last_day}:")
    for path in written.landing_files:
        click.echo(f"  {path}")
    click.echo(f"their true labels and the world that they are drawn from: {written.truth_folder}")
    click.echo(f"next: FLYWHEEL_LANDING_DIR={directory / 'landing'} flywheel run")
