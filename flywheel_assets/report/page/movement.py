"""The page's sections on users who move: who came, stayed and left, and from which label to which."""

from collections.abc import Sequence

from flywheel_assets.history.moves import moves_of
from flywheel_assets.report import charts, words
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.content import SANKEY_STEPS, Report
from flywheel_assets.report.page.figures import chart
from flywheel_assets.report.page.html import Html, element
from flywheel_assets.report.page.parts import absent, first_days, folded_note, lead, paragraph, section, span
from flywheel_assets.report.page.tables import folded, table, transition_square
from flywheel_assets.report.sankey import sankey
from flywheel_assets.tables.labels import ABSENT


def growth(report: Report) -> Html:
    """Who came, stayed and left, over time."""
    if gone := absent(report, "growth_accounting"):
        return section("growth", "Who came, stayed and left", gone)
    now = report.growth_now
    if now is None or not any(row["Active_Users"] for row in report.growth):
        return section("growth", "Who came, stayed and left", lead("There are no users to account for."))
    days = first_days(report)
    sentence = words.growth_sentence(now)
    totals = [row for row in report.growth if row["Label"] is None]
    columns = ("Interval", "Active", "Stayed", "Came back", "New", "Left", "Retention", "Quick ratio")
    counts = ("Active_Users", "Retained_Users", "Resurrected_Users", "New_Users", "Churned_Users")
    rows = [
        [span(row), *(n.count(row[c]) for c in counts), n.percent(row["Retention"]), n.ratio(row["Quick_Ratio"])]
        for row in reversed(totals)
    ]
    by_label = [row for row in report.growth if row["Label"] is not None and row["Interval"] == now["Interval"]]
    label_rows = [
        [row["Label"], *(n.count(row[c]) for c in counts), n.percent(row["Retention"]), n.ratio(row["Quick_Ratio"])]
        for row in sorted(by_label, key=lambda row: -row["Label_Order"])
    ]
    everybody = [row["Interval"] for row in totals if row["Active_Users"] and row["Active_Users"] == row["New_Users"]]
    first = "In the first interval with data everybody is new." if everybody else None
    return section(
        "growth",
        "Who came, stayed and left",
        lead(sentence),
        chart(
            "growth-chart",
            "Users by how they came, and users who left",
            sentence,
            charts.growth(report.growth, days, False),
            charts.growth(report.growth, days, True),
            first,
            table("Growth accounting by interval, newest first", columns, rows),
        ),
        folded("The same by label, in this interval", table("Growth by label", ("Label", *columns[1:]), label_rows)),
    )


def paths(report: Report) -> Html:
    """Which way users went over the last intervals, and the transitions of this one with their sums."""
    title = "Where users went"
    if gone := absent(report, "label_transitions"):
        return section("paths", title, gone)
    moves = moves_of(report.moves(report.interval.number))
    if not moves:
        return section("paths", title, lead("Nobody was there in this interval or before: no user moved."))
    if report.previous is None:
        return section("paths", title, lead("This is the first interval with data: everybody in it is seen first."))
    days = first_days(report)
    numbers = [x for x in days if x - 1 in days][-SANKEY_STEPS:]
    headings = [n.short_day(days[x]) for x in (numbers[0] - 1, *numbers)]
    folding = report.user_folding
    square: dict[tuple[str, str], int] = {}
    for (origin, target), users in moves.items():
        pair = folding(origin), folding(target)
        square[pair] = square.get(pair, 0) + users
    sentence = words.moves_sentence(report)
    short = numbers[-2:]
    return section(
        "paths",
        title,
        lead(sentence),
        chart(
            "paths-chart",
            "Users by label, from interval to interval",
            sentence,
            sankey([report.moves(x) for x in numbers], folding, headings, False),
            sankey([report.moves(x) for x in short], folding, headings[-len(short) - 1 :], True),
            "A band is as thick as the users who took it, in the colour of the label they come from. "
            f"{ABSENT} is who was not seen: those who come from it are new or came back.",
            _moves_table(report, numbers),
        ),
        element("h3", "From which label to which"),
        transition_square(
            "Users by label before (rows) and now (columns), with sums and the share of the row",
            folding.names,
            square,
            headings[-2],
            headings[-1],
        ),
        paragraph(folded_note(folding.folded) or "", "note") if folding.folded else None,
    )


def _moves_table(report: Report, numbers: Sequence[int]) -> Html:
    """A row a move, the most frequent first, and a column an interval that it led into, newest first."""
    newest = list(reversed(numbers))
    users = {x: moves_of(report.moves(x)) for x in newest}
    found = {pair for moves in users.values() for pair in moves}
    pairs = {pair: sum(moves.get(pair, 0) for moves in users.values()) for pair in sorted(found)}
    days = first_days(report)
    rows = [
        [origin, target, *(n.count(users[x].get((origin, target), 0)) for x in newest)]
        for origin, target in sorted(pairs, key=lambda pair: -pairs[pair])
    ]
    into = [f"Into {n.short_day(days[x])}" for x in newest]
    return table("Users by move, the most frequent first", ("From", "To", *into), rows, 2)
