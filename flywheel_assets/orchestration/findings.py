"""What the checks of an interval's tables say, for its report: from the record, or computed again."""

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.checks import HISTORY_VERDICTS
from flywheel_assets.history.earlier_models import CAUSES_VERDICTS
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import VERDICTS
from flywheel_assets.tables.finding import Finding
from flywheel_assets.tables.verdict import Verdict

REPORTED = {**VERDICTS, **HISTORY_VERDICTS, **CAUSES_VERDICTS}


def findings_on_record(flywheel: Flywheel, interval: Interval, instance: dg.DagsterInstance) -> list[Finding]:
    """What the checks of the interval's tables said when they last ran. Those of a table that have no record, as after
    the loss of DAGSTER_HOME, or one from before the table was last written, of this interval or of the previous one
    that drift is measured from, are computed again; tables that are not there have none."""
    concerned = [i for i in (flywheel.previous_with_data(interval), interval) if i]
    there = {table: of for table, of in REPORTED.items() if flywheel.warehouse.exists(table, interval)}
    keys = [
        dg.AssetCheckKey(dg.AssetKey(table), check.name) for table, (checks, _) in there.items() for check in checks
    ]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=interval.key)
    )
    found: list[Finding] = []
    for table, (checks, verdicts) in there.items():
        of_table = [records.get(dg.AssetCheckKey(dg.AssetKey(table), check.name)) for check in checks]
        paths = [flywheel.warehouse.path(table, i) for i in concerned if flywheel.warehouse.exists(table, i)]
        written = max(path.stat().st_mtime for path in paths)
        recorded = [finding for record in of_table if record and (finding := _recorded(record, written))]
        if len(recorded) == len(checks):
            found += recorded
            continue
        try:
            computed = verdicts(flywheel, interval)
        except Exception as error:  # as when it runs: what cannot be judged is told, and does not stop the report
            computed = [Verdict(check.name, False, f"could not be computed: {error}") for check in checks]
        for verdict in computed:
            state = "passed" if verdict.passed else "warned" if verdict.severity == "WARN" else "failed"
            found.append(Finding(table, verdict.check, state, verdict.summary, verdict.numbers, verdict.table))
    return found


def _recorded(record: AssetCheckExecutionRecord, written: float) -> Finding | None:
    """A record as a finding; None for one of a check that did not come to an end, or did before that time."""
    event = record.event.dagster_event if record.event and record.event.timestamp >= written else None
    if event is None or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return None
    found = event.asset_check_evaluation_data
    bad = "warned" if found.severity == dg.AssetCheckSeverity.WARN else "failed"
    entries = {name: entry.value for name, entry in found.metadata.items()}
    details = found.metadata.get("details")
    rows = [dict(r.data) for r in details.records] if isinstance(details, dg.TableMetadataValue) else []
    numbers = {name: value for name, value in entries.items() if isinstance(value, int | float | str)}
    state = "passed" if found.passed else bad
    return Finding(found.asset_key.to_user_string(), found.check_name, state, found.description or "", numbers, rows)
