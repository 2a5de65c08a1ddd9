"""A system's page of an interval as an asset."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.system import Partitions
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Table

Write = Callable[[Flywheel, Interval], tuple[Path, str]]
"""Writes the page; gives its path and the digest of what it was made from."""


def page_asset(
    name: str, description: str, shown: Sequence[Table], used: Callable[[Settings], bool], write: Write
) -> Callable[[Settings, Partitions], dg.AssetsDefinition | None]:
    """Partitioned like the tables that it shows; None for a project that has no use for it."""

    def made(settings: Settings, partitions: Partitions) -> dg.AssetsDefinition | None:
        if not used(settings):
            return None

        @dg.asset(
            name=name,
            group_name="reports",
            kinds={"html"},
            partitions_def=partitions,
            deps=[table.name for table in shown if table.used(settings)],
            description=f"{description} One file that makes no network requests, linked from index.html beside it.",
            metadata={"grain": "one page per interval"},
        )
        def page(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
            path, made_from = write(flywheel, flywheel.calendar.key(context.partition_key))
            metadata: dict[str, dg.RawMetadataValue] = {
                "path": dg.MetadataValue.path(str(path)),
                "open_with": f"xdg-open {shlex.quote(str(path))}",
                "bytes": path.stat().st_size,
            }
            return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(made_from))

        return page

    return made
