"""Experiments that tests of several modules look at."""

from collections.abc import Mapping
from fractions import Fraction

from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets_tests.frames import CALENDAR

HALVES = {"control": Fraction(1, 2), "email": Fraction(1, 2)}


def experiment(
    name: str = "pricing",
    shares: Mapping[str, Fraction] = HALVES,
    looks: int = 3,
    tiers: tuple[str, ...] = (),
    leave_out: tuple[str, ...] = (),
) -> Experiment:
    """One that assigns users in the second interval."""
    assign, until = CALENDAR.number(2), CALENDAR.number(2 + looks)
    return Experiment(name, assign, until, shares, tiers, "", leave_out, "", "experiments.toml, line 1")
