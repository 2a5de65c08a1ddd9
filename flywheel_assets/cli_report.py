"""`flywheel report`: makes the reports and says where they are. Imports stand inside, as in `cli`."""

import sys
from pathlib import Path

import click


@click.command()
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last one that was run]")
@click.option("--open", "show", is_flag=True, help="Open that interval's report in the browser.")
@click.option(
    "--standalone",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write that interval's report to FILE too, with all that it needs inside, to send to somebody.",
)
def report(key: str | None, show: bool, standalone: Path | None) -> None:
    """Make the reports of all intervals that were run, with the tables of history that they tell of, where these are
    missing or stale, and say where they are."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from flywheel_assets.defs.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.definitions import defs, settings
    from flywheel_assets.defs.findings import findings_on_record
    from flywheel_assets.defs.flywheel import Flywheel
    from flywheel_assets.defs.jobs import REPORTS_JOB
    from flywheel_assets.defs.processes import end_abandoned_runs
    from flywheel_assets.defs.report import report_of
    from flywheel_assets.defs.reporting_runs import make_reports, reportable
    from flywheel_assets.reporting.console import terminal
    from flywheel_assets.reporting.interval_report import interval_report
    from flywheel_assets.storage.pages import Pages

    console = terminal()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    made, failed = 0, False
    with (
        Flywheel.open(settings) as flywheel,
        dg.DagsterInstance.get() as instance,
        Progress(*columns, console=console) as progress,
    ):
        intervals, wanted = reportable(flywheel, key)
        end_abandoned_runs(instance)
        pages = Pages(flywheel.warehouse.folder)
        task = progress.add_task("reports", total=len(intervals))
        for run in make_reports(flywheel, defs.resolve_job_def(REPORTS_JOB), instance, intervals):
            progress.update(task, advance=1, description=run.interval.dates if run else "up to date")
            made += run is not None and not run.failure
            if run and run.failure:
                failed = True
                console.print(f"[red]{run.interval.key} failed:[/]", Text(run.failure))
        if standalone:
            page = interval_report(
                report_of(flywheel, wanted, findings_on_record(flywheel, wanted, instance)), standalone=True
            )
            pages.write_alone(standalone, page)
    others = "some could not be made" if failed else "the others were up to date"
    click.echo(f"{made} of {len(intervals)} reports made, {others}")
    if not pages.exists(wanted):
        sys.exit(1)
    click.echo(f"index: {pages.index}")
    click.echo(f"interval {wanted.key}: {pages.path(wanted)}")
    if standalone:
        click.echo(f"by itself: {standalone}")
    if show:
        click.launch(str(pages.path(wanted)))
    if failed:
        sys.exit(1)
