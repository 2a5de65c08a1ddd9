"""`flywheel engagement activity` and `flywheel engagement best-label`: the models of engagement_scores. Imports stand
inside, as in `main`."""

from typing import TYPE_CHECKING

import click

from flywheel_assets.cli.classifier import add_commands
from flywheel_assets.engagement.score_targets import ACTIVITY, BEST_LABEL, ScoreTarget

if TYPE_CHECKING:
    import pyarrow as pa

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.task import ClassifierTask


@click.group()
def activity() -> None:
    """Predict which users have a session in the next interval."""


@click.group(name="best-label")
def best_label() -> None:
    """Predict which users have a session of the best label in the next interval."""


def _add_all(group: click.Group, target: ScoreTarget) -> None:
    """Adds the commands of the model of a target."""

    def task_of(settings: "Settings") -> "ClassifierTask":
        from flywheel_assets.engagement.score_rows import score_task

        return score_task(settings, target)

    @group.command()
    @click.option("--drop", multiple=True, metavar="COLUMN", help="Learn without this column; may be repeated")
    def train(drop: tuple[str, ...]) -> None:
        """Train the model on the closed intervals: what users did up to the end of each, and whether they came back in
        the next. Every model is compared; the best becomes a candidate."""
        import shlex
        import sys

        from flywheel_assets.cli.classifier import train_and_show
        from flywheel_assets.engagement.score_rows import examples_for
        from flywheel_assets.flywheel import Flywheel
        from flywheel_assets.settings import Settings

        settings, command = Settings.read(), shlex.join(["flywheel", *sys.argv[1:]])
        with Flywheel.open(settings, to_write=False) as flywheel:
            examples = examples_for(flywheel, target).without(drop)
            train_and_show(task_of(settings), examples, command, flywheel.now(), settings.threads)

    add_commands(group, task_of, _rows)


def _rows(flywheel: "Flywheel", user_id: str) -> "tuple[pa.Table, pa.Table] | None":
    from flywheel_assets.engagement.score_rows import user_rows

    return user_rows(flywheel, user_id)


_add_all(activity, ACTIVITY)
_add_all(best_label, BEST_LABEL)
