"""Sensors that keep tables made from other tables up to date: one shape, given a job and its tables."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache

import dagster as dg

from flywheel_assets.errors import FlywheelError
from flywheel_assets.flywheel import Flywheel, Glance
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration import sensors
from flywheel_assets.orchestration.requests import Request, run_requests
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import Generation, digest_of_all


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
                able = flywheel.makeable(tables)
                if not able:
                    return dg.SkipReason(next(filter(None, map(flywheel.why_not, tables)), f"no {called} here"))
                state = table_state(flywheel, context.instance, able, flywheel.extent.to_run(flywheel.now()))
        except FlywheelError as error:
            return dg.SkipReason(str(error))
        requests = state.requests(sensors.unfinished(context.instance))
        new = sensors.new_requests(context.instance, requests)
        seen = [f"{called} of {state.ready} intervals, nothing new", *sensors.waiting(requests), *state.held(called)]
        return dg.SensorResult(run_requests=new, skip_reason=None if new else "; ".join(seen))

    return sensor


@dataclass(frozen=True)
class TableState:
    """What :func:`run_requests` asks for, by key of an interval. ``ready``: of how many intervals everything that the
    tables are made from is there; ``missing``: of the others, what is not, as table and key."""

    because: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    concerned: dict[str, Collection[str]] = field(default_factory=dict)
    missing: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def ready(self) -> int:
        return len(self.concerned)

    def requests(self, unfinished: Collection[str]) -> list[Request]:
        return run_requests(self.because, self.wanted, self.replaced, unfinished, self.concerned)

    def held(self, called: str) -> list[str]:
        """Which intervals wait for others, in words: what one interval that fails for ever holds up."""
        counts = Counter(self.missing.values())
        return [f"{called} of {n} intervals waits for {table} of {key}" for (table, key), n in counts.items()]


def table_state(
    flywheel: Flywheel, instance: dg.DagsterInstance, tables: Sequence[Table], intervals: Sequence[Interval]
) -> TableState:
    """What is to be asked for. Tables of an interval wait until everything that they are made from, one another aside,
    is there; a source that rests on several intervals has a sensor like this one, and is waited for until it is what it
    would be now.

    260 intervals of five tables take a second: what a file was made from is read, and made a digest of, once a tick."""
    state, stored = TableState(), cache(flywheel.lineage.stored_digest)
    there = {s: set(flywheel.warehouse.keys(s.name)) for table in tables for s in table.sources}
    for source in there:
        if source.previous or source.earlier:
            there[source] &= {
                i.key for i in intervals if stored(source, i) == flywheel.lineage.target(source, i, stored).digest
            }

    def target(table: Table, interval: Interval) -> Generation:
        return flywheel.lineage.target(table, interval, stored)

    for interval in intervals:
        key = interval.key
        inputs = [one for table in tables for one in flywheel.lineage.inputs(table, interval) if one[0] not in tables]
        missing = next(((s.name, i.key) for s, i in inputs if i.key not in there[s]), None)
        if missing:
            state.missing[key] = missing
            continue
        state.concerned[key] = {key, *(i.key for _, i in inputs)}
        why = {table: flywheel.lineage.stale_because(table, interval, target) for table in tables}
        needed = [table for table, because in why.items() if because]
        if needed:
            new = not any(flywheel.warehouse.exists(table.name, interval) for table in tables)
            state.because[key] = "it was never made" if new else "; ".join(f"{t.name}: {why[t]}" for t in needed)
            state.wanted[key] = digest_of_all(target(table, interval).digest for table in tables)
            # Not of the tables that are right: a run that fails at one replaces others, and would be asked for again.
            state.replaced[key] = sensors.replaced(flywheel, instance, needed, interval)
    return state
