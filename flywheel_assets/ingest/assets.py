"""Events and the sessions that they make as assets."""

import dagster as dg

from flywheel_assets.errors import EventsError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest import event_sessions as made_of_events
from flywheel_assets.ingest.session_features import sessions
from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.orchestration.metadata import column_schema
from flywheel_assets.orchestration.runs import FORGET_MISSING_TAG
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import Partitions, System
from flywheel_assets.settings import Settings
from flywheel_assets.tables.verdict import Verdict

SYSTEM = System("ingest")


def _events(settings: Settings, partitions: Partitions) -> dg.AssetSpec | None:
    table = made_of_events.EVENTS
    if not made_of_events.TABLE.used(settings):
        return None
    return dg.AssetSpec(
        table.name,
        metadata={"dagster/column_schema": column_schema(table.columns)},
        group_name="landing",
        kinds={"parquet", "csv", "json"},
        description=table.description,
    )


SYSTEM.assets.append(_events)


def _verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table, events = flywheel.warehouse.read(made_of_events.TABLE.name, interval), flywheel.events
    row = flywheel.figures(table, made_of_events.figures(table, interval))
    return [
        made_of_events.contract(row, table.schema(), flywheel.columns(made_of_events.TABLE)),
        made_of_events.unmapped_events(events.unmapped(interval)),
        made_of_events.likely_bots(row),
        made_of_events.event_files(len(events.index.of_interval(interval)), events.index.problems()),
    ]


@SYSTEM.table(made_of_events.TABLE, _verdicts, group="sessions")
def event_sessions(step: Step) -> Made:
    flywheel, interval, events = step.flywheel, step.interval, step.flywheel.events
    missing = events.missing(interval)
    if missing and FORGET_MISSING_TAG not in step.tags:
        key = interval.key
        raise EventsError(
            f"{', '.join(missing)} had events of interval {key} and is gone or can no longer be used: put it back, or "
            f"give its events up: flywheel run --from {key} --to {key} --forget-missing"
        )
    files = events.files_around(interval)
    with events.folder.unchanged(files):
        if files:
            offsets = utc_offsets(flywheel.calendar.timezone, interval.start_unix, interval.end_unix)
            rows = sessions(events.cut(interval, files), events.mapping, offsets)
        else:
            rows = flywheel.engine.empty(made_of_events.empty_schema(events.mapping))
        notes = {made_of_events.MADE_FROM: events.made_from(interval)}
        made = step.write(rows, notes, lambda: events.folder.verify(files))
    numbers = {
        "events": events.index.rows(interval),
        "files": len(events.index.of_interval(interval)),
        "files_set_aside": events.index.set_aside_count,
    }
    return Made(made, numbers, {"interval": interval.dates, "mapping": events.mapping.digest})
