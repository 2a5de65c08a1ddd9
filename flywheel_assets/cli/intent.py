"""`flywheel intent`: the rules of the score, the ranking and its reasons. Imports stand inside, as in `main`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_assets.cli.intent_model import compare, promote, rollback, suggest, train
from flywheel_assets.cli.intent_open import open_page

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.rules import IntentRules, Rule
    from flywheel_assets.intervals import Interval

BLOCKS = "▁▂▃▄▅▆▇█"


@click.group()
def intent() -> None:
    """Score users by what they intend, from 1 to 100: the rules, the ranking, and the reasons."""


for _command in (open_page, suggest, train, compare, promote, rollback):
    intent.add_command(_command)


@intent.command()
@click.option("--outcome", metavar="KIND", help="The kind that is a conversion  [default: guessed by its name]")
def init(outcome: str | None) -> None:
    """Write first rules, in intent_rules.toml, for the kinds of events that events.toml names."""
    from flywheel_assets.errors import IntentError
    from flywheel_assets.intent.rules_text import rules_text
    from flywheel_assets.settings import Settings
    from flywheel_assets.warehouse.files import write_whole

    settings = Settings.read()
    if settings.intent_file.exists():
        raise IntentError(f"{settings.intent_file} is there already, and stays as it is; delete it to begin anew")
    with opened() as flywheel:
        text = rules_text(list(flywheel.events.mapping.kinds), outcome)
    write_whole(settings.intent_file, text.encode())
    click.echo(f"wrote {settings.intent_file}: rules to read and to change")
    click.echo("next: flywheel intent check")


@intent.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def check(file: Path | None) -> None:
    """Show the curve of each rule in FILE, by default intent_rules.toml, and how many users would change tier. Writes
    nothing."""
    from flywheel_assets.cli.console import terminal
    from flywheel_assets.intent.rules_file import read_rules
    from flywheel_assets.intent.user_features import numeric_features

    console = terminal()
    with opened() as flywheel:
        mapping = flywheel.events.mapping
        kinds = list(mapping.kinds)
        path = file or flywheel.settings.intent_file
        rules = read_rules(path, kinds, numeric_features(kinds), list(mapping.carried))
        console.print(rule_lines(rules))
        for line in group_lines(rules):
            console.print(line, highlight=False)
        keys = flywheel.warehouse.keys("intent_scores")
        if not keys:
            console.print("no scores yet, so nobody would change tier. next: flywheel run", highlight=False)
            return
        console.print()
        console.print(moves_report(flywheel, flywheel.interval(keys[-1]), rules))
    if file and file.resolve() != flywheel.settings.intent_file.resolve():
        console.print(f"{flywheel.settings.intent_file} stays in use: to use {file}, copy it there", soft_wrap=True)
        return
    console.print("next: flywheel run, which makes the scores by these rules", highlight=False)


@intent.command()
@click.option("--n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many users to contact.")
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last with scores]")
def rank(count: int, key: str | None) -> None:
    """Show the users with the highest scores, and what contacting so many may bring."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.intent.ranking import first_users, scored_interval

    console = terminal()
    with opened() as flywheel:
        interval = scored_interval(flywheel, key)
        rows = first_users(flywheel, interval, count)
        lines = [(row["rank"], row["user_id"], f"{row['score']}", row["tier"], _reasons(row)) for row in rows]
        title = f"Users with the highest intent, {interval.dates}"
        console.print(table(("rank", "user", "score", "tier", "why"), lines, title))
        _say_other_rules(flywheel, interval)
        for line in capacity_lines(flywheel, interval, rows):
            console.print(line, highlight=False, soft_wrap=True)
    console.print("next: flywheel intent explain --user USER | flywheel intent open", highlight=False)


@intent.command()
@click.option("--user", "user_id", metavar="ID", help="A user  [default: what each rule gives over all users]")
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last with scores]")
def explain(user_id: str | None, key: str | None) -> None:
    """Show where a user's score comes from, point by point; without a user, what each rule gives over all."""
    from flywheel_assets.cli.console import terminal
    from flywheel_assets.intent.ranking import explained, rule_shares, scored_interval

    console = terminal()
    with opened() as flywheel:
        interval = scored_interval(flywheel, key)
        if user_id is None:
            console.print(shares_report(rule_shares(flywheel, interval), interval))
        else:
            console.print(explanation_report(explained(flywheel, interval, user_id), interval))
        _say_other_rules(flywheel, interval)


def opened() -> Any:
    """The flywheel of this folder, to read. Raises EventsError without events.toml."""
    from flywheel_assets.errors import EventsError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    if not settings.events_file.is_file():
        raise EventsError(
            f"intent is scored from events, and {settings.events_file} is missing: flywheel events init EVENTS"
        )
    return Flywheel.open(settings, to_write=False)


