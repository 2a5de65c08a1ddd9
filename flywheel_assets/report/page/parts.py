"""What the sections of the page are put together from."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.html import Html, element


def section(identity: str, title: str, *inside: Html | None) -> Html:
    """A section of the page with its heading."""
    return element("section", element("h2", title, id=identity), *inside, aria_labelledby=identity)


def lead(sentence: str) -> Html:
    """The sentence that says what the section shows."""
    return element("p", sentence, class_="lead")


def paragraph(sentence: str, class_: str | None = None) -> Html:
    return element("p", sentence, class_=class_)


def absent(report: Report, *tables: str) -> Html | None:
    """What is said in the place of what rests on tables that are not there; None when all of them are."""
    gone = [f"{name}: {report.missing[name]}" for name in tables if name in report.missing]
    return paragraph("This cannot be told yet. " + " ".join(f"{said}." for said in gone), "missing") if gone else None


def first_days(report: Report) -> dict[int, date]:
    """The first day of every interval from the first with labels to this one, by number."""
    length = report.interval.last_day - report.interval.first_day + timedelta(days=1)
    first, last = report.intervals[0].number, report.interval.number
    return {x: report.interval.first_day - (last - x) * length for x in range(first, last + 1)}


def span(row: Mapping[str, Any]) -> str:
    """The days of a row's interval."""
    return str(row["Interval_Dates"]).replace(" - ", f" {n.DASH} ")


def folded_note(folded_labels: tuple[str, ...]) -> str | None:
    """What is said under a chart that does not show every label by name."""
    if not folded_labels:
        return None
    return f"The {len(folded_labels):,} labels with the fewest users stand together; the table has each of them."
