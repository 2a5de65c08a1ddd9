"""The page's section on what scores consist of: tiers, rules and groups, each with its reason."""

from collections.abc import Sequence

from flywheel_assets.intent.evidence import noun
from flywheel_assets.intent.page_content import Content
from flywheel_assets.intent.ranking import RuleShare
from flywheel_assets.intent.rules import SINCE, Rule
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Table, Text, Track


def composition(content: Content) -> Blocks:
    """Tiers, rules and groups as tables."""
    rules = content.rules
    return [
        Text(
            f"A score is the sum of the points that rules give, held between {rules.floor:g} and {rules.ceiling:g}. "
            "Points that halve do so with the days since the last event of the kind. The rules are in a file that you "
            "can edit; flywheel intent check shows what a change would do."
        ),
        _tiers(content),
        _rules(content),
        _groups(content),
    ]


def curve_in_words(rule: Rule, kinds: Sequence[str]) -> str:
    """What a rule gives for how much: ``up to 30 points, half of them at 3 pricing visits``."""
    if rule.values:
        return ", ".join(f"{value} {n.signed_ratio(points)}" for value, points in rule.values.items()) + "; others 0"
    size = f"{'takes ' if rule.points < 0 else ''}up to {abs(rule.points):g} points"
    half = f"half of them at {_amount(rule.feature, rule.half_at, kinds)}"
    parts = [f"{size}, all at 0 and {half}" if rule.falls else f"{size}, {half}"]
    parts += [f"nothing below {rule.floor:g}"] if rule.floor is not None else []
    parts += [f"no more from {rule.ceiling:g} on"] if rule.ceiling is not None else []
    parts += (
        ["halves every " + ("day" if rule.half_life_days == 1 else f"{rule.half_life_days:g} days")]
        if rule.half_life_days
        else []
    )
    return "; ".join(parts)


def _amount(feature: str, value: float, kinds: Sequence[str]) -> str:
    """``3 pricing visits``, ``7 days since the last event``."""
    if feature in kinds:
        return f"{value:g} {noun(feature, value)}"
    if feature.startswith(SINCE):
        return f"{value:g} {'day' if value == 1 else 'days'} since the last {noun(feature.removeprefix(SINCE), 1)}"
    return f"{value:g} {feature.replace('_', ' ')}"


def _tiers(content: Content) -> Table:
    tiers = content.rules.tiers
    judged = bool(content.tiers_before)
    rows: list[list[str | Cell]] = []
    upper = content.rules.ceiling
    for place, (name, least) in enumerate(tiers):
        users = content.tiers.get(name, 0)
        share = users / content.users if content.users else 0.0
        bounds = f"{least:g} to {upper:g}" if not place else f"{least:g} to under {upper:g}"
        row: list[str | Cell] = [name, bounds, n.count(users), Cell(n.percent(share), track=Track(0, share))]
        if judged:
            before, converted = content.tiers_before.get(name, (0, 0))
            rate = f" ({n.percent(converted / before)})" if before else ""
            row += [n.count(before), f"{n.count(converted)}{rate}"]
        rows.append(row)
        upper = least
    columns = ["Tier", "Score", "Users", "Share"]
    columns += ["Users one interval ago", "Of these, converted since"] if judged else []
    return Table("Tiers", columns, rows, texts=2)


def _rules(content: Content) -> Table:
    shares = {one.rule: one for one in content.shares}
    nobody = {rule.name: RuleShare(rule.name, rule.group, 0, 0.0, 0.0) for rule in content.rules.rules}
    largest = max((one.share for one in content.shares), default=1.0)
    rows: list[list[str | Cell]] = []
    for rule in sorted(content.rules.rules, key=lambda rule: -(nobody | shares)[rule.name].share):
        one = (nobody | shares)[rule.name]
        rows.append(
            [
                n.words(rule.name),
                Cell("", lines=[n.words(curve_in_words(rule, content.kinds)), rule.reason]),
                Cell(n.percent(one.share), track=Track(0, one.share / largest)),
                n.signed_ratio(one.mean_points) if one.users else n.NOTHING,
                n.count(one.users),
            ]
        )
    columns = ("Rule", "Curve, and the reason for it", "Share of all points", "Points each", "Users with points")
    return Table("Rules, the one that gives or takes most first", columns, rows, texts=2, look="rules")


def _groups(content: Content) -> Table:
    rows: list[list[str | Cell]] = [
        [
            n.words(group.name),
            group.reason,
            ", ".join(n.words(content.rules.rules[i].name).lower() for i in content.rules.of_group(group.name))
            or n.NOTHING,
            f"{n.compact(group.floor)} to {n.compact(group.cap)}",
        ]
        for group in content.rules.groups
    ]
    return Table(
        "Groups: what their rules give together", ("Group", "Reason", "Rules", "Points"), rows, texts=3, look="rules"
    )
