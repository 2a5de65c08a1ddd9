"""The report's meeting point: from the flywheel's tables, notes and checks to what the page says, and to its file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history import growth_accounting, label_mix, mix_shift, transition_causes, transition_forecast
from flywheel_assets.history.forecast_backtest import BACKTEST, Backtest, headline
from flywheel_assets.history.headlines import headlines
from flywheel_assets.history.page import OTHERS, Entry, interval_report, look, report_index
from flywheel_assets.history.report_content import MOST_INTERVALS, SANKEY_STEPS, Report
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.ranges import labelled_intervals
from flywheel_assets.report.page import GENERATION_META, PLOTLY, plotly_script
from flywheel_assets.report.pages import ITEMS, REPORT, Pages
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.sessions.reviewed_labels import ProposedLabels, proposed_labels
from flywheel_assets.sessions.trimmed_sessions import LEDGER, Ledger
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all
from flywheel_assets.tables.verdict import Finding
from flywheel_assets.users import label_transitions
from flywheel_assets.users.spine import LABELLED

TOLD = (
    label_mix.TABLE,
    growth_accounting.TABLE,
    mix_shift.TABLE,
    label_transitions.TABLE,
    transition_forecast.TABLE,
    trimmed_sessions.TABLE,
)
"""Tables whose rows or notes are on the page."""

OVER_TIME = (label_mix.TABLE, growth_accounting.TABLE)
"""The tables among these that the page shows for all of its intervals."""

CAUSES = transition_causes.TABLE


def looked_back_on(flywheel: Flywheel, interval: Interval) -> list[Interval]:
    """The intervals that the report of one covers, oldest first, itself last."""
    return [i for i in labelled_intervals(flywheel) if i.number <= interval.number][-MOST_INTERVALS:]


def report_of(flywheel: Flywheel, interval: Interval, findings: Sequence[Finding]) -> Report:
    """What the report of an interval with user labels says. Tables that are not there are named in ``missing``."""
    # First, so that what is written while the page is made leaves it stale.
    made_from = report_generation(flywheel, interval).digest
    warehouse = flywheel.warehouse
    intervals = looked_back_on(flywheel, interval)
    unmade = {i.number for i in intervals[:-1] for table in OVER_TIME if not warehouse.exists(table.name, i)}
    trimming = warehouse.note("trimmed_sessions", interval, LEDGER)
    backtest = warehouse.note("transition_forecast", interval, BACKTEST)
    previous = intervals[-2] if len(intervals) > 1 else None
    missing = {table.name: _what_to_do(interval) for table in TOLD if not warehouse.exists(table.name, interval)}
    stale = flywheel.lineage.stale_because(CAUSES, interval)
    report = Report(
        interval=interval,
        intervals=intervals,
        closed=interval.closed(flywheel.now()),
        user_order=flywheel.models["user"].order,
        session_order=flywheel.models["session"].order,
        mix=_rows(flywheel, label_mix.TABLE, intervals),
        growth=_rows(flywheel, growth_accounting.TABLE, intervals),
        shift=_rows(flywheel, mix_shift.TABLE, [interval]),
        transitions=_rows(flywheel, label_transitions.TABLE, intervals[-SANKEY_STEPS:]),
        forecast=_rows(flywheel, transition_forecast.TABLE, [interval]),
        forecast_note=headline(Backtest.from_json(backtest)) if backtest else "",
        findings=findings,
        ledger=Ledger.from_json(trimming) if trimming else None,
        versions={i.number: _versions(flywheel, i) for i in intervals},
        causes=[] if stale else _rows(flywheel, CAUSES, [interval]),
        previous_page=_page(flywheel, previous) if previous else None,
        unmade=len(unmade),
        incomplete=incomplete(flywheel, intervals),
        proposed=_proposed(flywheel, interval),
        generation=made_from,
    )
    if stale and report.changed_models:
        what = f"it rests on other labels than the present ones ({stale}): flywheel report --interval {interval.key}"
        missing[CAUSES.name] = what if warehouse.exists(CAUSES.name, interval) else _what_to_do(interval)
    return replace(report, missing=missing)


def report_generation(flywheel: Flywheel, interval: Interval) -> Generation:
    """What the report would be made from now."""
    intervals = looked_back_on(flywheel, interval)
    sources = {table.name: _digest(flywheel, table, [interval]) for table in (*TOLD, *LABELLED)}
    sources |= {table.name: _digest(flywheel, table, intervals) for table in OVER_TIME}
    transitions = label_transitions.TABLE
    sources[transitions.name] = _digest(flywheel, transitions, intervals[-SANKEY_STEPS:])
    stale = flywheel.lineage.stale_because(CAUSES, interval)
    sources[CAUSES.name] = NOTHING if stale else _digest(flywheel, CAUSES, [interval])
    closed = "yes" if interval.closed(flywheel.now()) else "no"
    labels = ", ".join((*flywheel.models["session"].order, *flywheel.models["user"].order))
    parameters = {"interval number": str(interval.number), "closed": closed, "labels": labels, "look": look()}
    if proposed := _proposed(flywheel, interval):
        parameters["proposed labels"] = proposed.sentence
    return Generation("interval_report", sources, parameters)


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page is missing, or made from other data than the present."""
    made = Pages(flywheel.warehouse.folder).digest(interval, GENERATION_META)
    return made != report_generation(flywheel, interval).digest


