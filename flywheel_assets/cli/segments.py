"""`flywheel segments`: the commands that fit, assign and show segments. Imports stand inside them, as in `cli`."""

import sys
import threading
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import dagster as dg

    from flywheel_assets.intervals import Interval
    from flywheel_assets.orchestration.runs import CheckLine, IntervalRun

_NEXT = "next: flywheel segments propose"


@click.group()
def segments() -> None:
    """Fit clusters of sessions, assign sessions to them, show them, and propose their labels."""


@segments.command()
@click.option("--from", "first", metavar="KEY", help="First interval to fit on  [default: the first with data]")
@click.option("--to", "last", metavar="KEY", help="Last interval to fit on  [default: the last materialized one]")
@click.option("--clusters", type=click.IntRange(2, 50), help="[default: FLYWHEEL_SEGMENT_COUNT, else by the rule]")
def fit(first: str | None, last: str | None, clusters: int | None) -> None:
    """Fit clusters to the sessions of a range of intervals, then assign the sessions of these and all later ones."""
    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.cli.console import terminal
    from flywheel_assets.definitions import defs, settings
    from flywheel_assets.errors import SegmentsError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.orchestration.jobs import SEGMENTS_JOB
    from flywheel_assets.orchestration.processes import end_abandoned_runs
    from flywheel_assets.orchestration.runs import run_job
    from flywheel_assets.ranges import materialized_intervals
    from flywheel_assets.segments.files import SegmentFiles
    from flywheel_assets.segments.fitting import intervals_to_fit

    with Flywheel.open(settings) as flywheel:
        intervals = intervals_to_fit(flywheel, first or "", last or "")
        has_fit = SegmentFiles(flywheel.warehouse).report() is not None
        later = materialized_intervals(flywheel, intervals[0].key, None)
    console = terminal()
    with dg.DagsterInstance.get() as instance:
        end_abandoned_runs(instance)
        with console.status(f"fitting clusters to {len(intervals)} intervals"):
            keys = intervals[0].key, intervals[-1].key
            config = {
                "visit_features": {"config": dict(zip(("first", "last"), keys, strict=True))},
                "k_diagnostics": {"config": {"clusters": clusters or 0}},
            }
            job = defs.resolve_job_def(SEGMENTS_JOB)
            done = run_job(job, instance, " to ".join(keys), config=config)
        if done.failure:
            reason = done.failure.removeprefix("visit_features: ").removeprefix("k_diagnostics: ")
            in_use = "; flywheel segments show shows the one in use" if has_fit else ""
            raise SegmentsError(f"the fit failed: {reason}{in_use}")
        _assign(instance, later, done.checks)
    _show()
    click.echo(_NEXT)


@segments.command()
@click.option("--from", "first", metavar="KEY", help="First interval  [default: the first materialized one]")
@click.option("--to", "last", metavar="KEY", help="Last interval  [default: the last materialized one]")
def assign(first: str | None, last: str | None) -> None:
    """Assign the sessions of materialized intervals to the clusters in use. For intervals that ran after the fit."""
    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.definitions import settings
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.orchestration.processes import end_abandoned_runs
    from flywheel_assets.ranges import materialized_intervals
    from flywheel_assets.segments.files import segments_in_use

    with Flywheel.open(settings) as flywheel:
        version = segments_in_use(flywheel.warehouse).version
        intervals = materialized_intervals(flywheel, first, last)
    with dg.DagsterInstance.get() as instance:
        end_abandoned_runs(instance)
        _assign(instance, intervals, ())
    click.echo(f"clusters of {len(intervals)} intervals by segments {version}")
    click.echo("next: flywheel segments show")


@segments.command()
def show() -> None:
    """Show the clusters in use, what each is like, why there are this many, and what else was tried."""
    _show()
    click.echo(_NEXT)


