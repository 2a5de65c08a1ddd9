"""What the checks of an interval's tables found: from the record, or computed again."""

from collections.abc import Iterable, Mapping
from functools import partial

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import computed, settled
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.orchestration.runs import check_state
from flywheel_assets.orchestration.system import IntervalTable
from flywheel_assets.tables.verdict import Finding

MOST_RUNS = 50
"""How many of an interval's latest runs are searched for its check results."""


def findings_on_record(
    flywheel: Flywheel, interval: Interval, instance: dg.DagsterInstance, tables: Iterable[IntervalTable]
) -> list[Finding]:
    """What the checks of the interval's ``tables`` found when they last ran. Those of a table that have no record, as
    after the loss of DAGSTER_HOME, or one from before the table was last written, of this interval or of the previous
    one that drift is measured from, are computed again; tables that are not there have none."""
    concerned = [i for i in (flywheel.extent.previous(interval), interval) if i]
    recorded = _recorded(instance, interval)
    findings: list[Finding] = []
    for one in tables:
        table = one.table
        if not flywheel.warehouse.exists(table.name, interval):
            continue
        paths = [flywheel.warehouse.path(table.name, i) for i in concerned if flywheel.warehouse.exists(table.name, i)]
        written = max(path.stat().st_mtime for path in paths)
        latest = [recorded.get((table.name, check.name), (0.0, None)) for check in table.checks]
        kept = [finding for seconds, finding in latest if finding and seconds >= written]
        if len(kept) < len(table.checks):
            verdicts = computed(table.checks, partial(settled, flywheel, table, interval, one.verdicts))
            kept = [Finding(table.name, v.check, v.state, v.summary, v.numbers, v.table) for v in verdicts]
        findings += kept
    return findings


def _recorded(instance: dg.DagsterInstance, interval: Interval) -> Mapping[tuple[str, str], tuple[float, Finding]]:
    """The time and the finding of the latest evaluation for the interval, by table and check."""
    latest: dict[tuple[str, str], tuple[float, Finding]] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: interval.key}), limit=MOST_RUNS):  # newest first
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            event = entry.dagster_event
            if event is not None:
                finding = _finding(event.asset_check_evaluation_data)
                key = finding.table, finding.check
                if key not in latest or latest[key][0] < entry.timestamp:
                    latest[key] = entry.timestamp, finding
    return latest


def _finding(check: dg.AssetCheckEvaluation) -> Finding:
    values = {name: entry.value for name, entry in check.metadata.items()}
    details = check.metadata.get("details")
    rows = [dict(r.data) for r in details.records] if isinstance(details, dg.TableMetadataValue) else []
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float | str)}
    table = check.asset_key.to_user_string()
    return Finding(table, check.check_name, check_state(check), check.description or "", numbers, rows)
