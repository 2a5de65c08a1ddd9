"""Assets of the group `history`: growth_accounting, label_mix, mix_shift, transition_forecast, sankey_links, and CSV
copies of these and other small tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from flywheel_assets.catalog import CONTRACTS
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history import forecast_backtest as testing
from flywheel_assets.history import growth_accounting as growth
from flywheel_assets.history import label_mix as mix
from flywheel_assets.history import mix_shift as shift
from flywheel_assets.history import sankey_links as sankey
from flywheel_assets.history import transition_forecast as forecasting
from flywheel_assets.history.moves import Moves, Row, all_labels, moves_of, when
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.metadata import materialized, records
from flywheel_assets.tables.generation import Generation
from flywheel_assets.users.label_transitions import label_transitions
from flywheel_assets.warehouse.csv_copies import csv_path, write_csv

BACKTEST, FOLDED = "flywheel.backtest", "flywheel.folded"
"""Notes: in transition_forecast how good it was so far (`Backtest`), in sankey_links what was folded (`Folded`)."""

SHOWN_ROWS = 100
"""Rows of a table that the UI shows with its materialization."""

CSV_TABLES = (
    "label_transitions",
    "growth_accounting",
    "label_mix",
    "mix_shift",
    "transition_forecast",
    "sankey_links",
    "cluster_mix",
)
"""The tables that have a CSV copy, where they are there."""


def growth_accounting(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    generation = flywheel.generation("growth_accounting", interval)
    now, *others = (flywheel.warehouse.read("user_labels", i) for i in _newest_first(flywheel, interval))
    before, earlier = (others[0], others[1:]) if others else (None, [])
    moves = moves_of(flywheel.engine.collect(label_transitions(now, before, interval)).to_pylist())
    came_back = flywheel.engine.collect(growth.resurrected(now, before, earlier)).to_pylist()
    again = {row["Label"]: row["User_Count"] for row in came_back}
    rows = growth.growth_accounting(moves, again, flywheel.models["user"].order, interval)
    numbers = {k: v for k, v in rows[0].items() if k in (*growth.COUNTS, "Retention", "Quick_Ratio") and v is not None}
    return _made(flywheel, interval, generation, rows, {}, numbers)


def label_mix(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    generation = flywheel.generation("label_mix", interval)
    for table in CONTRACTS["label_mix"].sources:
        flywheel.warehouse.read(table, interval)  # which says what to do where it is not there
    sessions = flywheel.label_counts("session_predictions", interval) or {}
    users = flywheel.label_counts("user_labels", interval) or {}
    numbers = {"sessions": sum(sessions.values()), "users": sum(users.values())}
    return _made(flywheel, interval, generation, mix.label_mix(sessions, users, interval), {}, numbers)


def mix_shift(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    generation = flywheel.generation("mix_shift", interval)
    rows = shift.mix_shift(read_moves(flywheel, interval), flywheel.models["user"].order, interval)
    numbers = {"largest_change": max((abs(row["Change"] or 0.0) for row in rows), default=0.0)}
    return _made(flywheel, interval, generation, rows, {}, numbers)


def transition_forecast(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    generation = flywheel.generation("transition_forecast", interval)
    moves = moves_so_far(flywheel, interval)
    history = forecasting.History.of(moves, all_labels(flywheel.models["user"].order, moves[-1]))
    found = testing.backtest(history)
    rows = forecasting.transition_forecast(moves, history, found.widening, interval)
    numbers = {name: value for name, value in vars(found).items() if value is not None}
    extras = {"headline": testing.headline(found)}
    return _made(flywheel, interval, generation, rows, {BACKTEST: found.to_json()}, numbers, extras)


def sankey_links(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    interval = flywheel.calendar.key(context.partition_key)
    generation = flywheel.generation("sankey_links", interval)
    moves = read_moves(flywheel, interval)
    rows, folded = sankey.sankey_links(moves, flywheel.models["user"].order, interval)
    numbers = {"links_folded": folded.links, "users_on_folded_links": folded.users}
    extras = {"folded": folded.summary or "nothing"}
    return _made(flywheel, interval, generation, rows, {FOLDED: folded.to_json()}, numbers, extras)


@dg.asset(
    group_name="history",
    kinds={"csv", "looker"},
    deps=[name for name in CSV_TABLES if name != "cluster_mix"],
    description="The small tables as CSV, one file each with all intervals, to upload to a BI tool.",
)
def csv_copies(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    copied = _copied(flywheel)
    written = {t: write_csv(flywheel.warehouse, t, paths, contract_schema(t)) for t, paths in copied.items()}
    folder = csv_path(flywheel.warehouse, "").parent
    return dg.MaterializeResult(metadata={**written, "path": dg.MetadataValue.path(str(folder))})


def csv_copies_are_stale(flywheel: Flywheel) -> bool:
    """Whether one is missing, or older than a file that it is of: a run may have ended between both."""
    for table, paths in _copied(flywheel).items():
        copy = csv_path(flywheel.warehouse, table)
        if not copy.is_file() or copy.stat().st_mtime_ns < max(path.stat().st_mtime_ns for path in paths):
            return True
    return False


def read_moves(flywheel: Flywheel, interval: Interval) -> Moves:
    """The moves into an interval, of its label_transitions. Raises NotMaterializedError."""
    return moves_of(flywheel.engine.collect(flywheel.warehouse.read("label_transitions", interval)).to_pylist())


def moves_so_far(flywheel: Flywheel, interval: Interval) -> list[Moves]:
    """The moves into each interval from the first with data to this one, oldest first. Raises NotMaterializedError."""
    return [read_moves(flywheel, i) for i in reversed(_newest_first(flywheel, interval))]


def contract_schema(table: str) -> pa.Schema:
    """The columns of a small table, whose contract has no placeholders, by their Arrow types."""
    types = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64()}
    return pa.schema([(c.name, pa.date32() if c.dtype == "date" else types[c.dtype]) for c in CONTRACTS[table].columns])


def _copied(flywheel: Flywheel) -> dict[str, list[Path]]:
    """Per table that is there for any interval its files, oldest interval first."""
    warehouse, calendar = flywheel.warehouse, flywheel.calendar
    there = {t: [warehouse.path(t, i) for i in calendar if warehouse.exists(t, i)] for t in CSV_TABLES}
    return {table: paths for table, paths in there.items() if paths}


def _newest_first(flywheel: Flywheel, interval: Interval) -> list[Interval]:
    """The interval and, back to the first with data, those before it."""
    return [interval, *reversed(flywheel.earlier_with_data(interval))]


def _made(
    flywheel: Flywheel,
    interval: Interval,
    generation: Generation,
    rows: Sequence[Row],
    notes: Mapping[str, str],
    numbers: Mapping[str, float],
    extras: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[None]:
    """Rows at hand as the table of the interval, and what is said of them in the UI."""
    kept = pa.Table.from_pylist(list(rows), schema=contract_schema(generation.table))
    written = flywheel.warehouse.keep(generation.table, interval, kept, generation, notes)
    shown = [{k: v for k, v in row.items() if k not in when(interval)} for row in rows[:SHOWN_ROWS]]
    return materialized(
        written, CONTRACTS[generation.table].columns, numbers, {**(extras or {}), **records("table", shown)}
    )