def write_report(flywheel: Flywheel, report: Report) -> Path:
    """Write the page and the index. Raises ReportError when that fails."""
    pages = Pages(flywheel.warehouse.folder)
    written = pages.path(report.interval)
    page = interval_report(report)
    return pages.write(report.interval, page, lambda: index(flywheel, written), PLOTLY, plotly_script())


def index(flywheel: Flywheel, written: Path) -> str:
    """The index of the pages of all kinds that are there, and of the one that is being ``written``."""

    def name(kind: str, interval: Interval) -> str:
        path = Pages(flywheel.warehouse.folder, kind).path(interval)
        return path.name if path == written or path.is_file() else ""

    labelled = labelled_intervals(flywheel)
    reports = {i.number: name(REPORT, i) for i in labelled}
    there = [i for i in labelled if reports[i.number]]
    mix, growth = (_rows(flywheel, table, there) for table in OVER_TIME)
    cut = incomplete(flywheel, labelled)
    entries = []
    for i in flywheel.calendar:
        report = reports.get(i.number, "")
        others = {kind: page for kind in OTHERS if (page := name(kind, i))}
        best = flywheel.models["user"].order[-1] if report else ""
        shown = headlines([i.number], mix, growth, best, cut) if report else []
        entries += [Entry(i, report, shown, i.number in cut, others)] if report or others else []
    items = Pages(flywheel.warehouse.folder).folder / ITEMS
    return report_index(entries, [("Engagement with items", ITEMS)] if items == written or items.is_file() else [])


def _rows(flywheel: Flywheel, table: Table, intervals: Sequence[Interval]) -> list[dict[str, Any]]:
    """The rows of a table of those intervals that it is there for, oldest first."""
    there = [i for i in intervals if flywheel.warehouse.exists(table.name, i)]
    paths = [flywheel.warehouse.path(table.name, i) for i in there]
    if not paths:
        return []
    rows = flywheel.engine.collect(flywheel.engine.read(paths)).to_pylist()
    return sorted(rows, key=lambda row: (row["Interval"], row.get("Label_Order") or 0))


def _versions(flywheel: Flywheel, interval: Interval) -> Mapping[str, Sequence[str]]:
    """The version of each model that labelled its table of the interval."""
    versions = {}
    for table in LABELLED:
        made = flywheel.warehouse.generation(table.name, interval)
        if table.labels and made and flywheel.warehouse.rows(table.name, interval):
            versions[table.labels.model] = (made.parameters[table.labels.parameter],)
    return versions


def _proposed(flywheel: Flywheel, interval: Interval) -> ProposedLabels | None:
    """Of the session labels of the interval, by the model that gave them."""
    versions = _versions(flywheel, interval).get("session", ())
    return proposed_labels(flywheel, *versions) if versions else None


def _digest(flywheel: Flywheel, table: Table, intervals: Iterable[Interval]) -> str:
    made = [flywheel.warehouse.generation(table.name, interval) for interval in intervals]
    return digest_of_all(one.digest if one else NOTHING for one in made)


def _page(flywheel: Flywheel, interval: Interval) -> str:
    return Pages(flywheel.warehouse.folder).path(interval).name


def _what_to_do(interval: Interval) -> str:
    return f"it has not been made for {interval.key}: flywheel report --interval {interval.key}"
