"""`flywheel check`. Imports stand inside, as in `main`."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """A dry run of landing FILE: columns, rows per interval, what would be quarantined and why. Writes nothing.

    Exit 1 when the file would be set aside, or fewer than half of its rows would land."""
    from flywheel_assets.cli.console import dry_run_report, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.landing.dry_run import dry_run
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read(), to_write=False) as flywheel:
        found = dry_run(file, flywheel.landing, flywheel.engine, flywheel.minimums)
        dates = {i.key: i.dates + ("" if i.closed(flywheel.now()) else ", open") for i in flywheel.calendar}
    rules = flywheel.landing.rules
    ours = {name: rules.names.get(name, name) for name in found.columns}
    needed = {name: our if our in rules.needed else "passes through" for name, our in ours.items()}
    if rules.time_column in needed:
        needed[rules.time_column] = "start of the session"
    columns = [(name, dtype, needed[name]) for name, dtype in found.columns.items()]
    intervals = [(dates[key], rows) for key, rows in sorted(found.file.rows.items(), key=str) if key]
    terminal().print(dry_run_report(found, columns, intervals))
    if not found.objection and not file.resolve().is_relative_to(flywheel.landing.folder.resolve()):
        click.echo(f"next: put it into {flywheel.landing.folder}, then flywheel run")
    sys.exit(1 if found.objection else 0)
