"""`flywheel start`: from a team's files to the first report. Imports stand inside, as in `main`; here also because the
definitions read settings when they are imported, and this command writes some."""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import click

from flywheel_assets.errors import FlywheelError, LabelError, PromotionError, SegmentsError, TrainingError

LABELS_WAIT = (LabelError, SegmentsError, TrainingError, PromotionError)
"""What keeps labels waiting, and leaves the sessions as they are."""


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
def start(files: tuple[Path, ...]) -> None:
    """From FILEs to the first report, in this folder: raw events (parquet, CSV, JSON lines) or session rows (parquet).

    Guesses what the columns are, cuts sessions, finds clusters, proposes labels, trains a model, runs every interval
    and writes the reports. Each choice is written down where you can change it, and what you changed is never
    overwritten. Run it again, with more FILEs or without: it makes only what is missing or stale."""
    from flywheel_assets.cli.report import report
    from flywheel_assets.cli.run import run
    from flywheel_assets.cli.segments import fit
    from flywheel_assets.cli.start_choices import nothing_closed
    from flywheel_assets.cli.start_files import begin
    from flywheel_assets.cli.start_labels import propose, train
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    context, failed = click.get_current_context(), list[str]()
    begin(files)
    settings = Settings.read()
    waits = nothing_closed(settings.calendar, datetime.now(UTC))
    if waits:
        _end(waits)
        sys.exit(1)
    with _step("making sessions", failed, again=_to_fit() == "other features"):
        context.invoke(run)
    _say_what_was_made()
    try:
        if _to_fit():
            with _step("finding clusters of sessions", failed):
                context.invoke(fit)
        with _step("proposing labels for the clusters", failed), Flywheel.open(Settings.read()) as flywheel:
            propose(flywheel, click.echo)
        with _step("training the models", failed), Flywheel.open(Settings.read()) as flywheel:
            train(flywheel, click.echo)
    except LABELS_WAIT as error:
        waits = str(error) + _too_little(error)
    if not _labels_wait():
        with _step("labelling every interval", failed):
            context.invoke(run, rescore=True)
        with _step("writing the reports", failed):
            context.invoke(report)
    _end(waits)
    if waits or failed:
        sys.exit(1)


def _say_what_was_made() -> None:
    """How many sessions there are, and of how many events."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.report.numbers import plural
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:

        def figures(table: str, *columns: str) -> dict[str, int]:
            intervals = [i for i in flywheel.calendar if i.key in set(flywheel.warehouse.keys(table))]
            rows = flywheel.engine.read([flywheel.warehouse.path(table, i) for i in intervals])
            sums = {name: rows[name].sum().cast("float64") for name in columns}
            found = flywheel.row(rows.aggregate(rows=rows.count(), users=rows["user_id"].nunique(), **sums))
            return {name: int(value or 0) for name, value in found.items()}

        landed = figures("landed_sessions")
        said = f"{plural(landed['rows'], 'session')} of {plural(landed['users'], 'user')}"
        if flywheel.has_events:
            made = figures("event_sessions", "events", "copies")
            said += f", from {plural(made['events'], 'event')}"
            if made["copies"]:
                said += f"; {plural(made['copies'], 'copy of an event was', 'copies of events were')} left out"
        problems = flywheel.problems()
    click.echo(f"  {said}")
    for problem in problems:
        click.echo(f"  left out: {problem}")


def _too_little(error: FlywheelError) -> str:
    """What to do where it may be that there is too little data; empty where the error says what to do."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        made = {*flywheel.warehouse.keys("trimmed_sessions")}
        full = [i for i in flywheel.calendar if i.key in made and flywheel.warehouse.rows("trimmed_sessions", i)]
    if len(full) > 1 and not isinstance(error, SegmentsError | TrainingError):
        return ""
    return ". The sessions are made; when you have more data, run flywheel start again with the new FILEs"


def _to_fit() -> str:
    """Why clusters have to be fitted: they are "missing", or of "other features". Empty where they fit."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.segments.files import SegmentFiles, segments_in_use
    from flywheel_assets.segments.visit_features import columns_of
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        if SegmentFiles(flywheel.warehouse).report() is None:
            return "missing"
        fitted = segments_in_use(flywheel.warehouse)
        same = {*fitted.features, *fitted.constant} == {*columns_of(flywheel.feature_names)}
        return "" if same else "other features"


def _labels_wait() -> bool:
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:
        return bool(flywheel.labels_wait)


def _end(waits: str) -> None:
    """What stands out, and where to look."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.history.findings import findings
    from flywheel_assets.landing.coverage import incomplete
    from flywheel_assets.ranges import labelled_intervals
    from flywheel_assets.registry.files import CARD
    from flywheel_assets.report.pages import Pages
    from flywheel_assets.segments.fitting import outcome_among
    from flywheel_assets.sessions.reviewed_labels import proposed_labels
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.tier_files import SEGMENT_LABELS

    settings = Settings.read()
    with Flywheel.open(settings) as flywheel:
        pages = Pages(flywheel.warehouse.folder)
        waiting, with_data = flywheel.labels_wait, flywheel.extent.last_number
        labelled = [] if waiting else [i for i in labelled_intervals(flywheel) if i.number < with_data]
        labelled = [i for i in labelled if flywheel.warehouse.rows("user_labels", i)]
        cut = incomplete(flywheel, labelled)
        page = next((i for i in reversed(labelled) if i.number not in cut), labelled[-1] if labelled else None)
        said = findings(flywheel, outcome_among(settings.outcome, flywheel.feature_names)) if labelled else []
        proposed = proposed_labels(flywheel)
    click.echo()
    for number, sentence in enumerate(said, start=1):
        click.echo(f"{number}. {sentence}")
    if proposed:
        click.echo(proposed.sentence)
    if waiting:
        click.echo(f"There is no report yet: {waits or waiting}")
    elif page:
        click.echo(f"report: {pages.path(page)}")
        click.echo(f"all reports: {pages.index}")
    files = {
        settings.events_file: "what your events hold, and which make which feature",
        settings.features_file: "the features of a session",
        settings.labels_dir / SEGMENT_LABELS: "which label each cluster of sessions gets",
        settings.models_dir / CARD: "the card of the models: what they learnt, and how well",
    }
    there = {path: what for path, what in files.items() if path.is_file()}
    if there:
        click.echo("Look at these files, in this order. After a change, run flywheel start again:")
        width = max(len(_short(path)) for path in there)
        for path, what in there.items():
            click.echo(f"  {_short(path):{width}}  {what}")
    if not waiting:
        click.echo("next: make ui | flywheel labels review | flywheel report --open")


def _short(path: Path) -> str:
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


@contextmanager
def _step(title: str, failed: list[str], again: bool = False) -> Iterator[None]:
    """A step with its title and seconds; what it says is shown only when it fails. ``again``: a later step makes what
    this one cannot make yet."""
    click.echo(f"{title} ...", nl=False)
    began, said = time.monotonic(), io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            yield
    except SystemExit as stopped:
        if again and stopped.code == 1:
            click.echo(f" {time.monotonic() - began:.0f} s; the rest waits for new clusters")
            return
        click.echo(" not all of it could be made:")
        click.echo(said.getvalue())
        if stopped.code != 1:  # interrupted
            raise
        failed.append(title)
    except FlywheelError:
        click.echo(f" stopped after {time.monotonic() - began:.0f} s")
        raise
    else:
        click.echo(f" {time.monotonic() - began:.0f} s")
