"""`flywheel engagement`: the probability that a user engages with an item. Imports stand inside, as in `main`."""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import click
from click import Path

from flywheel_assets.cli.classifier import add_commands, train_and_show
from flywheel_assets.cli.page_open import add_open

if TYPE_CHECKING:
    import pyarrow as pa

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intervals import Interval
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.task import ClassifierTask


@click.group()
def engagement() -> None:
    """Predict whether a user engages: interactions with items, and the model of them."""


@engagement.command("import-movielens")
@click.argument("path", type=Path(path_type=FilePath))
def import_movielens(path: FilePath) -> None:
    """Import the ratings and films of MovieLens: PATH is the zip, or its folder, as GroupLens ships it."""
    from flywheel_assets.engagement.movielens import read_movielens
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    data = read_movielens(path)
    data.write(settings.interactions_dir)
    for note in data.notes:
        click.echo(note)
    click.echo(
        f"imported {len(data.interactions):,} ratings of {len(data.items):,} films to {settings.interactions_dir}"
    )
    click.echo("next: flywheel engagement train")


@engagement.command()
@click.option("--threshold", metavar="RULE", default="f1", help="f1, cost:5 or capacity:2000  [default: f1]")
def train(threshold: str) -> None:
    """Train a model of engagement with items, on all interactions. A logistic regression, gradient boosting and their
    blend are compared; the chosen one becomes a candidate in engagement/interactions/candidates in the models folder.
    """
    import shlex
    import sys

    from flywheel_assets.engagement.interaction_tables import make_dataset, make_interactions
    from flywheel_assets.engagement.training_task import dataset_examples, engagement_task
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.threshold import ThresholdRule

    settings, rule = Settings.read(), ThresholdRule.parse(threshold)
    command = shlex.join(["flywheel", *sys.argv[1:]])
    with Flywheel.open(settings) as flywheel:
        click.echo(f"{make_interactions(flywheel).rows:,} interactions; what was known before each of them:")
        made = make_dataset(flywheel)
        click.echo(f"{made.path}, {made.seconds:.1f} s")
        examples = dataset_examples(flywheel)
        train_and_show(engagement_task(settings, rule), examples, command, flywheel.now(), settings.threads)


@engagement.command()
def page() -> None:
    """Write the page of the model of engagement with items, and open it in the browser."""
    import webbrowser

    from flywheel_assets.engagement.items_page import write_items_page
    from flywheel_assets.errors import ReportError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        path = write_items_page(flywheel)
    click.echo(f"page: {path}")
    if not webbrowser.open(path.resolve().as_uri()):
        raise ReportError(f"no browser could be opened here; the page is at {path}")


def _task(settings: "Settings") -> "ClassifierTask":
    from flywheel_assets.engagement.training_task import engagement_task
    from flywheel_assets.training.classifier.threshold import ThresholdRule

    return engagement_task(settings, ThresholdRule())


def _rows(flywheel: "Flywheel", row_id: str) -> "tuple[pa.Table, pa.Table] | None":
    from flywheel_assets.engagement.training_task import interaction_rows

    return interaction_rows(flywheel, row_id)


def _is_stale(flywheel: "Flywheel", interval: "Interval") -> bool:
    from flywheel_assets.engagement.page_file import is_stale

    return is_stale(flywheel, interval)


add_commands(engagement, _task, _rows)
add_open(engagement, "engagement", "engagement_scores", _is_stale)
