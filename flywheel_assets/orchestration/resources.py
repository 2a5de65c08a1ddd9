"""The one resource, ``flywheel``: a plain object for the length of a run, with the run's interval locked."""

from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.processes import PROCESS_TAG, this_process
from flywheel_assets.settings import Settings

PARTITION_TAG = "dagster/partition"


def flywheel_resource(settings: Settings) -> dg.ResourceDefinition:
    """The resource. A run of a partition holds that interval's lock, so that a run from the command line and one of the
    daemon never write the same interval together."""

    @dg.resource(description="Settings, engine, warehouse, landing folder and models of this process.")
    def flywheel(context: dg.InitResourceContext) -> Iterator[Flywheel]:
        key = context.run.tags.get(PARTITION_TAG) if context.run else None
        if context.run and context.instance:
            context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: this_process()})

        def tell() -> None:
            if context.log:
                context.log.info(f"waiting for another run of interval {key} to end")

        with ExitStack() as held:
            opened = held.enter_context(Flywheel.open(settings))
            opened.warehouse.sweep()
            if key:
                held.enter_context(opened.warehouse.lock(settings.calendar.key(key), tell))
            yield opened

    return flywheel
