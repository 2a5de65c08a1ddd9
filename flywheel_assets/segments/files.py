"""The files of a fit of the segments, in `<warehouse>/segments`: each seen whole or not at all, one fit at a time."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import SegmentsError
from flywheel_assets.segments.fit import Fitted
from flywheel_assets.segments.segments import Segments
from flywheel_assets.tables.contract import Table
from flywheel_assets.warehouse.engine import footer
from flywheel_assets.warehouse.files import locked, write_whole
from flywheel_assets.warehouse.warehouse import Warehouse, Written

REPORT = "model_report.json"
"""The whole fit in use. cluster_centers is written after it and from it alone, so that a kill between both loses
nothing: see `complete_fit`. Whatever else is in the folder may be of a fit that was never finished."""

CHOSEN = "chosen_fit.json"
"""The fit that k_diagnostics chose, from which cluster_centers makes the segments."""

PLOTS = ("elbow.png", "silhouette.png")


class SegmentFiles:
    """Files by name, in the folder of the segments of a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.folder = warehouse.folder / "segments"
        self._warehouse = warehouse

    @property
    def report_path(self) -> Path:
        return self.folder / REPORT

    def table_path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"

    def report(self) -> dict[str, Any] | None:
        """The fit in use as it was written; None when there is none. Raises SegmentsError for one that is not JSON."""
        if not self.report_path.is_file():
            return None
        try:
            report: dict[str, Any] = json.loads(self.report_path.read_text())
        except ValueError as error:
            raise SegmentsError(
                f"{self.report_path} cannot be read ({error}): delete it and fit again, flywheel segments fit"
            ) from None
        return report

    def write_report(self, report: Mapping[str, Any]) -> None:
        write_whole(self.report_path, (json.dumps(report, indent=2) + "\n").encode())

    def chosen(self) -> Fitted:
        """The chosen fit. Raises SegmentsError when there is none."""
        return Fitted.from_json(self._existing(self.folder / CHOSEN).read_text())

    def write_chosen(self, fitted: Fitted) -> None:
        write_whole(self.folder / CHOSEN, fitted.to_json().encode())

    def write(self, table: Table, rows: ir.Table, notes: Mapping[str, str]) -> Written:
        """A table from an expression; ``notes`` stay with it."""
        path, engine = self.table_path(table.name), self._warehouse.engine
        return self._warehouse.replace(path, lambda staged: engine.write(rows, staged, notes))

    def keep(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> Written:
        """A table of a few rows that are at hand."""

        def write(staged: Path) -> int:
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=table.schema), staged)
            return len(rows)

        return self._warehouse.replace(self.table_path(table.name), write)

    def read(self, table: str) -> pa.Table:
        """The rows of a table. Raises SegmentsError when it is not there."""
        return pq.ParquetFile(self._existing(self.table_path(table))).read()

    def note(self, table: str, name: str) -> str:
        """A note that was written with the table. Raises SegmentsError when the table is not there."""
        return footer(self._existing(self.table_path(table)))[1][name]

    @contextmanager
    def lock(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the folder's lock, so that one fit runs at a time. See :func:`locked`."""
        with locked(self._warehouse.lock_path("segments"), on_wait):
            yield

    def _existing(self, path: Path) -> Path:
        if not path.is_file():
            raise SegmentsError(f"{path} is not there: fit the segments first, flywheel segments fit")
        return path


def segments_in_use(warehouse: Warehouse) -> Segments:
    """The fit in use. Raises SegmentsError when nothing has been fitted, or the report of the fit is not one."""
    files = SegmentFiles(warehouse)
    report = files.report()
    if report is None:
        raise SegmentsError(f"there are no segments, no file at {files.report_path}: flywheel segments fit")
    try:
        return Segments.from_json(report)
    except (KeyError, TypeError, ValueError) as error:
        raise SegmentsError(
            f"{files.report_path} is not the report of a fit ({error!r}): delete it and run: flywheel segments fit"
        ) from None
