"""`flywheel prune`. Imports stand inside, as in `main`."""

from pathlib import Path

import click


@click.command()
def prune() -> None:
    """Delete the runs older than FLYWHEEL_KEEP_RUNS_DAYS from the record of runs. The latest runs of each interval
    stay, and no table is touched. While the UI is up, prune_sensor does the same."""
    from datetime import UTC, datetime

    from flywheel_assets.orchestration.home import dagster_home
    from flywheel_assets.settings import Settings

    settings, home = Settings.read(), dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.orchestration.run_retention import keep_from, prune

    with dg.DagsterInstance.get() as instance:
        count = prune(instance, keep_from(settings, datetime.now(UTC)))
    click.echo(f"runs older than {settings.keep_runs_days} days deleted from {home}: {count:,}")
