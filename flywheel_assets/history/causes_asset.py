"""The asset transition_causes, of the group `history`."""

import dagster as dg

from flywheel_assets.catalog import CONTRACTS
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history import transition_causes as causes
from flywheel_assets.history.earlier_models import by_models_of
from flywheel_assets.orchestration.metadata import materialized, records


def transition_causes(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    now = flywheel.warehouse.read("user_labels", interval)
    previous = flywheel.previous_with_data(interval)
    before = flywheel.warehouse.read("user_labels", previous) if previous else None
    generation = flywheel.generation("transition_causes", interval)
    with by_models_of(flywheel, previous, interval) as same_model:
        table = causes.transition_causes(now, before, same_model, interval)
        written = flywheel.warehouse.write("transition_causes", interval, table, generation)
    rows = flywheel.engine.collect(flywheel.warehouse.read("transition_causes", interval)).to_pylist()
    numbers = {f"users_{cause}": users for cause, users in causes.users_by_cause(rows).items()}
    numbers["models_changed"] = int(same_model is not None)
    shown = [{k: v for k, v in row.items() if k in (*causes.COUNTED, "User_Count", "Cause")} for row in rows[:100]]
    return materialized(written, CONTRACTS["transition_causes"].columns, numbers, records("causes", shown))
