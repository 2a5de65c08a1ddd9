"""Sensors that keep tables made from other tables up to date: one shape, given a job and its tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import dagster as dg

from flywheel_assets.errors import FlywheelError
from flywheel_assets.flywheel import Flywheel, Glance
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration import sensors
from flywheel_assets.orchestration.requests import Request, table_requests
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import digest_of_all


def table_sensor(settings: Settings, name: str, job: str, tables: Sequence[Table], called: str) -> dg.SensorDefinition:
    """Runs of a job where one of its tables is missing, or would have another generation if it were made now.
    ``called``: the tables' name in its messages."""
    sources = sorted({source.name for table in tables for source in table.sources if source not in tables})

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=sensors.TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Runs {called} of an interval when {' or '.join(sources)} is new or changed.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            with Flywheel.open(settings, glance=Glance(sensors.SETTLED_SECONDS, 0)) as flywheel:
                state = table_state(flywheel, tables, flywheel.to_run(flywheel.now()))
        except FlywheelError as error:
            return dg.SkipReason(str(error))
        requests = state.requests(sensors.unfinished(context.instance))
        new = sensors.new_requests(context.instance, requests)
        found_in_words = [f"{called} of {len(state.wanted)} intervals, nothing new", *sensors.waiting(requests)]
        return dg.SensorResult(run_requests=new, skip_reason=None if new else "; ".join(found_in_words))

    return sensor


@dataclass(frozen=True)
class TableState:
    """What `orchestration.requests.table_requests` asks for, by key of an interval."""

    wanted: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    concerned: dict[str, Collection[str]] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def requests(self, unfinished: Collection[str]) -> list[Request]:
        return table_requests(self.wanted, self.made, self.concerned, self.written, self.changed, unfinished)


def table_state(flywheel: Flywheel, tables: Sequence[Table], intervals: Sequence[Interval]) -> TableState:
    """Of the intervals for which everything that the tables are made from, one another aside, is there. A source that
    rests on several intervals has a sensor like this one, and is waited for until it is what it would be now.

    260 intervals of five tables take a second: what a file was made from is read, and made a digest of, once a tick."""
    state, stored, generation = TableState(), cache(flywheel.stored_digest), flywheel.generation
    there = {s: set(flywheel.warehouse.keys(s.name)) for table in tables for s in table.sources}
    for source in there:
        if source.previous or source.earlier:
            there[source] &= {i.key for i in intervals if stored(source, i) == generation(source, i, stored).digest}
    for interval in intervals:
        needed = _needed(flywheel, tables, interval)
        if not all(keys <= there[source] for source, keys in needed.items() if source not in tables):
            continue
        key = interval.key
        generations = {table: generation(table, interval, stored) for table in tables}
        made = {table: flywheel.warehouse.generation(table.name, interval) for table in tables}
        state.wanted[key] = digest_of_all(wanted.digest for wanted in generations.values())
        state.concerned[key] = set().union(*needed.values())
        if any(made.values()):
            state.made[key] = digest_of_all(one.digest if one else "" for one in made.values())
            why = {t: one.stale_because(generations[t]) if one else "it is not there" for t, one in made.items()}
            state.changed[key] = "; ".join(f"{table.name}: {because}" for table, because in why.items() if because)
            # Not of the tables that are right: a run that fails at one replaces others, and would be asked for again.
            replaced = [sensors.written(flywheel, t, [interval]).get(key) for t, because in why.items() if because]
            state.written.update({key: max(filter(None, replaced))} if any(replaced) else {})
    return state


def _needed(flywheel: Flywheel, tables: Iterable[Table], interval: Interval) -> Mapping[Table, set[str]]:
    """The keys of the intervals needed from each source."""
    needed: dict[Table, set[str]] = {}
    previous = flywheel.previous_with_data(interval)
    earlier = flywheel.earlier_with_data(interval)
    for table in tables:
        for source in table.sources:
            keys = needed.setdefault(source, {interval.key})
            keys |= {previous.key} if previous and source in table.previous else set()
            keys |= {i.key for i in earlier} if source in table.earlier else set()
    return needed
