"""`flywheel features`. Imports stand inside, as in `main`."""

from pathlib import Path

import click


@click.group()
def features() -> None:
    """State which features a session has."""


@features.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(["shipped"]), help="The eight features of the shipped models.")
def init(files: tuple[Path, ...], preset: str | None) -> None:
    """Write features.toml from the numeric columns of session parquet FILEs, with what was seen of each; without a FILE
    or with --preset shipped, the features of the shipped models. A file that is there is never overwritten."""
    from flywheel_assets.errors import SettingsError
    from flywheel_assets.features import SHIPPED, features_in, features_text
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.landing.column_names import stated_names
    from flywheel_assets.landing.feature_guess import guessed_features
    from flywheel_assets.settings import Settings
    from flywheel_assets.users.spine import reserved_names
    from flywheel_assets.warehouse.files import write_whole

    if files and preset:
        raise click.UsageError("expected FILE or --preset, not both")
    settings = Settings.read()
    path, taken = settings.features_file, reserved_names((), ())
    if path.exists():
        raise SettingsError(f"{path} is there already and stays as it is; delete it for a new one")
    if files:
        with Flywheel.open(settings, to_write=False) as flywheel:
            found = guessed_features(flywheel.engine, files, stated_names(settings.columns_file), taken)
        names = ", ".join(file.name for file in files)
        stated = [feature for feature, _ in found]
        heading = f"The features of a session, in their order. Seen in {names}."
        text = features_text(stated, [seen for _, seen in found], heading)
    else:
        text, stated = features_text(SHIPPED), [*SHIPPED]
    features_in(text, path, taken)
    write_whole(path, text.encode())
    for feature in stated:
        click.echo(f"{feature.name}: {feature.meaning}")
    click.echo(f"{len(stated)} features in {path}: look at kind, unit and description of each")
    click.echo("next: " + (f"flywheel check {files[0]}" if files else "flywheel check FILE"))
