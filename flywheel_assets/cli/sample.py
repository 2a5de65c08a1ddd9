"""`flywheel sample`. Imports stand inside, as in `main`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.settings import Settings


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--intervals", type=click.IntRange(1), default=6, show_default=True, help="Consecutive intervals.")
@click.option("--users", type=click.IntRange(1), default=1500, show_default=True, help="Each has 6 to 7 sessions.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Same seed, same sessions.")
@click.option("--first-interval", metavar="KEY", help="The first interval  [default: so that the last is closed]")
@click.option(
    "--events",
    is_flag=True,
    help="Write the events that make these sessions, with events.toml and what rests on it.",
)
def sample(directory: Path, intervals: int, users: int, seed: int, first_interval: str | None, events: bool) -> None:
    """Write sample sessions to DIRECTORY/landing, or sample events to DIRECTORY/events, and the truth about them to
    DIRECTORY/truth."""
    from datetime import UTC, datetime

    from flywheel_assets.settings import Settings
    from flywheel_assets.simulation.intent_world import INTENT
    from flywheel_assets.simulation.sample_files import write_sample
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
    chosen = calendar.between(first, last)
    written = write_sample(directory, WORLD, chosen, users, seed, INTENT if events else None)
    click.echo(f"{written.sessions:,} sessions of {users:,} users, {first.first_day} - {last.last_day}:")
    for path in written.files:
        click.echo(f"  {path}")
    click.echo(f"their true labels and the world they were drawn from: {written.truth_folder}")
    for path in write_files_of_sample(settings) if events else ():
        click.echo(f"wrote {path}")
    folder, here = directory.absolute() / ("events" if events else "landing"), "EVENTS" if events else "LANDING"
    watched = settings.events_dir if events else settings.landing_dir
    click.echo("next: flywheel run" if folder == watched else f"next: FLYWHEEL_{here}_DIR={folder} flywheel run")


def write_files_of_sample(settings: "Settings") -> list[Path]:
    """Writes `events.toml` of the sample's events, first rules of the intent score and a definition of a conversion,
    each where it is missing, and returns what it wrote."""
    from flywheel_assets.conversion.conversion_text import text_for_events
    from flywheel_assets.conversion.definition import in_sessions
    from flywheel_assets.ingest.mapping_file import read_mapping
    from flywheel_assets.intent.rules_text import rules_text
    from flywheel_assets.simulation.events import MAPPING
    from flywheel_assets.warehouse.files import write_whole

    mapping = read_mapping(MAPPING, None)
    contents = {
        settings.events_file: MAPPING.read_bytes(),
        settings.intent_file: rules_text(list(mapping.kinds)).encode(),
        settings.conversion_file: text_for_events(in_sessions(mapping), mapping.carried).encode(),
    }
    missing = {path: content for path, content in contents.items() if not path.exists()}
    for path, content in missing.items():
        write_whole(path, content)
    return list(missing)
