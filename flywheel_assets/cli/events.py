"""`flywheel events`. Imports stand inside, as in `main`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_assets.ingest.presets import PRESETS

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


@click.group()
def events() -> None:
    """State what raw events hold, and try it on a file."""


@events.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice([*PRESETS]), help="The source of the events; recognized if left out.")
def init(files: tuple[Path, ...], preset: str | None) -> None:
    """Write events.toml, and features.toml where there is none, from what FILEs of raw events hold: parquet, CSV or
    JSON lines. Each choice has a comment with what was seen. A file that is there is never overwritten."""
    from flywheel_assets.errors import SettingsError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    if settings.events_file.exists():
        raise SettingsError(f"{settings.events_file} is there already and stays as it is; delete it for a new one")
    with Flywheel.open(settings, to_write=False) as flywheel:
        write_proposal(flywheel, files, preset)
    click.echo(f"next: flywheel events check {files[0]}")


def write_proposal(flywheel: "Flywheel", files: Sequence[Path], preset: str | None = None) -> None:
    """Writes events.toml, and features.toml where there is none, and says what was chosen."""
    from flywheel_assets.ingest.mapping import read_mapping
    from flywheel_assets.ingest.proposal import propose
    from flywheel_assets.users.spine import reserved_names
    from flywheel_assets.warehouse.files import write_whole

    path, stated = flywheel.settings.events_file, flywheel.stated_features
    proposal = propose(flywheel.engine, files, preset, stated, reserved_names((), ()))
    if stated is None:
        write_whole(flywheel.settings.features_file, proposal.features_toml().encode())
    write_whole(path, proposal.events_toml().encode())
    read_mapping(path, [feature.name for feature in proposal.features])
    mapping, features_file = proposal.mapping, flywheel.settings.features_file
    for feature in proposal.features:
        click.echo(f"{feature.name}: {feature.meaning}")
    for warning in proposal.warnings:
        click.echo(f"warning: {warning}", err=True)
    who = f"user {mapping.user}" if mapping.user else f"session {mapping.session}"
    click.echo(f"preset {proposal.preset}: {who}, time {mapping.time}, event {mapping.event or '(no column)'}")
    there = f"{features_file} was there and stays as it is" if stated else f"written: {features_file}"
    click.echo(f"written: {path}, with a comment on each choice; {there}")
