"""Conversion of sessions as assets: session_horizons and conversion_dataset."""

import dagster as dg
import ibis

from flywheel_assets.conversion import conversion_dataset as dataset
from flywheel_assets.conversion import session_horizons as horizons
from flywheel_assets.errors import ConversionError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest import event_sessions
from flywheel_assets.intervals import Interval, utc_offsets
from flywheel_assets.landing import landed_sessions
from flywheel_assets.orchestration.jobs import CONVERSION_JOB
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Verdict

SYSTEM = System("conversion")


def _horizon_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(horizons.TABLE.name, interval)
    row = flywheel.figures(table, horizons.figures(table, interval))
    source = event_sessions.TABLE if flywheel.conversion.definition.kinds else landed_sessions.TABLE
    made = flywheel.warehouse.rows(source.name, interval) or 0
    return horizons.verdicts(row, table.schema(), flywheel.columns(horizons.TABLE), made)


@SYSTEM.table(horizons.TABLE, _horizon_verdicts)
def session_horizons(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    if flywheel.conversion.definition.column:
        return Made(step.write(flywheel.conversion.horizons(interval)))
    events, files = flywheel.events, flywheel.events.files_around(interval)
    with events.folder.unchanged(files):
        rows = flywheel.conversion.horizons(interval)
        return Made(step.write(rows, None, lambda: events.folder.verify(files)))


def _dataset_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table, of = (flywheel.warehouse.read(one.name, interval) for one in (dataset.TABLE, horizons.TABLE))
    row, sessions = (
        flywheel.figures(table, dataset.figures(table)),
        flywheel.figures(of, horizons.figures(of, interval)),
    )
    definition = flywheel.conversion.definition
    return dataset.verdicts(row, sessions, table.schema(), flywheel.columns(dataset.TABLE), definition.horizon)


@SYSTEM.table(dataset.TABLE, _dataset_verdicts)
def conversion_dataset(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    needed = [column.name for column in flywheel.columns(horizons.TABLE)]
    parts = []
    for table, one in flywheel.lineage.inputs(step.table, interval):
        rows = flywheel.warehouse.read(table.name, one)
        missing = [name for name in needed if name not in rows.columns]
        if missing:
            raise ConversionError(
                f"{table.name} of interval {one.key} has no column {', '.join(missing)}: it was made by another "
                f"events.toml or conversion.toml. Make it again: flywheel run --from {one.key}"
            )
        parts.append(rows.select(needed))
    seen = ibis.union(*parts) if len(parts) > 1 else parts[0]
    offsets = utc_offsets(flywheel.calendar.timezone, interval.start_unix, interval.end_unix)
    rows = dataset.conversion_dataset(
        step.read(horizons.TABLE),
        seen,
        [column.name for column in flywheel.columns(step.table)],
        flywheel.conversion.placeholders["<past feature>"],
        flywheel.settings.look_back_days,
        offsets,
    )
    return Made(step.write(rows), {"intervals": len(parts)}, {"horizon": flywheel.conversion.definition.horizon})


TABLES: tuple[Table, ...] = tuple(one.table for one in SYSTEM.tables.values())

SYSTEM.job(
    CONVERSION_JOB,
    dg.AssetSelection.groups(SYSTEM.name),
    "What is known of sessions early, and whether they convert. For conversion_sensor.",
    -1,
)
SYSTEM.sensors.append(
    lambda settings: table_sensor(settings, "conversion_sensor", CONVERSION_JOB, TABLES, "conversion")
)
