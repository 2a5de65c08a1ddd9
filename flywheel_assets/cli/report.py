"""`flywheel report`: makes the reports and says where they are. Imports stand inside, as in `cli`."""

import sys
import threading
import webbrowser
from pathlib import Path

import click


@click.command()
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last one that was run]")
@click.option("--open", "show", is_flag=True, help="Open that interval's report in the browser.")
@click.option(
    "--standalone",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write that interval's report to FILE, self-contained, to send to somebody.",
)
def report(key: str | None, show: bool, standalone: Path | None) -> None:
    """Make the reports that are missing or stale, for all intervals that were run, with the history tables they
    show, and say where the reports are."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.cli.console import terminal
    from flywheel_assets.cli.interruption import EXIT_CODE, until_interrupted
    from flywheel_assets.cli.report_runs import ReportRun, held, in_short, make_reports, reportable
    from flywheel_assets.definitions import defs, settings
    from flywheel_assets.errors import ReportError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.history.assets import reported_findings
    from flywheel_assets.history.page import interval_report
    from flywheel_assets.history.report import report_of
    from flywheel_assets.orchestration.jobs import REPORTS_JOB
    from flywheel_assets.orchestration.processes import end_abandoned_runs
    from flywheel_assets.report.pages import CONVERSION, ENGAGEMENT, INTENT, Pages
    from flywheel_assets.sessions.reviewed_labels import proposed_labels

    console = terminal()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    runs: list[ReportRun] = []
    with (
        Flywheel.open(settings) as flywheel,
        dg.DagsterInstance.get() as instance,
        Progress(*columns, console=console) as progress,
    ):
        intervals, wanted = reportable(flywheel, key)
        end_abandoned_runs(instance)
        pages = Pages(flywheel.warehouse.folder)
        path = pages.path(wanted)
        job = defs.resolve_job_def(REPORTS_JOB)
        task = progress.add_task("reports", total=len(intervals))

        def made_until(stopping: threading.Event) -> int:
            """How many were made or looked at before it was to stop."""
            for number, run in enumerate(make_reports(flywheel, job, instance, intervals), start=1):
                progress.update(task, advance=1, description=run.interval.dates if run else "up to date")
                runs.extend([run] if run else [])
                if run and run.failure:
                    console.print(f"[red]{run.interval.key} failed:[/]", Text(run.failure))
                if stopping.is_set():
                    return number
            return len(intervals)

        looked_at = until_interrupted(made_until, "the report that is under way is finished")
        if looked_at < len(intervals):
            console.print(f"stopped: {len(intervals) - looked_at} of {len(intervals)} are left: flywheel report")
            sys.exit(EXIT_CODE)
        lacking, proposed = held(flywheel, intervals), proposed_labels(flywheel)
        unpaged = any(run.interval == wanted and not run.paged for run in runs)
        if standalone and not unpaged:
            page = interval_report(
                report_of(flywheel, wanted, reported_findings(flywheel, wanted, instance)), standalone=True
            )
            pages.write_alone(standalone, page)
    click.echo(in_short(len(intervals), runs))
    for line in [*lacking, *([proposed.sentence] if proposed else [])]:
        click.echo(line)
    made = pages.made_at(wanted)
    if pages.index.exists():
        click.echo(f"index: {pages.index}")
    if unpaged and made is None:
        click.echo(f"interval {wanted.key}: could not be made, and no earlier report exists")
    elif unpaged:
        click.echo(f"interval {wanted.key}: could not be made; the report of {made:%Y-%m-%d %H:%M} stays: {path}")
    else:
        click.echo(f"interval {wanted.key}: {path}")
    for kind in (INTENT, CONVERSION, ENGAGEMENT):
        other = Pages(settings.warehouse_dir, kind).path(wanted)
        if other.is_file():
            click.echo(f"{kind}: {other}")
    if unpaged and (standalone or show):
        asked = " and ".join([f"{standalone} was not written"] * bool(standalone) + ["nothing was opened"] * show)
        raise ReportError(f"the report of {wanted.key} could not be made, so {asked}: fix the errors above")
    if standalone:
        click.echo(f"standalone: {standalone}")
    if show and not webbrowser.open(path.resolve().as_uri()):
        raise ReportError(f"no browser could be opened here; the report is at {path}")
    if lacking or any(run.failure for run in runs):
        sys.exit(1)
    if not show:
        click.echo("next: flywheel report --open | flywheel levers")
