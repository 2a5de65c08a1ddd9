"""The index of the reports: a line an interval, newest first, with its headline numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_assets.history.headlines import Headline
from flywheel_assets.intervals import Interval
from flywheel_assets.report.interval_report import document
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.html import Html, element, joined
from flywheel_assets.report.page.labels import WRITTEN
from flywheel_assets.report.page.tables import table


@dataclass(frozen=True)
class Entry:
    """A report: its interval, file and headline numbers."""

    interval: Interval
    page: str
    headlines: Sequence[Headline]


def report_index(entries: Sequence[Entry]) -> str:
    """The page. ``entries`` in any order; each has the same headlines."""
    newest = sorted(entries, key=lambda entry: entry.interval.number, reverse=True)
    names = [headline.name for headline in newest[0].headlines] if newest else []
    rows: list[list[str | Html]] = [
        [
            element("a", n.days(entry.interval), href=entry.page),
            *(WRITTEN[headline.unit][0](headline.value) for headline in entry.headlines),
            n.count(entry.interval.number),
        ]
        for entry in newest
    ]
    listing = table("Reports, newest first", ("Days", *names, "Interval"), rows)
    body = joined(
        element("a", "Skip to the reports", href="#reports", class_="skip"),
        element(
            "header",
            element("p", "Flywheel", class_="kicker"),
            element("h1", "Interval reports"),
            element("p", f"{n.plural(len(newest), 'report')}, one an interval.", class_="standfirst"),
            class_="masthead",
        ),
        element("main", element("div", listing, class_="listing"), id="reports", tabindex="-1"),
    )
    return document("Interval reports", body, [])
