"""Asset checks: per table one scan, several verdicts, each recorded with its partition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.metadata import readable, records
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Check, Verdict

CHECKS = "_checks"
"""How the name of the step of a table's checks ends."""


def interval_checks(
    table: Table, verdicts: Callable[[Flywheel, Interval], list[Verdict]], partitions: dg.PartitionsDefinition
) -> dg.AssetChecksDefinition:
    """The checks of a table that is partitioned by interval."""
    return table_checks(
        table,
        lambda flywheel, key: settled(flywheel, table, flywheel.calendar.key(key or ""), verdicts),
        partitions,
    )


def settled(
    flywheel: Flywheel, table: Table, interval: Interval, verdicts: Callable[[Flywheel, Interval], list[Verdict]]
) -> list[Verdict]:
    """The verdicts on a table of an interval. A check ``of_sources`` that failed because another run has replaced one
    since the table was made is a warning: the table is stale, so it is made and checked again."""
    found = verdicts(flywheel, interval)
    of_sources = {check.name for check in table.checks if check.of_sources}
    failed = {one.check for one in found if one.check in of_sources and not one.passed}
    made = flywheel.warehouse.generation(table.name, interval) if failed else None
    replaced = made.changed_sources(flywheel.lineage.generation(table, interval)) if made else []
    if not replaced:
        return found
    why = f"not judged, because {', '.join(replaced)} changed since the table was made, and it is stale"
    return [
        replace(one, severity="WARN", summary=f"{one.summary}; {why}") if one.check in failed else one for one in found
    ]


def table_checks(
    table: Table,
    verdicts: Callable[[Flywheel, str | None], list[Verdict]],
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetChecksDefinition:
    """The checks of a table, whose ``verdicts`` are given the key of the partition, None without partitions."""
    specs = [
        dg.AssetCheckSpec(
            c.name, asset=table.name, description=c.description, blocking=c.blocking, partitions_def=partitions
        )
        for c in table.checks
    ]

    @dg.multi_asset_check(
        name=f"{table.name}{CHECKS}", specs=specs, description=f"All checks of {table.name}, in one scan of it."
    )
    def run(
        context: dg.AssetCheckExecutionContext, flywheel: dg.ResourceParam[Flywheel]
    ) -> Iterator[dg.AssetCheckResult]:
        def of_partition() -> list[Verdict]:
            return verdicts(flywheel, context.op_execution_context.partition_key if partitions else None)

        for verdict in computed(table.checks, of_partition, lambda: context.log.exception(f"checks of {table.name}")):
            yield dg.AssetCheckResult(
                passed=verdict.passed,
                asset_key=table.name,
                check_name=verdict.check,
                severity=dg.AssetCheckSeverity(verdict.severity),
                description=verdict.summary,
                metadata={**readable(verdict.numbers), **records("details", verdict.table)},
            )

    return run


def computed(
    checks: Sequence[Check], verdicts: Callable[[], list[Verdict]], on_error: Callable[[], None] = lambda: None
) -> list[Verdict]:
    """The verdicts, or where they cannot be computed a failure of every check that says why: an exception would leave
    all checks of the table without a result."""
    try:
        return verdicts()
    except Exception as error:
        on_error()
        return [Verdict(check.name, False, f"could not be computed: {error}") for check in checks]
