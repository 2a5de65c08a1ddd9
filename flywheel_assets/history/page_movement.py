"""The page's sections on users who move: who came, stayed and left, and from which label to which."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.history import page_charts as charts
from flywheel_assets.history import sentences
from flywheel_assets.history.page_labels import NUMBERS
from flywheel_assets.history.page_parts import folded_note, not_available, span
from flywheel_assets.history.report_content import SANKEY_STEPS, Report
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Chart, Heading, Table, Text, square
from flywheel_assets.report.sankey import sankey
from flywheel_assets.tables.labels import ABSENT

COUNTS = ("Active_Users", "Retained_Users", "Resurrected_Users", "New_Users", "Churned_Users")
FIRST_NOTE = "In the first interval with data, every user is new."
COLUMNS = ("Active", "Stayed", "Came back", "New", "Left", "Retention", "Quick ratio")


def growth(report: Report) -> Blocks:
    """Who came, stayed and left, over time."""
    if gone := not_available(report, "growth_accounting"):
        return [gone]
    now = report.growth_now
    if now is None or not any(row["Active_Users"] for row in report.growth):
        return [Text("There are no users to account for.")]
    sentence = sentences.growth_sentence(report, now)
    totals = [row for row in report.growth if row["Label"] is None]
    labels = [row for row in report.growth if row["Label"] is not None and row["Interval"] == now["Interval"]]
    all_new = any(row["Active_Users"] and row["Active_Users"] == row["New_Users"] for row in totals)
    by_label = [_counts(row["Label"], row) for row in sorted(labels, key=lambda row: -row["Label_Order"])]
    return [
        Text(sentence),
        Chart(
            "growth-chart",
            "Users by how they came, and users who left",
            sentence,
            charts.growth(report.growth, report.days, False, report.incomplete),
            charts.growth(report.growth, report.days, True, report.incomplete),
            Table(
                "Growth accounting by interval, newest first",
                ("Interval", *COLUMNS),
                [_counts(span(report, row), row) for row in reversed(totals)],
                folded=NUMBERS,
            ),
            " ".join(filter(None, (sentences.incomplete_days(report), FIRST_NOTE if all_new else ""))),
        ),
        Table("Growth by label", ("Label", *COLUMNS), by_label, folded="The same by label, for this interval"),
    ]


def _counts(name: str, row: Mapping[str, Any]) -> list[str]:
    counts = (n.count(row[column]) for column in COUNTS)
    return [name, *counts, n.percent(row["Retention"]), n.ratio(row["Quick_Ratio"])]


def paths(report: Report) -> Blocks:
    """The ways users took over the last intervals, and the transitions of this one with their sums."""
    if gone := not_available(report, "label_transitions"):
        return [gone]
    if not report.moves(report.interval.number):
        return [Text("No user was active in this interval or the previous one, so no user moved.")]
    if report.previous is None:
        return [Text("This is the first interval with data, so every user in it is new.")]
    numbers = [x for x in report.days if x - 1 in report.days][-SANKEY_STEPS:]
    headings = [n.short_day(report.days[x]) for x in (numbers[0] - 1, *numbers)]
    folding = report.user_folding
    users: Counter[tuple[str, str]] = Counter()
    for (origin, target), number in report.moves(report.interval.number).items():
        users[folding(origin), folding(target)] += number
    sentence = sentences.moves_sentence(report)
    steps = [report.moves(x) for x in numbers]
    caption = "Users by label before (rows) and now (columns), with sums and the share of the row"
    return [
        Text(sentence),
        Chart(
            "paths-chart",
            "Users by label, from interval to interval",
            sentence,
            sankey(steps, folding, headings, False),
            sankey(steps[-2:], folding, headings[-3:], True),
            _moves_table(report, numbers),
            "The width of a band is the number of users who took it; its colour is that of the label they come from. "
            f"{ABSENT}: users who were not active; those who come from it are new or came back.",
        ),
        Heading("From which label to which"),
        square(caption, folding.names, users, headings[-2], headings[-1]),
        Text(folded_note(folding), "note") if folding.folded else None,
    ]


def _moves_table(report: Report, numbers: Sequence[int]) -> Table:
    """One row per move, the most frequent first, and one column per interval that it led into, newest first."""
    newest = numbers[::-1]
    users = [report.moves(x) for x in newest]
    pairs = sorted({pair for moves in users for pair in moves})
    pairs.sort(key=lambda pair: -sum(moves.get(pair, 0) for moves in users))
    rows = [[*pair, *(n.count(moves.get(pair, 0)) for moves in users)] for pair in pairs]
    columns = ("From", "To", *(f"Into {n.short_day(report.days[x])}" for x in newest))
    return Table("Users by move, the most frequent first", columns, rows, 2, folded=NUMBERS)