@segments.command()
def propose() -> None:
    """Propose a quality label for each cluster in segment_labels.toml, and show which labels users would get.

    A file that is there stays as it is and is shown. Training is not needed."""
    from rich.text import Text

    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.errors import LabelError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.ranges import materialized_intervals
    from flywheel_assets.segments.files import segments_in_use
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.own_labels import OwnLabels
    from flywheel_assets.training.session_labels import labels_from_segments
    from flywheel_assets.training.user_labels_for_training import labels_from_worths

    console, warnings = terminal(), list[str]()
    with Flywheel.open(Settings.read()) as flywheel:
        fitted = segments_in_use(flywheel.warehouse)
        intervals = materialized_intervals(flywheel, fitted.first_interval, fitted.last_interval)
        sessions = labels_from_segments(flywheel, intervals)
        own = OwnLabels(flywheel.settings.labels_dir)
        try:
            users = labels_from_worths(flywheel, sessions, warnings.append, write=False)
        except LabelError as error:
            users, unlabelled = None, str(error)
    console.print(table([*sessions.tiers[0]], [[*line.values()] for line in sessions.tiers], "Clusters of sessions"))
    if users:
        title = "Users, per interval, with the mean shares of their sessions' labels"
        console.print(Text(), table([*users.tiers[0]], [[*line.values()] for line in users.tiers], title))
    for warning in warnings:
        console.print("[yellow]look at this:[/]", Text(warning))
    click.echo(f"the labels of clusters: {sessions.file}; edit it, or delete it for a new proposal")
    if not users:
        click.echo(f"users have no labels yet: {unlabelled}")
    if own.only_reviewed:
        click.echo("sessions have reviewed labels too: training corrects these by them")
    elif own.sessions() is not None:
        click.echo("sessions have labels of your own too: training uses those, and not these")
    click.echo("next: flywheel models train")


def _show() -> None:
    from flywheel_assets.cli.console import terminal
    from flywheel_assets.cli.segment_report import segments_report
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.segments.files import SegmentFiles
    from flywheel_assets.segments.fitting import complete_fit, not_assigned
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        found, files = complete_fit(flywheel.warehouse), SegmentFiles(flywheel.warehouse)
        terminal().print(segments_report(found, files.report() or {}, not_assigned(flywheel)))
        click.echo(f"tables and plots: {files.folder}")


def _assign(instance: "dg.DagsterInstance", intervals: "list[Interval]", checks: "tuple[CheckLine, ...]") -> None:
    """Make the clusters of intervals, and print the checks that did not pass, those given too. Exit 1 on a failure."""
    from rich.progress import track
    from rich.text import Text

    from flywheel_assets.cli.console import failing_checks, table, terminal
    from flywheel_assets.cli.interruption import EXIT_CODE, until_interrupted
    from flywheel_assets.definitions import defs
    from flywheel_assets.orchestration.jobs import CLUSTERS_JOB
    from flywheel_assets.orchestration.runs import run_intervals

    console, job = terminal(), defs.resolve_job_def(CLUSTERS_JOB)

    def assigned_until(stopping: threading.Event) -> "list[IntervalRun]":
        runs = run_intervals(job, instance, takewhile(lambda _: not stopping.is_set(), intervals))
        return list(track(runs, "assigning clusters", len(intervals), console=console))

    outcomes = until_interrupted(assigned_until, "the interval that is under way is finished")
    lines = failing_checks([*checks, *(check for outcome in outcomes for check in outcome.checks)])
    if lines:
        title = "Checks that did not pass, with their latest summary"
        console.print(table(("", "check", "intervals", "latest summary"), lines, title), Text())
    failed = [outcome for outcome in outcomes if outcome.failure]
    for outcome in failed:
        console.print(f"[red]{outcome.interval.key} failed:[/]", Text(outcome.failure))
    if len(outcomes) < len(intervals):
        console.print(f"stopped after {len(outcomes)} of {len(intervals)} intervals: flywheel segments assign")
        sys.exit(EXIT_CODE)
    if failed:
        sys.exit(1)
