"""`flywheel conversion`: what a conversion is, and which sessions that gives. Imports stand inside, as in `main`."""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import click
from click import Path

from flywheel_assets.cli.classifier import add_commands, train_and_show
from flywheel_assets.cli.page_open import add_open

if TYPE_CHECKING:
    import pyarrow as pa

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intervals import Interval
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.task import ClassifierTask


@click.group()
def conversion() -> None:
    """Predict early in a session whether it will convert: what a conversion is, and how many sessions do."""


@conversion.command()
@click.option("--outcome", metavar="NAME", default="", help="What is a conversion  [default: guessed by its name]")
def init(outcome: str) -> None:
    """Write a first conversion.toml: for events that events.toml counts, or for a feature of landed sessions."""
    from flywheel_assets.conversion.conversion_text import text_for_events, text_for_sessions
    from flywheel_assets.conversion.definition import in_sessions
    from flywheel_assets.errors import ConversionError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.warehouse.files import write_whole

    settings = Settings.read()
    if settings.conversion_file.exists():
        raise ConversionError(
            f"{settings.conversion_file} is there already, and stays as it is; delete it to begin anew"
        )
    with Flywheel.open(settings, to_write=False) as flywheel:
        if flywheel.has_events:
            mapping = flywheel.events.mapping
            text = text_for_events(in_sessions(mapping), mapping.carried, outcome)
        else:
            text = text_for_sessions(flywheel.feature_names, outcome)
    write_whole(settings.conversion_file, text.encode())
    click.echo(f"wrote {settings.conversion_file}: a definition to read and to change")
    click.echo("next: flywheel conversion check")


@conversion.command()
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last one with data]")
def check(key: str | None) -> None:
    """Show which sessions of an interval conversion.toml gives, and how many of them convert. Writes nothing."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.errors import ConversionError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.tables.verdict import share

    settings = Settings.read()
    if not settings.conversion_file.is_file():
        raise ConversionError(f"{settings.conversion_file} is missing; to write it: flywheel conversion init")
    with Flywheel.open(settings, to_write=False) as flywheel:
        definition = flywheel.conversion.definition
        interval = flywheel.interval(key) if key else _latest(flywheel)
        row = _figures(flywheel, interval)
    rows = row["sessions"] - row["too_short"] - row["converted_before"]
    later = row["conversions_later"]
    lines = [
        ("sessions", row["sessions"]),
        ("ended before the horizon", row["too_short"]),
        ("converted by then", row["converted_before"]),
        ("in the data set", rows),
        ("of these convert", later),
        ("rate", f"{share(later, rows):.2%}"),
    ]
    console = terminal()
    console.print(f"{interval.dates}: {definition.conversion}, predicted {definition.horizon}", highlight=False)
    console.print(table(("", "sessions"), lines))
    if not later or later == rows:
        console.print("nothing can be learnt from one outcome alone: choose another conversion or horizon")
    console.print("next: flywheel run", highlight=False)


@conversion.command()
@click.option("--table", "file", type=Path(path_type=FilePath), help="A labelled table of your own, parquet or CSV")
@click.option("--target", metavar="COLUMN", default="", help="Its column with the outcome")
@click.option("--columns", type=Path(path_type=FilePath), help="A TOML file with the roles of its columns")
@click.option("--horizon", metavar="TEXT", default="", help="When its columns are known, in words, for the card")
@click.option("--threshold", metavar="RULE", default="f1", help="f1, cost:5 or capacity:2000  [default: f1]")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Learn without this column; may be repeated")
@click.option("--allow", multiple=True, metavar="COLUMN", help="Accept a column that seems to know the outcome")
def train(
    file: FilePath | None,
    target: str,
    columns: FilePath | None,
    horizon: str,
    threshold: str,
    drop: tuple[str, ...],
    allow: tuple[str, ...],
) -> None:
    """Train a model of conversion, on conversion_dataset or on a labelled table of your own. Every model and treatment
    of imbalance is compared; the best becomes a candidate in conversion/candidates in the models folder."""
    import shlex
    import sys
    from dataclasses import replace

    from flywheel_assets.conversion.training_task import HORIZON_OF_TABLE, conversion_task, dataset_training
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.table_file import Roles, examples_of_file, read_roles
    from flywheel_assets.training.classifier.threshold import ThresholdRule

    if not file and (target or columns or horizon):
        raise click.UsageError("--target, --columns and --horizon say something of a table: add --table FILE")
    settings, rule = Settings.read(), ThresholdRule.parse(threshold)
    command = shlex.join(["flywheel", *sys.argv[1:]])
    with Flywheel.open(settings, to_write=False) as flywheel:
        if file:
            roles = read_roles(columns) if columns else Roles()
            examples = examples_of_file(file, replace(roles, target=target or roles.target), drop)
            task = conversion_task(settings, horizon or HORIZON_OF_TABLE, rule)
        else:
            task, examples = dataset_training(flywheel, rule)
            examples = examples.without(drop)
        train_and_show(task, examples, command, flywheel.now(), settings.threads, allow)


def _task(settings: "Settings") -> "ClassifierTask":
    from flywheel_assets.conversion.training_task import conversion_task
    from flywheel_assets.training.classifier.threshold import ThresholdRule

    return conversion_task(settings, "", ThresholdRule())


def _rows(flywheel: "Flywheel", session_id: str) -> "tuple[pa.Table, pa.Table] | None":
    from flywheel_assets.conversion.training_task import session_rows

    return session_rows(flywheel, session_id)


def _is_stale(flywheel: "Flywheel", interval: "Interval") -> bool:
    from flywheel_assets.conversion.page_file import is_stale

    return is_stale(flywheel, interval)


add_commands(conversion, _task, _rows)
add_open(conversion, "conversion", "conversion_dataset", _is_stale)


def _latest(flywheel: "Flywheel") -> "Interval":
    from flywheel_assets.errors import ConversionError

    closed = [i for i in flywheel.extent.to_run(flywheel.now()) if i.key in flywheel.extent.sessions]
    if not closed:
        raise ConversionError("no closed interval has data yet: there is nothing to check")
    return closed[-1]


def _figures(flywheel: "Flywheel", interval: "Interval") -> dict[str, int]:
    from flywheel_assets.conversion import session_horizons

    rows = flywheel.conversion.horizons(interval)
    aggregates = session_horizons.figures(rows, interval)
    return {name: int(value) for name, value in flywheel.figures(rows, aggregates).items()}
