"""The page's sections on labels: the headline numbers, the mix over time, the forecast."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from flywheel_assets.history.headlines import Headline
from flywheel_assets.report import charts, words
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.content import MOST_INTERVALS, Report
from flywheel_assets.report.page.figures import chart, sparkline
from flywheel_assets.report.page.html import Html, element, joined
from flywheel_assets.report.page.parts import absent, first_days, folded_note, lead, paragraph, section, span
from flywheel_assets.report.page.tables import table
from flywheel_assets.tables.labels import ABSENT

WRITTEN: Mapping[str, tuple[Callable[[float | None], str], Callable[[float | None], str], str]] = {
    "count": (n.count, n.signed_count, ""),
    "share": (n.percent, n.signed_points, " points"),
    "ratio": (n.ratio, n.signed_ratio, ""),
}
"""Per unit how a value and a change are written."""


def headline_list(report: Report) -> Html:
    """The headline numbers, each with its change and its history."""
    return element("dl", *(_headline(report, h) for h in report.headlines), class_="headlines")


def mix(report: Report) -> Html:
    """Label mix over time, of users and of sessions."""
    if gone := absent(report, "label_mix"):
        return section("mix", "Label mix over time", gone)
    days = first_days(report)
    figures = [
        chart(
            f"mix-{level}",
            title,
            words.mix_sentence(report, level),
            charts.label_mix(report.mix, level, folding, days, False, changes),
            charts.label_mix(report.mix, level, folding, days, True, changes),
            " ".join(filter(None, (_changes_note(changes, days), folded_note(folding.folded)))) or None,
            _mix_table(report, level),
        )
        for level, title, folding, changes in (
            ("users", "Share of users by label", report.user_folding, report.model_changes("session", "user")),
            ("sessions", "Share of sessions by quality", report.session_folding, report.model_changes("session")),
        )
        if any(row["Level"] == level and row["Count"] for row in report.mix)
    ]
    notes = [] if report.users else ["There are no users in this interval, so its bar is missing."]
    if report.unmade:
        notes.append(
            f"Of {n.plural(report.unmade, 'earlier interval')} the history has not been made, so the charts have gaps: "
            "flywheel report makes it."
        )
    if len(report.intervals) == MOST_INTERVALS:
        notes.append(f"The charts look back {MOST_INTERVALS} intervals.")
    return section(
        "mix",
        "Label mix over time",
        lead(words.mix_sentence(report, "users")),
        element("div", *figures, class_="pair") if figures else None,
        *(paragraph(note, "note") for note in notes),
    )


def forecast(report: Report) -> Html:
    """The next interval's users by label, with what the forecast says of itself."""
    title = "What the next interval may bring"
    if gone := absent(report, "transition_forecast"):
        return section("forecast", title, gone)
    known = [row for row in report.forecast if row["Forecast_Users"] is not None]
    first, _, rest = report.forecast_note.partition("\n")
    if not known:
        why = first or "There is no transition yet to learn from, so there is no forecast."
        return section("forecast", title, lead(why))
    rows = [
        [r["Label"], n.count(r["User_Count"]), *(n.count(r[f"{c}_Users"]) for c in ("Forecast", "Lower", "Upper"))]
        for r in sorted(known, key=lambda r: -r["Label_Order"])
    ]
    columns = ("Label", "Now", "Forecast", "Lower end", "Upper end")
    folding = report.user_folding
    return section(
        "forecast",
        title,
        lead(first) if first else None,
        *(paragraph(line, "note") for line in rest.splitlines() if line.strip()),
        chart(
            "forecast-chart",
            "Users by label: now and expected",
            first or "What the table says.",
            charts.forecast(report.forecast, folding, False),
            charts.forecast(report.forecast, folding, True),
            f"Ring: now. Dot: expected in the next interval. Line: where 9 of 10 outcomes should lie. {ABSENT}: users "
            "who left, or are expected to.",
            table("Users by label now, and the forecast with its 90% interval", columns, rows),
        ),
    )


def _headline(report: Report, headline: Headline) -> Html:
    value, _, _ = WRITTEN[headline.unit]
    return element(
        "div",
        element("dt", headline.name),
        element("dd", value(headline.value), class_="value"),
        element("dd", _change(report, headline), class_="change"),
        element("dd", headline.meaning, class_="meaning"),
        element("dd", spark, class_="line", aria_hidden="true") if (spark := sparkline(headline.history)) else None,
    )


def _change(report: Report, headline: Headline) -> str:
    if headline.change is None:
        if report.previous is None:
            return "first interval"
        return "not defined here" if headline.value is None else "not defined before"
    _, change, suffix = WRITTEN[headline.unit]
    written = f"{change(headline.change)}{suffix}"
    if headline.unit == "count" and headline.previous:
        written += f" ({n.signed_percent(headline.change / headline.previous)})"
    return written


def _changes_note(changes: Sequence[int], days: Mapping[int, date]) -> str | None:
    """What the lines in a chart of labels stand for; None where it has none."""
    if not changes:
        return None
    if len(changes) == 1:
        return f"Dashed line: from {n.short_day(days[changes[0]])} on other models gave the labels than before it."
    latest = n.listed([n.short_day(days[number]) for number in changes[-3:]])
    which = f"lastly on {latest}" if len(changes) > 3 else f"on {latest}"
    return f"Dashed lines: the models changed {n.count(len(changes))} times, {which}."


def _mix_table(report: Report, level: str) -> Html:
    """An interval a row, a label a column, best first; with too many labels a label and interval a row."""
    rows = [row for row in report.mix if row["Level"] == level]
    folding = report.user_folding if level == "users" else report.session_folding
    newest = sorted({row["Interval"] for row in rows}, reverse=True)
    spans = {row["Interval"]: span(row) for row in rows}
    if folding.folded:
        now = sorted(report.of_mix(level, report.interval.number), key=lambda row: -row["Count"])
        listed = [[row["Label"], n.percent(row["Share"]), n.count(row["Count"])] for row in now]
        return table(
            f"Every label of {level} in this interval, the most common first", ("Label", "Share", "Count"), listed
        )
    found = {(row["Interval"], row["Label"]): row for row in rows}
    names = list(reversed(folding.shown))
    written = [[spans[x], *(_share_and_count(found.get((x, name))) for name in names)] for x in newest]
    return table(f"Share and count of {level} by label, newest interval first", ("Interval", *names), written)


def _share_and_count(row: Mapping[str, Any] | None) -> Html | str:
    if row is None:
        return n.NOTHING
    return joined(n.percent(row["Share"]), element("small", n.count(row["Count"])))
