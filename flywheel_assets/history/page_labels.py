"""The page's headline numbers, and its sections on labels: the mix over time, the forecast."""

from collections.abc import Callable, Mapping
from typing import Any

from flywheel_assets.history import page_charts as charts
from flywheel_assets.history import sentences
from flywheel_assets.history.headlines import Headline
from flywheel_assets.history.page_parts import folded_note, not_available, span
from flywheel_assets.history.report_content import MOST_INTERVALS, Report
from flywheel_assets.report import blocks
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Chart, Pair, Table, Text
from flywheel_assets.report.folding import Folding
from flywheel_assets.tables.labels import ABSENT

WRITTEN: Mapping[str, tuple[Callable[[float | None], str], Callable[[float | None], str], str]] = {
    "count": (n.count, n.signed_count, ""),
    "share": (n.percent, n.signed_points, " points"),
    "ratio": (n.ratio, n.signed_ratio, ""),
}
"""How a value and a change are written, per unit."""


def value(headline: Headline) -> str:
    """The number of a headline, written out."""
    return WRITTEN[headline.unit][0](headline.value)


def headline(report: Report, one: Headline) -> blocks.Headline:
    """A headline number with its change and its history."""
    history = () if report.is_incomplete else one.history
    return blocks.Headline(one.name, value(one), _change(report, one), one.meaning, history)


def mix(report: Report) -> Blocks:
    """Label mix over time, of users and of sessions."""
    if gone := not_available(report, "label_mix"):
        return [gone]
    charted = [
        _mix_chart(report, "users", "Share of users by label", report.user_folding, ("session", "user")),
        _mix_chart(report, "sessions", "Share of sessions by quality", report.session_folding, ("session",)),
    ]
    shown = [chart for chart in charted if chart]
    notes = [] if report.users else ["This interval has no users, so its bar is missing."]
    if report.unmade:
        notes.append(
            f"The history of {n.plural(report.unmade, 'earlier interval')} has not been made, so the charts have gaps: "
            "flywheel report makes it."
        )
    if len(report.intervals) == MOST_INTERVALS:
        notes.append(f"The charts look back {MOST_INTERVALS} intervals.")
    return [
        Text(sentences.mix_sentence(report, "users")),
        Pair(shown) if shown else None,
        *(Text(note, "note") for note in notes),
    ]


def _mix_chart(report: Report, level: str, title: str, folding: Folding, models: tuple[str, ...]) -> Chart | None:
    if not any(row["Level"] == level and row["Count"] for row in report.mix):
        return None
    changes = report.model_changes(*models)
    wide, narrow = (
        charts.label_mix(report.mix, level, folding, report.days, narrow, changes, report.incomplete)
        for narrow in (False, True)
    )
    models_note = sentences.model_changes([report.days[x] for x in changes])
    note = " ".join(filter(None, (models_note, sentences.incomplete_days(report), folded_note(folding))))
    sentence = sentences.mix_sentence(report, level)
    return Chart(f"mix-{level}", title, sentence, wide, narrow, _mix_table(report, level, folding), note)


def _mix_table(report: Report, level: str, folding: Folding) -> Table:
    """One row per interval and one column per label, best first; with too many labels one row per label, of this
    interval."""
    if folding.folded:
        now = sorted(report.mix_now(level), key=lambda row: -row["Count"])
        listed = [[row["Label"], n.percent(row["Share"]), n.count(row["Count"])] for row in now]
        caption = f"Every label of {level} in this interval, the most common first"
        return Table(caption, ("Label", "Share", "Count"), listed, folded=NUMBERS)
    rows = [row for row in report.mix if row["Level"] == level]
    spans = {row["Interval"]: span(report, row) for row in rows}
    by_label = {(row["Interval"], row["Label"]): row for row in rows}
    names = folding.shown[::-1]
    written = [
        [spans[x], *(_share_and_count(by_label.get((x, name))) for name in names)] for x in sorted(spans, reverse=True)
    ]
    caption = f"Share and number of {level} by label, newest interval first"
    return Table(caption, ("Interval", *names), written, folded=NUMBERS)


NUMBERS = "The numbers of this chart"
"""The title of a chart's table while it is closed."""


def forecast(report: Report) -> Blocks:
    """The next interval's users by label, with what the forecast says about itself."""
    if gone := not_available(report, "transition_forecast"):
        return [gone]
    if report.is_incomplete:
        return [Text(f"There is no forecast. {sentences.not_compared(report)}")]
    known = [row for row in report.forecast if row["Forecast_Users"] is not None]
    first, _, rest = report.forecast_note.partition("\n")
    if not known:
        return [Text(first or "There is no forecast yet: it needs at least one transition to learn from.")]
    rows = [
        [r["Label"], n.count(r["User_Count"]), *(n.count(r[f"{c}_Users"]) for c in ("Forecast", "Lower", "Upper"))]
        for r in sorted(known, key=lambda r: -r["Label_Order"])
    ]
    columns = ("Label", "Now", "Forecast", "Lower end", "Upper end")
    caption = "Users by label now, and the forecast with its 90% interval"
    return [
        Text(first) if first else None,
        *(Text(line, "note") for line in rest.splitlines() if line.strip()),
        Chart(
            "forecast-chart",
            "Users by label: now and expected",
            first or "The table below has its numbers.",
            charts.forecast(report.forecast, report.user_folding, False),
            charts.forecast(report.forecast, report.user_folding, True),
            Table(caption, columns, rows, folded=NUMBERS),
            f"Ring: now. Dot: expected in the next interval. Line: the range that should hold 9 of 10 outcomes. "
            f"{ABSENT}: users who left, or are expected to leave.",
        ),
    ]


def _change(report: Report, headline: Headline) -> str:
    if not report.comparable:
        return "not compared"
    if headline.change is None:
        if report.previous is None:
            return "first interval"
        return "not defined" if headline.value is None else "not defined in the previous interval"
    _, change, suffix = WRITTEN[headline.unit]
    written = f"{change(headline.change)}{suffix}"
    if headline.unit == "count" and headline.previous:
        written += f" ({n.signed_percent(headline.change / headline.previous)})"
    return written


def _share_and_count(row: Mapping[str, Any] | None) -> Cell | str:
    return n.NOTHING if row is None else Cell(n.percent(row["Share"]), small=n.count(row["Count"]))
