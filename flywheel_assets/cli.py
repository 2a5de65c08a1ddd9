"""The `flywheel` command: each command reads its arguments, calls one function, prints what it says.

Imports stand inside the commands, so that `flywheel --help` answers at once.
"""

import sys
from pathlib import Path

import click

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
