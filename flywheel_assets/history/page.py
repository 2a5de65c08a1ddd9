"""The pages of history: the report of an interval, and the index of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flywheel_assets.history import page_trust as trust
from flywheel_assets.history import sentences, shift_sentences
from flywheel_assets.history.headlines import Headline
from flywheel_assets.history.page_changes import changes
from flywheel_assets.history.page_charts import GROWTH_COLOURS
from flywheel_assets.history.page_labels import forecast, headline, mix, value
from flywheel_assets.history.page_movement import growth, paths
from flywheel_assets.history.report_content import Report
from flywheel_assets.intervals import Interval
from flywheel_assets.report import numbers as n
from flywheel_assets.report import page as shell
from flywheel_assets.report.blocks import Cell, Section, Table
from flywheel_assets.report.pages import CONVERSION, ENGAGEMENT, INTENT
from flywheel_assets.report.palette import colours

SECTIONS = (
    ("changes", "What changed", "What changed", changes),
    ("mix", "Label mix", "Label mix over time", mix),
    ("growth", "Growth", "Who came, stayed and left", growth),
    ("paths", "Where users went", "Where users went", paths),
    ("forecast", "Forecast", "What the next interval may bring", forecast),
    ("drift", "Drift", "Has the data drifted?", trust.drift),
    ("checks", "Checks", "Checks", trust.checks),
    ("trimming", "Outliers", "Sessions removed as outliers", trust.trimming),
    ("models", "Models", "Models", trust.models),
    ("reading", "How to read it", "How to read this page", trust.reading),
)
"""Per section its identity, its name in the list of contents, its heading, and what makes its blocks."""

OTHERS = {
    INTENT: "Whom to contact",
    CONVERSION: "Which sessions convert",
    ENGAGEMENT: "Who comes back",
}
"""The pages of an interval beside its report, by kind, and what the index calls them."""


@dataclass(frozen=True)
class Entry:
    """An interval in the index: the file and the headline numbers of its report, both empty without one, whether the
    interval is incomplete, and the files of its other pages, by kind."""

    interval: Interval
    page: str
    headlines: Sequence[Headline]
    incomplete: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


def interval_report(report: Report, standalone: bool = False) -> str:
    """The page of an interval. With ``standalone`` it needs no file beside it."""
    links = [("All reports", "index.html")]
    if report.previous_page:
        links.append(("Previous interval", report.previous_page))
    opening = (sentences.ids_changed, sentences.models_changed, sentences.what_changed, shift_sentences.why)
    page = shell.Page(
        title=f"Interval {report.interval.number}, {n.days(report.interval)}",
        kicker=f"Flywheel · interval {report.interval.number}",
        heading=n.days(report.interval),
        standfirst=" ".join(filter(None, (sentence(report) for sentence in opening))),
        links=links,
        warning=_warning(report),
        headlines=[] if "label_mix" in report.missing else [headline(report, one) for one in report.headlines],
        note=sentences.compared_with(report),
        sections=[Section(identity, name, title, blocks(report)) for identity, name, title, blocks in SECTIONS],
        footer=f"Made from the warehouse's tables of {n.plural(len(report.intervals), 'interval')}, up to "
        f"{report.interval.key}. This page makes no network requests.",
        colours={**colours(report.user_folding), **colours(report.session_folding), **GROWTH_COLOURS},
        generation=report.generation,
    )
    return shell.html(page, standalone)


def _warning(report: Report) -> str:
    """What must be known before any number is read."""
    parts = [] if report.closed else ["This interval is still open: its numbers will change."]
    parts += [report.proposed.sentence] if report.proposed and not report.proposed.reviewed else []
    number = report.interval.number
    names = {number: "This interval", number - 1: "The previous interval"}
    parts += [f"{name} is incomplete: {report.incomplete[x]}." for x, name in names.items() if x in report.incomplete]
    return " ".join(parts)


def report_index(entries: Sequence[Entry], links: Sequence[tuple[str, str]] = ()) -> str:
    """The index: one line per interval, newest first. ``entries`` in any order; each report has the same headlines.
    ``links``: pages that are of no interval."""
    newest = sorted(entries, key=lambda entry: -entry.interval.number)
    names = next(([one.name for one in entry.headlines] for entry in newest if entry.headlines), [])
    kinds = [kind for kind in OTHERS if any(kind in entry.others for entry in newest)]
    rows: list[list[str | Cell]] = [
        [
            Cell(n.days(entry.interval) + (", incomplete" if entry.incomplete else ""), href=entry.page),
            *([value(one) for one in entry.headlines] or [n.NOTHING] * len(names)),
            n.count(entry.interval.number),
            *(
                Cell(OTHERS[kind] if kind in entry.others else n.NOTHING, href=entry.others.get(kind, ""))
                for kind in kinds
            ),
        ]
        for entry in newest
    ]
    columns = ("Days", *names, "Interval", *map(n.words, kinds))
    reports = n.plural(sum(bool(entry.page) for entry in newest), "report")
    return shell.html(
        shell.Page(
            title="Interval reports",
            kicker="Flywheel",
            heading="Interval reports",
            links=links,
            standfirst=f"{reports}, one per interval.",
            blocks=[Table("Reports, newest first", columns, rows)],
        )
    )


def look() -> str:
    """A digest of all code and templates behind these pages: a page made with another is stale."""
    return shell.look(__package__)
