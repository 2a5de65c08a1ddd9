"""`flywheel experiment`: what an experiment needs, and what came of it. Imports stand inside, as in `cli`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.group()
def experiment() -> None:
    """Plan the experiments of experiments.toml, and read them out."""


@experiment.command()
@click.option("--rate", type=SHARE, help="Share of users who convert per interval  [default: that of the last one]")
@click.option("--lift", type=click.FloatRange(0, min_open=True), help="Effect to show, as a part of the rate: 0.2.")
@click.option("--arms", type=click.IntRange(2), default=2, show_default=True, help="With the control.")
@click.option("--power", type=SHARE, default=0.8, show_default=True, help="Probability that the effect is shown.")
@click.option("--users", type=click.IntRange(2), help="Users who can be assigned  [default: those scored last]")
def plan(rate: float | None, lift: float | None, arms: int, power: float, users: int | None) -> None:
    """Say how many users or intervals it takes to show a lift, and which lift the present users show."""
    from flywheel_assets.errors import IntentError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.experiment_plan import Plan
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read(), to_write=False) as flywheel:
        rate = rate or _last_rate(flywheel)
        users = users or _users_scored_last(flywheel)
    if rate is None:
        raise IntentError("no outcomes with a conversion are known yet; give the rate, as in --rate 0.05")
    if lift is not None and rate * (1 + lift) >= 1:
        raise IntentError(f"a lift of {lift:g} makes {rate:g} become {rate * (1 + lift):g}; expected a rate below 1")
    if lift is None and users is None:
        raise IntentError("nobody is scored yet; give --lift, as in --lift 0.2, or --users")
    click.echo("\n".join(Plan(rate, arms, power).sentences(lift, users)))


@experiment.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Show the last readout of every experiment: conversion, labels, verdict. With a NAME, moves of labels too."""
    from rich.text import Text

    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.errors import IntentError, nearest
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.experiment_cohorts import last_readout, status
    from flywheel_assets.intent.experiment_sentences import headline, rate_lines, sentences
    from flywheel_assets.intent.experiments import experiments_of
    from flywheel_assets.settings import Settings

    settings, console = Settings.read(), terminal()
    with Flywheel.open(settings, to_write=False) as flywheel:
        if not settings.experiments_file.is_file():
            click.echo(f"there is no {settings.experiments_file}; docs/experiments.md says how to define an experiment")
            return
        experiments = experiments_of(flywheel)
        if name and name not in experiments:
            defined = ", ".join(experiments) or "none"
            raise IntentError(
                f"{settings.experiments_file} defines no experiment {name!r}{nearest(name, list(experiments))}; "
                f"it defines {defined}"
            )
        for one in [experiments[name]] if name else experiments.values():
            rows = last_readout(flywheel, one)
            if not rows:
                console.print(Text(f"{one.name}: {status(flywheel, one)}"))
                continue
            console.print(Text(headline(rows), style="bold"))
            for sentence in sentences(rows):
                console.print(Text(sentence), soft_wrap=True)
            columns = ("measure", "arm", "users", "counted", "rate", "95% interval", "less control", "95% interval")
            console.print(table(columns, rate_lines(rows, bool(name))))


def _last_rate(flywheel: "Flywheel") -> float | None:
    """The share of users who converted, by the last outcomes that there are; None without a conversion."""
    for key in reversed(flywheel.warehouse.keys("intent_outcomes")):
        rows = flywheel.warehouse.read("intent_outcomes", flywheel.calendar.key(key))
        found = flywheel.figures(rows, {"users": rows.count(), "converted": rows.converted.sum().coalesce(0)})
        if found["converted"]:
            return float(found["converted"] / found["users"])
    return None


def _users_scored_last(flywheel: "Flywheel") -> int | None:
    """How many users the last scores have; None without any."""
    counts = (
        flywheel.warehouse.rows("intent_scores", flywheel.calendar.key(key))
        for key in reversed(flywheel.warehouse.keys("intent_scores"))
    )
    return next((users for users in counts if users and users > 1), None)
