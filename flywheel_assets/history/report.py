"""The report's meeting point: from the flywheel's tables, notes and checks to what the page says, and to its file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.assets import BACKTEST
from flywheel_assets.history.forecast_backtest import Backtest, headline
from flywheel_assets.history.headlines import headlines
from flywheel_assets.history.page import Entry, interval_report, look, report_index
from flywheel_assets.history.report_content import MOST_INTERVALS, SANKEY_STEPS, Report
from flywheel_assets.intervals import Interval
from flywheel_assets.report.page import GENERATION_META, PLOTLY, plotly_script
from flywheel_assets.report.pages import Pages
from flywheel_assets.sessions.trimmed_sessions import LEDGER, Ledger
from flywheel_assets.tables.finding import Finding
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all

TOLD = ("label_mix", "growth_accounting", "mix_shift", "label_transitions", "transition_forecast", "trimmed_sessions")
"""Tables whose rows or notes the page tells of."""

OVER_TIME = ("label_mix", "growth_accounting")
"""Those of them that it tells of over all of its intervals."""

CAUSES = "transition_causes"

MODEL_PARAMETERS = {"session_predictions": ("session", "session model"), "user_labels": ("user", "user model")}
"""Per labelled table its model, and what a generation calls that model's version."""


def labelled_intervals(flywheel: Flywheel) -> list[Interval]:
    """The intervals that have user labels, oldest first: those that there can be a report of."""
    made = set(flywheel.warehouse.keys("user_labels"))
    return [interval for interval in flywheel.calendar if interval.key in made]


def looked_back_on(flywheel: Flywheel, interval: Interval) -> list[Interval]:
    """The intervals that the report of one tells of, oldest first, itself last."""
    return [i for i in labelled_intervals(flywheel) if i.number <= interval.number][-MOST_INTERVALS:]


def report_of(flywheel: Flywheel, interval: Interval, findings: Sequence[Finding]) -> Report:
    """What the report of an interval with user labels says. Tables that are not there are named in ``missing``."""
    # First, so that what is written while the page is made leaves it stale.
    made_from = report_generation(flywheel, interval).digest
    warehouse = flywheel.warehouse
    intervals = looked_back_on(flywheel, interval)
    unmade = {i.number for i in intervals[:-1] for table in OVER_TIME if not warehouse.exists(table, i)}
    trimming = warehouse.note("trimmed_sessions", interval, LEDGER)
    backtest = warehouse.note("transition_forecast", interval, BACKTEST)
    previous = intervals[-2] if len(intervals) > 1 else None
    missing = {table: _what_to_do(interval) for table in TOLD if not warehouse.exists(table, interval)}
    stale = flywheel.stale_because(CAUSES, interval, flywheel.generation)
    report = Report(
        interval=interval,
        intervals=intervals,
        closed=interval.closed(flywheel.now()),
        user_order=flywheel.models["user"].order,
        session_order=flywheel.models["session"].order,
        mix=_rows(flywheel, "label_mix", intervals),
        growth=_rows(flywheel, "growth_accounting", intervals),
        shift=_rows(flywheel, "mix_shift", [interval]),
        transitions=_rows(flywheel, "label_transitions", intervals[-SANKEY_STEPS:]),
        forecast=_rows(flywheel, "transition_forecast", [interval]),
        forecast_note=headline(Backtest.from_json(backtest)) if backtest else "",
        findings=findings,
        ledger=Ledger.from_json(trimming) if trimming else None,
        versions={i.number: _versions(flywheel, i) for i in intervals},
        causes=[] if stale else _rows(flywheel, CAUSES, [interval]),
        previous_page=_page(flywheel, previous) if previous else None,
        unmade=len(unmade),
        generation=made_from,
    )
    if stale and report.changed_models:
        what = f"it is not of the labels that are there now ({stale}): flywheel report --interval {interval.key}"
        missing[CAUSES] = what if warehouse.exists(CAUSES, interval) else _what_to_do(interval)
    return replace(report, missing=missing)


def report_generation(flywheel: Flywheel, interval: Interval) -> Generation:
    """What the report is made from if it is made now."""
    intervals = looked_back_on(flywheel, interval)
    sources = {table: _digest(flywheel, table, [interval]) for table in (*TOLD, *MODEL_PARAMETERS)}
    sources |= {table: _digest(flywheel, table, intervals) for table in OVER_TIME}
    sources["label_transitions"] = _digest(flywheel, "label_transitions", intervals[-SANKEY_STEPS:])
    stale = flywheel.stale_because(CAUSES, interval, flywheel.generation)
    sources[CAUSES] = NOTHING if stale else _digest(flywheel, CAUSES, [interval])
    closed = "yes" if interval.closed(flywheel.now()) else "no"
    labels = ", ".join((*flywheel.models["session"].order, *flywheel.models["user"].order))
    parameters = {"interval number": str(interval.number), "closed": closed, "labels": labels, "look": look()}
    return Generation("interval_report", sources, parameters)


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page is missing, or made from something else than what is there."""
    made = Pages(flywheel.warehouse.folder).digest(interval, GENERATION_META)
    return made != report_generation(flywheel, interval).digest


def write_report(flywheel: Flywheel, report: Report) -> Path:
    """Write the page, and the index with it. Raises ReportError when that cannot be."""
    pages = Pages(flywheel.warehouse.folder)
    page = interval_report(report)
    return pages.write(report.interval, page, PLOTLY, plotly_script(), lambda: _index(flywheel, pages, report.interval))


def _rows(flywheel: Flywheel, table: str, intervals: Sequence[Interval]) -> list[dict[str, Any]]:
    """The rows of a table of those intervals that it is there for, oldest first."""
    paths = [flywheel.warehouse.path(table, i) for i in intervals if flywheel.warehouse.exists(table, i)]
    if not paths:
        return []
    rows = flywheel.engine.collect(flywheel.engine.read(paths)).to_pylist()
    return sorted(rows, key=lambda row: (row["Interval"], row.get("Label_Order") or 0))


def _versions(flywheel: Flywheel, interval: Interval) -> Mapping[str, Sequence[str]]:
    """By model the versions that its table of the interval is of."""
    found = {}
    for table, (model, parameter) in MODEL_PARAMETERS.items():
        made = flywheel.warehouse.generation(table, interval)
        if made and flywheel.warehouse.rows(table, interval):
            found[model] = (made.parameters[parameter],)
    return found


def _digest(flywheel: Flywheel, table: str, intervals: Iterable[Interval]) -> str:
    made = [flywheel.warehouse.generation(table, interval) for interval in intervals]
    return digest_of_all(one.digest if one else NOTHING for one in made)


def _index(flywheel: Flywheel, pages: Pages, now: Interval) -> str:
    """The index of the pages that are there and of the one that is being written."""
    there = [i for i in labelled_intervals(flywheel) if i == now or pages.exists(i)]
    mix, growth = (_rows(flywheel, table, there) for table in OVER_TIME)
    best = flywheel.models["user"].order[-1]
    entries = [Entry(i, pages.path(i).name, headlines([i.number], mix, growth, best)) for i in there]
    return report_index(entries)


def _page(flywheel: Flywheel, interval: Interval) -> str:
    return Pages(flywheel.warehouse.folder).path(interval).name


def _what_to_do(interval: Interval) -> str:
    return f"it has not been made for {interval.key}: flywheel report --interval {interval.key}"
