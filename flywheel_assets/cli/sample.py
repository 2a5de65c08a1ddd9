"""`flywheel sample`. Imports stand inside, as in `main`."""

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--intervals", type=click.IntRange(1), default=6, show_default=True, help="Consecutive intervals.")
@click.option("--users", type=click.IntRange(1), default=1500, show_default=True, help="Each has 6 to 7 sessions.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Same seed, same sessions.")
@click.option("--first-interval", metavar="KEY", help="The first interval  [default: so that the last is closed]")
def sample(directory: Path, intervals: int, users: int, seed: int, first_interval: str | None) -> None:
    """Write sample sessions to DIRECTORY/landing and the truth about them to DIRECTORY/truth."""
    from datetime import UTC, datetime

    from flywheel_assets.settings import Settings
    from flywheel_assets.simulation.sample import write_sample
    from flywheel_assets.simulation.world import WORLD

    settings = Settings.read()
    calendar = settings.calendar
    try:
        if first_interval:
            first = calendar.key(first_interval)
        else:
            closed = calendar.last_closed(datetime.now(UTC))
            first = calendar.number(max(closed.number - intervals + 1, 1) if closed else 1)
        last = calendar.number(first.number + intervals - 1)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    written = write_sample(directory, WORLD, calendar.between(first, last), users, seed)
    click.echo(f"{written.sessions:,} sessions of {users:,} users, {first.first_day} - {last.last_day}:")
    for path in written.landing_files:
        click.echo(f"  {path}")
    click.echo(f"their true labels and the world they were drawn from: {written.truth_folder}")
    landing = directory.absolute() / "landing"
    click.echo(
        "next: flywheel run"
        if landing == settings.landing_dir
        else f"next: FLYWHEEL_LANDING_DIR={landing} flywheel run"
    )
