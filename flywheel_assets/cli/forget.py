"""`flywheel forget`. Imports stand inside, as in `main`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intervals import Interval


@click.command()
@click.argument("key", required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that was made, segments and reports included.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(key: str | None, everything: bool, yes: bool) -> None:
    """Delete what was made of the interval starting on KEY, or everything. Landed files, models and labels of your own
    stay, so `flywheel run` makes it again from what is still in the landing folder."""
    from flywheel_assets.errors import SettingsError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    if (key is None) != everything:
        raise SettingsError("say which interval to forget, as in flywheel forget 2024-01-15, or --all for everything")
    settings = Settings.read()
    for theirs in (settings.landing_dir, settings.models_dir, settings.labels_dir):
        if theirs.resolve().is_relative_to(settings.warehouse_dir.resolve()):
            raise SettingsError(
                f"FLYWHEEL_WAREHOUSE_DIR is {settings.warehouse_dir}, and {theirs} is inside it: nothing is deleted. "
                "Give the warehouse a folder of its own"
            )
    with Flywheel.open(settings, to_write=False) as flywheel:
        warehouse = flywheel.warehouse
        intervals = [flywheel.interval(key)] if key else [*flywheel.calendar]
        made = [interval for interval in intervals if warehouse.made(interval)]
        if not made and not (everything and warehouse.folder.exists()):
            click.echo(f"nothing was made of {key or 'any interval'}, so there is nothing to forget")
            return
        what = f"what was made in {warehouse.folder}" if everything else f"all tables and the report of {made[0].dates}"
        click.echo(f"This deletes {what}.")
        for file in _gone(flywheel, made):
            click.echo(f"{file} is no longer in the landing folder: its sessions cannot be made again.")
        click.echo("The sensors make the rest again while the UI runs; otherwise: flywheel run")
        if not yes:
            click.confirm("Delete it?", abort=True)
        for interval in made:
            with warehouse.lock(interval):
                warehouse.forget(interval)
        if everything:
            warehouse.clear()
    click.echo(f"forgot {len(made)} interval{'' if len(made) == 1 else 's'}: flywheel run")


def _gone(flywheel: "Flywheel", intervals: "Sequence[Interval]") -> list[str]:
    """The files that tables of the intervals were made from and that cannot be read again; all of them where the
    landing folder or the models cannot be opened."""
    from flywheel_assets.errors import FlywheelError

    made_from = {identity[0]: identity for i in intervals for identity in flywheel.landed_from(i) or ()}
    try:
        return flywheel.index.missing(made_from.values())
    except FlywheelError:
        return sorted(made_from)
