"""`flywheel forget`. Imports stand inside, as in `main`."""

import click


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
    with Flywheel.open(Settings.read(), to_write=False) as flywheel:
        warehouse = flywheel.warehouse
        intervals = [flywheel.interval(key)] if key else [*flywheel.calendar]
        made = [interval for interval in intervals if warehouse.made(interval)]
        if not made and not (everything and warehouse.folder.exists()):
            click.echo(f"nothing was made of {key or 'any interval'}, so there is nothing to forget")
            return
        landed = flywheel.index.sessions()
        gone = [interval.key for interval in made if interval.key not in landed]
        what = f"everything in {warehouse.folder}" if everything else f"all tables and the report of {made[0].dates}"
        click.echo(f"This deletes {what}.")
        if gone:
            click.echo(f"No landed file has sessions of {', '.join(gone)} now, so their sessions cannot be made again.")
        click.echo("The sensors make it again while the UI runs; otherwise: flywheel run")
        if not yes:
            click.confirm("Delete it?", abort=True)
        for interval in made:
            with warehouse.lock(interval):
                warehouse.forget(interval)
        if everything:
            warehouse.clear()
    click.echo(f"forgot {len(made)} interval{'' if len(made) == 1 else 's'}: flywheel run")
