"""Frames small enough to see, and the calendar that they are dated by."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.intervals import Calendar
from flywheel_assets.warehouse.engine import DuckDBEngine

CALENDAR = Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "UTC")
SECOND = CALENDAR.number(2)
"""2024-01-15 - 2024-01-28."""


def frame(types: Mapping[str, pa.DataType | str], records: Sequence[Sequence[Any]]) -> ir.Table:
    """A table of a few rows, with the Arrow type of each column."""
    columns = list(zip(*records, strict=True)) or [()] * len(types)
    arrays = [pa.array(list(c), t) for c, t in zip(columns, map(_arrow, types.values()), strict=True)]
    return ibis.memtable(pa.table(arrays, names=list(types)))


def records(engine: DuckDBEngine, expression: ir.Table, order: str | None = None) -> list[dict[str, Any]]:
    """The rows of an expression, in the order of a column when one is named."""
    rows = engine.collect(expression).to_pylist()
    return sorted(rows, key=lambda row: row[order]) if order else rows


def figures(engine: DuckDBEngine, table: ir.Table, aggregates: Mapping[str, ir.Scalar]) -> dict[str, Any]:
    """The one row of a table's aggregates."""
    (row,) = records(engine, table.aggregate(**aggregates))
    return row


def _arrow(dtype: pa.DataType | str) -> pa.DataType:
    return pa.type_for_alias(dtype) if isinstance(dtype, str) else dtype
