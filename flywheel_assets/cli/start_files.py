"""What `flywheel start` makes of files before any table: whether they hold events or sessions, the mapping, the
features and the settings, and where the files land."""

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click
import pyarrow.parquet as pq
from pyarrow import ArrowException

from flywheel_assets.cli.events import write_proposal
from flywheel_assets.cli.features import init
from flywheel_assets.cli.start_choices import (
    MAKEFILE,
    Choice,
    days,
    interval_choices,
    label_order_text,
    land,
    outcome_choice,
    time_choice,
    write_choices,
)
from flywheel_assets.errors import EventsError, LandingError, SettingsError
from flywheel_assets.features import features_in, read_features
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest.events import TIME, events
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.ingest.mapping_text import mapped_features_text
from flywheel_assets.ingest.named_files import readable
from flywheel_assets.ingest.rules import problem
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.landing.column_names import stated_names
from flywheel_assets.landing.rows import started
from flywheel_assets.registry.shelves import has_champion
from flywheel_assets.sessions.session_model import SESSION_ORDER
from flywheel_assets.settings import Settings
from flywheel_assets.training.own_labels import ORDER_FILE
from flywheel_assets.users.spine import reserved_names
from flywheel_assets.users.user_model import USER_ORDER
from flywheel_assets.warehouse.engine import parquet_schema
from flywheel_assets.warehouse.files import write_whole

LEAST_DIFFERENT_IDS = 0.95
"""Ids of sessions per row, from which on rows are sessions, a few of them there twice, and not events."""


def begin(files: Sequence[Path]) -> None:
    """Writes what nobody has stated yet and copies the files to where they land; says each choice.

    Raises FlywheelError for files that cannot be used, and then nothing has landed."""
    settings, folder = Settings.read(), Path.cwd()
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
    if settings.events_file.is_file() and not settings.features_file.is_file():
        _state_features(settings)
    if files:
        with Flywheel.open(settings, to_write=False) as flywheel:
            are_sessions = _are_sessions(flywheel, files)
            first, last, choices = (_of_sessions if are_sessions else _of_events)(flywheel, files)
        choices += [*interval_choices(first, last), outcome_choice(read_features(settings.features_file) or ())]
        for choice in write_choices(folder / ".env", choices, os.environ):
            click.echo(f"{choice.setting}={choice.value}: {choice.why}")
        where = settings.landing_dir if are_sessions else settings.events_dir
        landed = land(files, where)
        click.echo(f"{len(landed)} of {len(files)} files copied to {where}" if landed else f"no new file for {where}")
    settings.landing_dir.mkdir(parents=True, exist_ok=True)
    order = settings.labels_dir / ORDER_FILE
    if not order.exists():  # stated, so that a label that no cluster got at first stays one that it can get
        write_whole(order, label_order_text(SESSION_ORDER, USER_ORDER).encode())
    if not (folder / "Makefile").exists():
        program = Path(sys.executable).with_name("flywheel")
        write_whole(folder / "Makefile", MAKEFILE.format(flywheel=program).encode())


def _state_features(settings: Settings) -> None:
    """Writes `features.toml` from a team's own `events.toml`."""
    text = mapped_features_text(read_mapping(settings.events_file, None))
    features_in(text, settings.features_file, ("session_id", "user_id", *reserved_names((), ())))
    write_whole(settings.features_file, text.encode())
    click.echo(f"written: {settings.features_file}, the features that {settings.events_file} makes")


def _are_sessions(flywheel: Flywheel, files: Sequence[Path]) -> bool:
    """Whether the files hold one row per session: all are parquet with a user_id and a session_id that few rows share,
    and the mapping, where there is one, does not fit them."""
    if any(file.suffix not in (".parquet", ".pq") for file in files):
        return False
    theirs = {ours: name for name, ours in stated_names(flywheel.settings.columns_file).items()}
    ids = [theirs.get(name, name) for name in ("session_id", "user_id")]
    try:
        if any(not {*ids} <= parquet_schema(file).keys() for file in files):
            return False
    except (ArrowException, OSError):
        return False  # who reads it as events says what is wrong with it
    if flywheel.has_events:
        mapping = flywheel.events.mapping
        if not any(problem(file.name, pq.read_schema(file), mapping) for file in files):
            return False
    rows = [flywheel.engine.read([file]) for file in files]
    counts = [flywheel.row(r.aggregate(rows=r.count(), ids=r[ids[0]].nunique())) for r in rows]
    return all(one["ids"] >= LEAST_DIFFERENT_IDS * one["rows"] for one in counts)


def _of_events(flywheel: Flywheel, files: Sequence[Path]) -> tuple[date, date, list[Choice]]:
    """States the mapping and the features, where nobody has; the days of the first and the last event."""
    with readable(files) as paths:
        if not flywheel.has_events:
            write_proposal(flywheel, files)
        stated = read_features(flywheel.settings.features_file) or ()
        mapping = read_mapping(flywheel.settings.events_file, [one.name for one in stated])
        faults = [problem(file.name, pq.read_schema(path), mapping) for file, path in zip(files, paths, strict=True)]
        if any(faults):
            raise EventsError("\n".join(filter(None, faults)))
        found = [events(flywheel.engine.read([path]), mapping) for path in paths]
        return *days(flywheel.engine, [(one[TIME] // SECOND).cast("int64").as_table() for one in found]), []


def _of_sessions(flywheel: Flywheel, files: Sequence[Path]) -> tuple[date, date, list[Choice]]:
    """States the features, where nobody has; the days of the first and the last session, and which column holds when a
    session began where its id does not."""
    settings, names = flywheel.settings, stated_names(flywheel.settings.columns_file)
    tables = [flywheel.engine.read([file]) for file in files]
    tables = [t.rename({ours: theirs for theirs, ours in names.items() if theirs in t.columns}) for t in tables]
    tables = [t.cast({"session_id": "string"}) for t in tables]
    column, choices = settings.session_time_column, list[Choice]()
    if not column and not settings.session_id_pattern:
        choices = time_choice(flywheel.engine, tables)
        column = next((choice.value for choice in choices), None)
    lacking = [file.name for file, t in zip(files, tables, strict=True) if column and column not in t.columns]
    if lacking:
        raise LandingError(
            f"{', '.join(lacking)} has no column {column!r}, which FLYWHEEL_SESSION_TIME_COLUMN in .env names"
        )
    if not settings.features_file.is_file():
        click.get_current_context().invoke(init, files=tuple(files), preset=None)
    placed = [started(t, settings.session_id_pattern, column).select("timestamp_unix") for t in tables]
    return *days(flywheel.engine, placed), choices
