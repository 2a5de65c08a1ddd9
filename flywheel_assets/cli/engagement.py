"""`flywheel engagement`: the probability that a user engages with an item. Imports stand inside, as in `main`."""

from pathlib import Path as FilePath

import click
from click import Path


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
