"""`flywheel start`: from a team's files to the first report. Imports stand inside, as in `main`; here also because the
definitions read settings when they are imported, and this command writes some."""

import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_assets.errors import FlywheelError, LabelError, PromotionError, SegmentsError, TrainingError

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

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
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    context, failed = click.get_current_context(), list[str]()
    _begin(files)
    from flywheel_assets.cli.start_labels import propose, train

    with _step("making sessions", failed, again=_to_fit() == "other features"):
        context.invoke(run)
    _say_what_was_made()
    waits = ""
    try:
        if _to_fit():
            with _step("finding clusters of sessions", failed):
                context.invoke(fit)
        with _step("proposing labels for the clusters", failed), Flywheel.open(Settings.read()) as flywheel:
            propose(flywheel, click.echo)
        with _step("training the models", failed), Flywheel.open(Settings.read()) as flywheel:
            train(flywheel, click.echo)
    except LABELS_WAIT as error:
        waits = str(error)
    if not _labels_wait():
        with _step("labelling every interval", failed):
            context.invoke(run, rescore=True)
        with _step("writing the reports", failed):
            context.invoke(report)
    _end(waits)
    if waits or failed:
        sys.exit(1)


def _begin(files: Sequence[Path]) -> None:
    """What is chosen before anything is made: mapping, features, settings; and the files are put where they land."""
    from flywheel_assets.cli.start_choices import (
        MAKEFILE,
        interval_choices,
        label_order_text,
        land,
        outcome_choice,
        write_choices,
    )
    from flywheel_assets.errors import LandingError, SettingsError
    from flywheel_assets.features import read_features
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.registry.shelves import has_champion
    from flywheel_assets.sessions.session_model import SESSION_ORDER
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.own_labels import ORDER_FILE
    from flywheel_assets.users.user_model import USER_ORDER
    from flywheel_assets.warehouse.files import write_whole

    settings = Settings.read()
    folder = Path.cwd()
    if has_champion(settings.models_dir) and not settings.features_file.is_file():
        raise SettingsError(
            f"{settings.models_dir} holds models already, and flywheel start makes its own: run it in a folder of its "
            "own, as in mkdir mine && cd mine && flywheel start FILE"
        )
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise LandingError(f"there is no file at {', '.join(missing)}")
    if not files and not any(path.is_dir() for path in (settings.landing_dir, settings.events_dir)):
        raise click.UsageError("expected FILEs, as in flywheel start events.parquet: nothing has landed here yet")
    if files:
        with Flywheel.open(settings, to_write=False) as flywheel:
            are_sessions = _are_sessions(flywheel, files)
            first, last = (_of_sessions if are_sessions else _of_events)(flywheel, files)
        choices = [*interval_choices(first, last), outcome_choice(read_features(settings.features_file) or ())]
        for choice in write_choices(folder / ".env", choices, os.environ):
            click.echo(f"{choice.setting}={choice.value}: {choice.why}")
        landed = land(files, settings.landing_dir if are_sessions else settings.events_dir)
        where = settings.landing_dir if are_sessions else settings.events_dir
        click.echo(f"{len(landed)} of {len(files)} files copied to {where}" if landed else f"no new file for {where}")
    settings.landing_dir.mkdir(parents=True, exist_ok=True)
    order = settings.labels_dir / ORDER_FILE
    if not order.exists():  # stated, so that a label that no cluster got at first stays one that it can get
        write_whole(order, label_order_text(SESSION_ORDER, USER_ORDER).encode())
    if not (folder / "Makefile").exists():
        program = Path(sys.executable).with_name("flywheel")
        write_whole(folder / "Makefile", MAKEFILE.format(flywheel=program).encode())


def _say_what_was_made() -> None:
    """How many sessions there are, and of how many events."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read()) as flywheel:

        def figures(table: str, *columns: str) -> dict[str, int]:
            intervals = [i for i in flywheel.calendar if i.key in set(flywheel.warehouse.keys(table))]
            rows = flywheel.engine.read([flywheel.warehouse.path(table, i) for i in intervals])
            sums = {name: rows[name].sum().cast("float64") for name in columns}
            found = flywheel.row(rows.aggregate(rows=rows.count(), users=rows["user_id"].nunique(), **sums))
            return {name: int(value or 0) for name, value in found.items()}

        landed = figures("landed_sessions")
        said = f"{landed['rows']:,} sessions of {landed['users']:,} users"
        if flywheel.has_events:
            made = figures("event_sessions", "events", "copies")
            copies = f"; {made['copies']:,} copies of events were left out" if made["copies"] else ""
            said += f", from {made['events']:,} events{copies}"
        problems = flywheel.problems()
    click.echo(f"  {said}")
    for problem in problems:
        click.echo(f"  left out: {problem}")


def _are_sessions(flywheel: "Flywheel", files: Sequence[Path]) -> bool:
    """Whether the files hold one row per session: all are parquet with a session_id, which no two rows share, and a
    user_id."""
    from flywheel_assets.landing.column_names import stated_names
    from flywheel_assets.warehouse.engine import parquet_schema

    if any(file.suffix not in (".parquet", ".pq") for file in files) or flywheel.has_events:
        return False
    theirs = {ours: name for name, ours in stated_names(flywheel.settings.columns_file).items()}
    ids = [theirs.get(name, name) for name in ("session_id", "user_id")]
    if any(not {*ids} <= parquet_schema(file).keys() for file in files):
        return False
    rows = [flywheel.engine.read([file]) for file in files]
    counts = [flywheel.row(r.aggregate(rows=r.count(), ids=r[ids[0]].nunique())) for r in rows]
    return all(one["rows"] == one["ids"] for one in counts)


def _of_events(flywheel: "Flywheel", files: Sequence[Path]) -> tuple[date, date]:
    """States the mapping and the features, where nobody has; the days of the first and the last event."""
    from flywheel_assets.cli.events import write_proposal
    from flywheel_assets.cli.start_choices import days
    from flywheel_assets.features import read_features
    from flywheel_assets.ingest.events import TIME, events
    from flywheel_assets.ingest.mapping_file import read_mapping
    from flywheel_assets.ingest.named_files import readable
    from flywheel_assets.ingest.times import SECOND

    settings = flywheel.settings
    if not settings.events_file.is_file():
        write_proposal(flywheel, files)
    mapping = read_mapping(settings.events_file, [one.name for one in read_features(settings.features_file) or ()])
    with readable(files) as paths:
        found = [events(flywheel.engine.read([path]), mapping) for path in paths]
        return days(flywheel.engine, [(one[TIME] // SECOND).cast("int64").as_table() for one in found])


def _of_sessions(flywheel: "Flywheel", files: Sequence[Path]) -> tuple[date, date]:
    """States the features, where nobody has; the days of the first and the last session."""
    from flywheel_assets.cli.features import init
    from flywheel_assets.cli.start_choices import days
    from flywheel_assets.landing.column_names import stated_names
    from flywheel_assets.landing.rows import started

    settings = flywheel.settings
    if not settings.features_file.is_file():
        click.get_current_context().invoke(init, files=tuple(files), preset=None)
    names = stated_names(settings.columns_file)
    starts = []
    for file in files:
        rows = flywheel.engine.read([file])
        rows = rows.rename({ours: theirs for theirs, ours in names.items() if theirs in rows.columns})
        placed = started(rows.cast({"session_id": "string"}), settings.session_id_pattern, settings.session_time_column)
        starts.append(placed.select("timestamp_unix"))
    return days(flywheel.engine, starts)


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
        click.echo(f"There is no report yet. {waits or waiting}")
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
