"""The experiments that a flywheel has, and what their tables depend on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.tables.generation import digest

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


def outcome_of(flywheel: "Flywheel", experiment: Experiment) -> str:
    """The kind of event that counts as its conversion."""
    return experiment.outcome or flywheel.intent.rules.outcome


def definitions_digest(flywheel: "Flywheel", concerned: Callable[[Experiment], bool]) -> str:
    """Changes with whatever the rows of those experiments depend on, and with no other experiment; ``none`` without
    any."""
    definitions = [
        (
            one.name, one.assign.key, one.until.key, one.stated_shares, sorted(one.tiers), one.exclusive,
            sorted(one.leave_out), outcome_of(flywheel, one),
        )
        for one in flywheel.intent.experiments.values()
        if concerned(one)
    ]  # fmt: skip
    return digest(repr(sorted(definitions))) if definitions else "none"
