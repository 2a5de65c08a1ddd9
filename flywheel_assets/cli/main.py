"""The `flywheel` command: each command reads its arguments, calls one function, prints the result.

Imports stand inside the commands, so that `flywheel --help` answers at once.
"""

import os
import signal
import sys
from pathlib import Path

import click

from flywheel_assets.cli.check import check
from flywheel_assets.cli.conversion import conversion
from flywheel_assets.cli.engagement import engagement
from flywheel_assets.cli.engagement_scores import activity, best_label
from flywheel_assets.cli.events import events
from flywheel_assets.cli.experiment import experiment
from flywheel_assets.cli.features import features
from flywheel_assets.cli.forget import forget
from flywheel_assets.cli.history import levers
from flywheel_assets.cli.intent import intent
from flywheel_assets.cli.labels import labels
from flywheel_assets.cli.models import models
from flywheel_assets.cli.prune import prune
from flywheel_assets.cli.report import report
from flywheel_assets.cli.run import run
from flywheel_assets.cli.sample import sample
from flywheel_assets.cli.segments import segments
from flywheel_assets.cli.start import start
from flywheel_assets.cli.status import explain, status
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


engagement.add_command(activity)
engagement.add_command(best_label)

for _command in (
    start, sample, run, check, status, explain, report, levers,
    segments, labels, intent, conversion, engagement, experiment, events, features, models, forget, prune,
):  # fmt: skip
    main.add_command(_command)


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
