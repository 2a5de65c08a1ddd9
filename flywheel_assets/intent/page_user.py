"""A user's view on the page: the points that the score is the sum of, and the events behind it."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from flywheel_assets.intent.evidence import ago
from flywheel_assets.intent.page_content import Content, Row, Rows
from flywheel_assets.intent.page_ranking import label_of, view_of
from flywheel_assets.intent.rules import CLAMP
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Heading, Table, Text, Track, View, strip


def views(content: Content) -> list[View]:
    """A view per ranked user."""
    return [_view(content, place) for place in range(len(content.ranked))]


def _view(content: Content, place: int) -> View:
    row = content.ranked[place]
    links = [("Back to the ranking", "#ranking")]
    if place:
        links.append(("Previous user", f"#{view_of(content.ranked[place - 1])}"))
    if place + 1 < len(content.ranked):
        links.append(("Next user", f"#{view_of(content.ranked[place + 1])}"))
    explanations = content.explanations.get(row["user_id"], ())
    return View(
        view_of(row),
        row["user_id"],
        links,
        [
            Text(_facts(content, row)),
            Text(_next_step(row)),
            waterfall(content, explanations),
            *(Text(sentence, "note") for sentence in _limits(content, explanations)),
            *_days(content, content.days.get(row["user_id"], ())),
        ],
    )


def _facts(content: Content, row: Row) -> str:
    score = f"Score {row['score']:.2f}, {row['tier']}: rank {n.count(row['rank'])} of {n.count(content.users)}."
    chance = content.chance(row)
    if chance is not None:
        score += f" Probability of a conversion in the next interval: {n.percent(chance)}."
    seen = (
        f"Last event {ago(row['days_since_event'])}, active on {row['active_days']} of {content.look_back_days} days."
    )
    known = [f"{n.words(trait)}: {row[trait]}." for trait in content.traits if row[trait]]
    known += [f"Label: {label_of(content, row)}."] if content.labels is not None else []
    return " ".join([score, seen, *known])


def _next_step(row: Row) -> str:
    if not row["next_step"]:
        return "Nothing that the rules count would raise the score."
    what, _, points = row["next_step"].rpartition(": ")
    return f"What would raise it most: {what}, which would give {points} points."


def waterfall(content: Content, explanations: Rows) -> Table:
    """The points of each rule as steps from 0 to the score, the largest first; the last line is their sum."""
    rules = [one for one in explanations if one["rule"] != CLAMP]
    steps = sorted(rules, key=lambda one: -one["points"]) + [one for one in explanations if one["rule"] == CLAMP]
    ends, total = [Decimal(0)], Decimal(0)
    for step in steps:
        total += step["points"]
        ends.append(total)
    low, high = min(ends), max(*ends, Decimal(str(content.rules.ceiling)))

    def track(start: Decimal, end: Decimal, colour: str) -> Track:
        left, right = sorted((float((start - low) / (high - low)), float((end - low) / (high - low))))
        return Track(left, right, colour=colour, wide=True)

    lines: list[list[str | Cell]] = [
        [
            Cell(_evidence(step), small=_of_rule(step)),
            _signed(step["points"]),
            Cell("", track=track(start, end, "" if end >= start else "--warn")),
        ]
        for step, start, end in zip(steps, ends, ends[1:], strict=False)
    ]
    lines.append(["Score", f"{total:.2f}", Cell("", track=track(Decimal(0), total, "--ink"))])
    scale = f"From {float(low):g} to {float(high):g}"
    return Table("What the score is the sum of", ("What the user did", "Points", scale), lines, look="waterfall")


def _evidence(step: Row) -> str:
    """A reason without its points, which have a column of their own."""
    if step["rule"] == CLAMP:
        return n.words(step["reason"])
    return n.words(step["reason"].rpartition(": ")[0])


def _of_rule(step: Row) -> str:
    return "" if step["rule"] == CLAMP else f"rule {step['rule']}, group {step['rule_group']}"


def _limits(content: Content, explanations: Rows) -> Iterable[str]:
    """Per group whose rules would give more than they may, a sentence."""
    for group in content.rules.groups:
        of_group = [one["points"] for one in explanations if one["rule_group"] == group.name]
        total = sum(of_group, Decimal(0))
        bound = {Decimal(str(limit)) for limit in (group.cap, group.floor) if limit}
        if len(of_group) > 1 and total in bound:
            most = f"{'gives' if total > 0 else 'takes'} {abs(float(total)):g} points at most"
            yield f"The group {group.name} {most}. This user has reached that: its rules share them."


def _days(content: Content, rows: Rows) -> Blocks:
    """The days of the look-back, as a picture and as a table."""
    first, last = content.first_day, content.interval.last_day
    pictures: list[list[str | Cell]] = []
    listed: list[list[str | Cell]] = []
    for kind in content.kinds:
        counts = {row["day"]: row[kind] for row in rows if row[kind]}
        if counts:
            picture = strip({(day - first).days: count for day, count in counts.items()}, content.look_back_days)
            pictures.append([n.words(kind), Cell("", strip=picture), n.count(sum(counts.values()))])
            listed.append([n.words(kind), days_in_words(counts)])
    heading = Heading(f"The last {content.look_back_days} days")
    if not pictures:
        return [heading, Text("The user has events, and none of a kind that is counted.")]
    columns = ("Kind", f"{n.short_day(first)} to {n.short_day(last)}", "Events")
    return [
        heading,
        Table("A bar per day, as high as the day's events", columns, pictures, look="strips"),
        Table(
            "Days, the latest first, with the number of events where it is more than one",
            ("Kind", "Days"),
            listed,
            texts=2,
            folded="The same days in words",
        ),
    ]


def days_in_words(counts: Mapping[date, int]) -> str:
    """``Nov 15 (31), 13; Oct 31 (20)``."""
    months: dict[str, list[str]] = {}
    for day, count in sorted(counts.items(), reverse=True):
        months.setdefault(f"{day:%b}", []).append(f"{day.day} ({n.count(count)})" if count > 1 else str(day.day))
    return "; ".join(f"{month} {', '.join(days)}" for month, days in months.items())


def _signed(points: Decimal) -> str:
    return n.signed_ratio(float(points))
