"""What several sections of the report say in the same way."""

from collections.abc import Mapping
from typing import Any

from flywheel_assets.history.report_content import Report
from flywheel_assets.report.blocks import Text
from flywheel_assets.report.folding import Folding
from flywheel_assets.report.numbers import DASH, count


def not_available(report: Report, table: str) -> Text | None:
    """What is shown in place of content whose table is missing; None when the table exists."""
    return Text(f"Not available yet. {table}: {report.missing[table]}.", "missing") if table in report.missing else None


def span(report: Report, row: Mapping[str, Any]) -> str:
    """The days of a row's interval, and whether it is incomplete."""
    days = str(row["Interval_Dates"]).replace(" - ", f" {DASH} ")
    return f"{days} (incomplete)" if row["Interval"] in report.incomplete else days


def folded_note(folding: Folding) -> str:
    """The note under a chart that does not show every label by name; empty for one that does."""
    if not folding.folded:
        return ""
    return f"The {count(len(folding.folded))} labels with the fewest users are shown together; the table has each one."
