"""A step: one table of one interval being made. What the body of an asset works with and returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import Generation
from flywheel_assets.warehouse.engine import BatchFunction
from flywheel_assets.warehouse.warehouse import Written


@dataclass(frozen=True)
class Made:
    """A table as it was written, with the ``numbers`` that Dagster plots and the ``extras`` that it shows."""

    written: Written
    numbers: Mapping[str, float] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """``generation`` is what the table is made from; it is taken before anything is read, so that what is written
    meanwhile leaves the table stale. ``tags`` are those of the run."""

    flywheel: Flywheel
    table: Table
    interval: Interval
    generation: Generation
    log: dg.DagsterLogManager
    tags: Mapping[str, str]

    def read(self, table: Table) -> ir.Table:
        """A table of this interval. Raises NotMaterializedError."""
        return self.flywheel.warehouse.read(table.name, self.interval)

    def read_previous(self, table: Table) -> ir.Table | None:
        """A table of the previous interval, None at the first with data. Raises NotMaterializedError."""
        previous = self.flywheel.extent.previous(self.interval)
        return self.flywheel.warehouse.read(table.name, previous) if previous else None

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """The rows of a small table of this interval. Raises NotMaterializedError."""
        return self.flywheel.rows(table, self.interval)

    def write(
        self,
        rows: ir.Table,
        notes: Mapping[str, str] | None = None,
        before_replacing: Callable[[], None] = lambda: None,
    ) -> Written:
        """Make the table from an expression, see :meth:`Warehouse.write`."""
        return self.flywheel.warehouse.write(
            self.table.name, self.interval, rows, self.generation, notes, before_replacing
        )

    def write_mapped(
        self,
        rows: ir.Table,
        function: BatchFunction,
        schema: Callable[[pa.Schema], pa.Schema],
        before_replacing: Callable[[Path], None] = lambda staged: None,
    ) -> Written:
        """Make the table by streaming an expression through a function, see :meth:`Warehouse.write_mapped`."""
        return self.flywheel.warehouse.write_mapped(
            self.table.name, self.interval, rows, function, schema, self.generation, before_replacing
        )

    def keep(self, rows: Sequence[Mapping[str, Any]], notes: Mapping[str, str] | None = None) -> Written:
        """Make the table from a few rows in memory."""
        kept = pa.Table.from_pylist([dict(row) for row in rows], schema=self.table.schema)
        return self.flywheel.warehouse.keep(self.table.name, self.interval, kept, self.generation, notes)
