"""`flywheel experiment`: what an experiment needs, and what came of it. Imports stand inside, as in `cli`."""

from math import isfinite
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


class Finite(click.FloatRange):
    """A range without nan, which compares as inside of any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


SHARE = Finite(1e-6, 1, max_open=True)


@click.group()
def experiment() -> None:
    """Plan the experiments of experiments.toml, and read them out."""


@experiment.command()
@click.option("--rate", type=SHARE, help="Share of users who convert per interval  [default: that of the last one]")
@click.option("--lift", type=Finite(0.001), help="Effect to show, as a part of the rate: 0.2.")
@click.option("--arms", type=click.IntRange(2), default=2, show_default=True, help="With the control.")
@click.option("--power", type=SHARE, default=0.8, show_default=True, help="Probability that the effect is shown.")
@click.option(
    "--users",
    type=click.IntRange(2),
    help="Users who can be assigned  [default: those of the last scores]",
)
def plan(rate: float | None, lift: float | None, arms: int, power: float, users: int | None) -> None:
    """Say how many users or intervals it takes to show a lift, and which lift the present users show."""
    from flywheel_assets.errors import IntentError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.experiment_plan import Plan
    from flywheel_assets.settings import Settings

    with Flywheel.open(Settings.read(), to_write=False) as flywheel:
        rate = rate or _last_rate(flywheel)
        users = users or _candidates_of_last(flywheel)
    if rate is None:
        raise IntentError("no outcomes with a conversion are known yet; give the rate, as in --rate 0.05")
    if lift is not None and rate * (1 + lift) >= 1:
        raise IntentError(f"a lift of {lift:g} makes {rate:g} become {rate * (1 + lift):g}; expected a rate below 1")
    if lift is None and users is None:
        raise IntentError("nobody is scored yet; give --lift, as in --lift 0.2, or --users")
    if users is not None and users < arms:
        raise IntentError(f"{users} users cannot fill {arms} arms; expected at least one user per arm")
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
    from flywheel_assets.intent.experiment_enrollment import late, refusals
    from flywheel_assets.intent.experiment_sentences import headline, rate_lines, sentences
    from flywheel_assets.settings import Settings

    settings, console = Settings.read(), terminal()
    with Flywheel.open(settings, to_write=False) as flywheel:
        if not settings.experiments_file.is_file():
            click.echo(f"there is no {settings.experiments_file}; docs/experiments.md says how to define an experiment")
            return
        experiments = flywheel.intent.experiments
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
            for notice in (refusals(flywheel, one.assign).get(one.name), late(flywheel, one.assign).get(one.name)):
                if notice:
                    console.print(Text(notice), style="yellow", soft_wrap=True)
            for sentence in sentences(rows):
                console.print(Text(sentence), soft_wrap=True)
            columns = ("measure", "arm", "users", "counted", "rate", "95% interval", "less control", "95% interval")
            console.print(table(columns, rate_lines(rows, bool(name))))


def _last_rate(flywheel: "Flywheel") -> float | None:
    """The share of users who converted, by the last outcomes that there are; None without a conversion."""
    for key in reversed(flywheel.warehouse.keys("intent_outcomes")):
        rows = flywheel.warehouse.read("intent_outcomes", flywheel.calendar.key(key))
        counts = flywheel.figures(rows, {"users": rows.count(), "converted": rows.converted.sum().coalesce(0)})
        if counts["converted"]:
            return float(counts["converted"] / counts["users"])
    return None


def _candidates_of_last(flywheel: "Flywheel") -> int | None:
    """How many of the users with the last scores can be assigned; None without two."""
    from flywheel_assets.intent.experiment_enrollment import candidates_of

    for key in reversed(flywheel.warehouse.keys("intent_scores")):
        if flywheel.warehouse.rows("intent_scores", flywheel.calendar.key(key)):
            users = candidates_of(flywheel, flywheel.calendar.key(key))
            count = int(flywheel.figures(users, {"users": users.count()})["users"])
            return count if count > 1 else None
    return None
