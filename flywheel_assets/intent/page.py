"""The page of intent: who is about to act and why, how sure that is, what scores consist of, and experiments."""

from flywheel_assets.intent.page_calibration import NO_OUTCOMES, calibration
from flywheel_assets.intent.page_content import Content
from flywheel_assets.intent.page_experiments import experiments
from flywheel_assets.intent.page_ranking import ranking
from flywheel_assets.intent.page_rules import composition
from flywheel_assets.intent.page_user import views
from flywheel_assets.report import numbers as n
from flywheel_assets.report import page as shell
from flywheel_assets.report.blocks import Headline, Section


def intent_page(content: Content) -> str:
    """The page of an interval, which needs no other file."""
    sure = calibration(
        content.performance,
        content.calibration,
        content.probability,
        content.disagreements,
        content.rules.outcome,
        _latest(content),
    )
    return shell.html(
        shell.Page(
            title=f"Intent, {n.days(content.interval)}",
            kicker=f"Flywheel · intent · interval {content.interval.number}",
            heading=f"Intent, {n.days(content.interval)}",
            standfirst=_standfirst(content),
            links=content.links,
            warning="" if content.closed else "This interval is still open: its numbers will change.",
            headlines=[_tier(content, place) for place in range(len(content.rules.tiers))],
            sections=[
                Section("ranking", "Ranking", "Whom to contact first", ranking(content)),
                Section("calibration", "How sure", "How sure is this?", sure),
                Section("rules", "Score", "What does a score consist of?", composition(content)),
                Section("experiments", "Experiments", "Do experiments work?", experiments(content.readout)),
            ],
            views=views(content),
            footer="Made from the events of users in the "
            f"{content.look_back_days} days to {content.interval.last_day}, by the rules of intent. This page makes no "
            "network requests.",
            generation=content.generation,
        )
    )


def look() -> str:
    """A digest of all code and templates behind the page: one made with another is stale."""
    return shell.look(__package__)


def _standfirst(content: Content) -> str:
    if not content.users:
        return f"Nobody did anything in the {content.look_back_days} days to {n.day(content.interval.last_day)}."
    name, least = content.rules.tiers[0]
    high = content.tiers.get(name, 0)
    first = f"The tier {name}, from a score of {least:g} on, has {n.count(high)} of {n.plural(content.users, 'user')}."
    return f"{first} {_latest(content) or NO_OUTCOMES}"


def _latest(content: Content) -> str:
    """What became of the users of the first tier at the end of the previous interval; empty without outcomes."""
    name = content.rules.tiers[0][0]
    before, converted = content.tiers_before.get(name, (0, 0))
    if not before:
        return ""
    users, conversions = (sum(counts) for counts in zip(*content.tiers_before.values(), strict=True))
    return (
        f"Of {n.plural(before, 'user')} in {name} one interval ago, {n.percent(converted / before)} converted in this "
        f"one; of all {n.plural(users, 'user')}, {n.percent(conversions / users)}."
    )


def _tier(content: Content, place: int) -> Headline:
    name, least = content.rules.tiers[place]
    users = content.tiers.get(name, 0)
    share = f"{n.percent(users / content.users)} of users" if content.users else "no users"
    before, converted = content.tiers_before.get(name, (0, 0))
    meaning = f"Of those in it one interval ago, {n.percent(converted / before)} converted." if before else ""
    return Headline(f"{name}, from {least:g}", n.count(users), share, meaning, ())