def rule_lines(rules: "IntentRules") -> "RenderableType":
    """Each rule with its curve."""
    from flywheel_assets.cli.console import table

    lines = [
        (rule.name, rule.group, rule.feature, f"{rule.most:g}", _curve(rule), _decay(rule)) for rule in rules.rules
    ]
    return table(("rule", "group", "feature", "most points", "curve", "decay"), lines, "Rules")


def group_lines(rules: "IntentRules") -> Iterator[str]:
    """What groups limit, and whether the caps let a score reach its ceiling."""
    total = 0.0
    for group in rules.groups:
        most = sum(max(rules.rules[i].most, 0) for i in rules.of_group(group.name))
        total += min(most, group.cap)
        held = f", held to {group.cap:g}" if most > group.cap else ""
        taken = f"; takes away {-group.floor:g} at most" if group.floor else ""
        yield f"{group.name}: {most:g} points by its rules{held}{taken}"
    tiers = ", ".join(f"{name} from {least:g}" for name, least in rules.tiers)
    yield f"at most {total:g} points in all, scores from {rules.floor:g} to {rules.ceiling:g}; {tiers}"


def moves_report(flywheel: "Flywheel", interval: "Interval", rules: "IntentRules") -> "RenderableType":
    """How many users would change tier."""
    from rich.text import Text

    from flywheel_assets.cli.console import table
    from flywheel_assets.intent.ranking import tier_moves

    moves = tier_moves(flywheel, interval, rules)
    names = list(dict.fromkeys([*(name for name, _ in rules.tiers), *(old for old, _ in moves)]))
    changed = sum(count for (old, new), count in moves.items() if old != new)
    if not changed:
        return Text(f"None of {sum(moves.values()):,} users of {interval.dates} would change tier.")
    lines = [
        (old, *(moves.get((old, new), 0) for new, _ in rules.tiers)) for old in names if any(o == old for o, _ in moves)
    ]
    title = f"{changed:,} of {sum(moves.values()):,} users of {interval.dates} would change tier"
    return table(("tier now", *(f"then {name}" for name, _ in rules.tiers)), lines, title)


def capacity_lines(flywheel: "Flywheel", interval: "Interval", rows: list[dict[str, Any]]) -> Iterator[str]:
    """What contacting these users may bring, once outcomes are known."""
    from flywheel_assets.intent.capacity import capacity

    found = capacity(flywheel, interval, rows)
    yield from found.sentences if found else ["no user has an event in the look-back"]


def shares_report(shares: Any, interval: "Interval") -> "RenderableType":
    """What each rule gives over all users."""
    from flywheel_assets.cli.console import table

    lines = [(one.rule, one.group, one.users, round(one.mean_points, 2), f"{one.share:.1%}") for one in shares]
    columns = ("rule", "group", "users with points", "points each", "share of all points")
    return table(columns, lines, f"What scores are made of, {interval.dates}")


def explanation_report(found: Any, interval: "Interval") -> "RenderableType":
    """The points of a user, which add up to the score."""
    from rich.console import Group
    from rich.text import Text

    from flywheel_assets.cli.console import table

    scores = found.scores
    lines = [(row["rule"], row["rule_group"] or "", _evidence(row), f"{row['points']:+}") for row in found.points]
    lines.append(("score", "", "", f"{scores['score']}"))
    heading = f"{scores['user_id']}, {interval.dates}: score {scores['score']}, tier {scores['tier']}"
    step = f"What would raise it most: {scores['next_step']}" if scores["next_step"] else "Nothing would raise it."
    columns = ("rule", "group", "evidence", "points")
    return Group(
        Text(heading, style="bold"),
        Text(),
        table(columns, lines, "Points, which add up to the score"),
        Text(),
        Text(step),
    )


def _say_other_rules(flywheel: "Flywheel", interval: "Interval") -> None:
    from flywheel_assets.cli.console import terminal
    from flywheel_assets.intent.ranking import made_by_other_rules

    sentence = made_by_other_rules(flywheel, interval)
    if sentence:
        terminal().print(sentence, highlight=False, soft_wrap=True, markup=False)


def _reasons(row: dict[str, Any]) -> str:
    return "; ".join(row[name] for name in ("reason_1", "reason_2", "reason_3") if row[name])


def _evidence(row: dict[str, Any]) -> str:
    """A reason without its points."""
    return row["reason"].rpartition(":")[0] or row["reason"]


def _curve(rule: "Rule") -> str:
    """A rule's curve as blocks and in numbers."""
    from flywheel_assets.intent.ranking import curve_points

    if rule.values:
        return ", ".join(f"{value} {points:+g}" for value, points in rule.values.items())
    found = curve_points(rule)
    most = max(abs(points) for _, points in found) or 1.0
    drawn = "".join(BLOCKS[round(abs(points) / most * (len(BLOCKS) - 1))] for _, points in found)
    return f"{drawn}  " + ", ".join(f"{value:g}: {points + 0:.3g}" for value, points in found[1:])


def _decay(rule: "Rule") -> str:
    days = rule.half_life_days
    return f"half after {days:g} {'day' if days == 1 else 'days'}" if days else ""
