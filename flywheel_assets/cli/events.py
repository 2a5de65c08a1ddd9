"""`flywheel events`. Imports stand inside, as in `main`."""

import sys
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
    from flywheel_assets.features import features_in
    from flywheel_assets.ingest.mapping_file import mapping_in
    from flywheel_assets.ingest.proposal import propose
    from flywheel_assets.users.spine import reserved_names
    from flywheel_assets.warehouse.files import write_all

    path, features_file = flywheel.settings.events_file, flywheel.settings.features_file
    stated, taken = flywheel.stated_features, reserved_names((), ())
    proposal = propose(flywheel.engine, files, preset, stated, taken)
    texts = {path: proposal.events_toml()}
    mapping_in(texts[path], path, [feature.name for feature in proposal.features])
    if stated is None:
        texts[features_file] = proposal.features_toml()
        features_in(texts[features_file], features_file, taken)
    write_all({file: text.encode() for file, text in texts.items()})
    mapping = proposal.mapping
    for feature in proposal.features:
        click.echo(f"{feature.name}: {feature.meaning}")
    for warning in proposal.warnings:
        click.echo(f"warning: {warning}", err=True)
    who = f"user {mapping.user}" if mapping.user else f"session {mapping.session}"
    click.echo(f"preset {proposal.preset}: {who}, time {mapping.time}, event {mapping.event or '(no column)'}")
    there = f"{features_file} was there and stays as it is" if stated else f"written: {features_file}"
    click.echo(f"written: {path}, with a comment on each choice; {there}")


@events.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """A dry run of FILE under the present events.toml: events by name, users, sessions, copies, what would be set aside
    and why. Writes nothing. Without a FILE: how many sessions were made under another mapping, and what redoing costs.

    Exit 1 when the file would be set aside, or fewer than half of its rows are events."""
    from flywheel_assets.cli.console import events_report, terminal
    from flywheel_assets.errors import EventsError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.ingest.dry_run import dry_run
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    with Flywheel.open(settings, to_write=False) as flywheel:
        if not flywheel.has_events:
            raise EventsError(f"there is no {settings.events_file}; to write one: flywheel events init FILE")
        if file is None:
            click.echo(_other_mapping(flywheel))
            return
        found = dry_run(file, flywheel.events, settings.session_timeout_minutes, flywheel.now())
        dates = {i.key: i.dates + ("" if i.closed(flywheel.now()) else ", open") for i in flywheel.calendar}
    terminal().print(events_report(found, [(dates[key], events) for key, events in found.intervals.items()]))
    if not found.objection and not file.resolve().is_relative_to(settings.events_dir.resolve()):
        click.echo(f"next: put it into {settings.events_dir}, then flywheel run")
    sys.exit(1 if found.objection else 0)


def _other_mapping(flywheel: "Flywheel") -> str:
    """How many intervals have sessions of another mapping than the present one, and the seconds that making their
    tables took last."""
    import dagster as dg

    from flywheel_assets.ingest.event_sessions import MAPPING, TABLE
    from flywheel_assets.orchestration.home import dagster_home
    from flywheel_assets.orchestration.runs import seconds_of

    there = set(flywheel.warehouse.keys(TABLE.name))
    made = [interval for interval in flywheel.calendar if interval.key in there]
    digest = flywheel.events.mapping.digest
    stale = [
        interval
        for interval in made
        if (generation := flywheel.warehouse.generation(TABLE.name, interval))
        and generation.parameters.get(MAPPING) != digest
    ]
    if not stale:
        return (
            f"the sessions of all {len(made):,} intervals were made under the present {flywheel.settings.events_file}"
        )
    dagster_home(Path.cwd())
    with dg.DagsterInstance.get() as instance:
        seconds = seconds_of(instance, [table.name for table in flywheel.spine], [i.key for i in stale])
    return (
        f"the sessions of {len(stale):,} of {len(made):,} intervals were made under another mapping, from "
        f"{stale[0].dates} to {stale[-1].dates}: making them and what follows took {seconds:.0f} seconds last time. "
        "To make them again: flywheel run"
    )
