"""The experiments that a flywheel has, and what their tables depend on."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flywheel_assets.errors import IntentError
from flywheel_assets.intent.experiments_file import Experiment, read_experiments
from flywheel_assets.tables.generation import digest

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


def experiments_of(flywheel: "Flywheel") -> Mapping[str, Experiment]:
    """Those of `experiments.toml`, by name. Raises IntentError for a file that is wrong."""
    tiers = [name for name, _ in flywheel.intent_rules.tiers]
    settings = flywheel.settings
    return read_experiments(settings.experiments_file, settings.calendar, tiers, list(flywheel.events.mapping.kinds))


def why_not(flywheel: "Flywheel") -> str:
    """What is wrong with `experiments.toml`, or with the rules of the intent score; empty where both can be used."""
    if flywheel.intent_waits or not flywheel.settings.experiments_file.is_file():
        return flywheel.intent_waits
    try:
        experiments_of(flywheel)
    except IntentError as error:
        return str(error)
    return ""


def outcome_of(flywheel: "Flywheel", experiment: Experiment) -> str:
    """The kind of event that counts as its conversion."""
    return experiment.outcome or flywheel.intent_rules.outcome


def definitions_digest(flywheel: "Flywheel", concerned: Callable[[Experiment], bool]) -> str:
    """Changes with whatever the rows of those experiments depend on, and with no other experiment; ``none`` without
    any."""
    definitions = [
        (
            one.name, one.assign.key, one.until.key, one.stated_shares, sorted(one.tiers), one.exclusive,
            sorted(one.leave_out), outcome_of(flywheel, one),
        )
        for one in experiments_of(flywheel).values()
        if concerned(one)
    ]  # fmt: skip
    return digest(repr(sorted(definitions))) if definitions else "none"
