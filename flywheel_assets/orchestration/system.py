"""A system as Dagster sees it: from tables and the functions that make them to assets, checks, jobs and sensors."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from flywheel_assets.errors import ArtefactError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import interval_checks
from flywheel_assets.orchestration.jobs import SYSTEM_TAG
from flywheel_assets.orchestration.metadata import declared, materialized
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Verdict

Body = Callable[[Step], Made]
Verdicts = Callable[[Flywheel, Interval], list[Verdict]]
Asset = dg.AssetsDefinition | dg.AssetSpec
Partitions = dg.TimeWindowPartitionsDefinition


@dataclass(frozen=True)
class IntervalTable:
    """A table that is partitioned by interval, with the functions that make and check it."""

    table: Table
    group: str
    kinds: frozenset[str]
    body: Body
    verdicts: Verdicts

    def __call__(self, step: Step) -> Made:
        return self.body(step)


@dataclass(frozen=True)
class System:
    """The parts of one system; `definitions` combines those of all systems. ``assets``, ``checks`` and ``sensors`` are
    those that do not come from a table of an interval; an asset is None where a project has no use for it."""

    name: str
    tables: dict[str, IntervalTable] = field(default_factory=dict)
    assets: list[Callable[[Settings, Partitions], Asset | None]] = field(default_factory=list)
    checks: list[dg.AssetChecksDefinition] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    sensors: list[Callable[[Settings], dg.SensorDefinition]] = field(default_factory=list)
    resources: dict[str, Callable[[Settings], dg.ResourceDefinition]] = field(default_factory=dict)

    def table(
        self, table: Table, verdicts: Verdicts, kinds: Collection[str] = (), group: str = ""
    ) -> Callable[[Body], IntervalTable]:
        """Makes the asset and its checks from a table, at the function that makes it for an interval. ``verdicts``
        gathers the figures of its checks and judges them, in the order of ``table.checks``; ``kinds`` are those in the
        UI beside parquet and the engine; ``group`` the system's name if it is empty."""

        def decorate(body: Body) -> IntervalTable:
            made = IntervalTable(table, group or self.name, frozenset({"parquet", *kinds}), body, verdicts)
            self.tables[table.name] = made
            return made

        return decorate

    def range_table(
        self, table: Table, kinds: Collection[str] = ()
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Makes the asset of a table that is one file, at a function of Dagster's form."""

        def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
            def asset(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition | None:
                if not table.used(settings):
                    return None
                return dg.asset(
                    name=table.name,
                    group_name=self.name,
                    kinds={"parquet", settings.engine, *kinds},
                    description=table.description,
                    metadata=declared(table),
                    deps=_deps(table, settings),
                    code_version=_code_version(table),
                )(body)

            self.assets.append(asset)
            return body

        return decorate

    def job(self, name: str, assets: dg.AssetSelection | Iterable[Table], description: str, priority: int = 0) -> None:
        """Adds a job. ``priority``: of its runs in the queue."""
        if not isinstance(assets, dg.AssetSelection):
            assets = dg.AssetSelection.assets(*(table.name for table in assets))
        tags = {SYSTEM_TAG: self.name, **({"dagster/priority": str(priority)} if priority else {})}
        self.jobs.append(dg.define_asset_job(name, assets, description=description, tags=tags))

    def definitions(self, settings: Settings, partitions: Partitions) -> dg.Definitions:
        """Everything of the system, for given settings."""
        tables = [one for one in self.tables.values() if one.table.used(settings)]
        assets = [
            *(_asset(one, partitions, settings) for one in tables),
            *(asset for make in self.assets if (asset := make(settings, partitions)) is not None),
        ]
        if not assets:  # a job without any would keep the code location from loading
            return dg.Definitions()
        return dg.Definitions(
            assets=assets,
            asset_checks=[*(interval_checks(one.table, one.verdicts, partitions) for one in tables), *self.checks],
            jobs=self.jobs,
            sensors=[make(settings) for make in self.sensors],
            resources={name: make(settings) for name, make in self.resources.items()},
        )


def _asset(one: IntervalTable, partitions: Partitions, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        name=one.table.name,
        group_name=one.group,
        kinds={*one.kinds, settings.engine},
        description=one.table.description,
        metadata=declared(one.table),
        partitions_def=partitions,
        deps=_deps(one.table, settings),
        code_version=_code_version(one.table),
    )
    def asset(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
        interval = flywheel.calendar.key(context.partition_key)
        waits = flywheel.why_not(one.table)
        if waits:
            raise ArtefactError(waits)
        generation = flywheel.lineage.generation(one.table, interval)
        made = one.body(Step(flywheel, one.table, interval, generation, context.log, context.run.tags))
        return materialized(made.written, flywheel.columns(one.table), made.numbers, made.extras)

    return asset


def _code_version(table: Table) -> str | None:
    """None for version 1: what Dagster recorded before tables had versions has none, and the UI would call all of it
    stale beside a "1"."""
    return str(table.code_version) if table.code_version > 1 else None


def _deps(table: Table, settings: Settings) -> Sequence[dg.AssetDep]:
    """One per source. A source that is needed of the previous interval too is one dependency on both partitions;
    earlier intervals are no dependency of Dagster's, which would ask for every one of them whenever this is made."""
    sources = [*table.sources_in(settings), *table.optional]
    both = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    return [
        *(dg.AssetDep(s.name, partition_mapping=both if s in table.previous else None) for s in sources),
        *(dg.AssetDep(fit.name) for fit in table.fits),
    ]
