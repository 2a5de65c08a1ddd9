"""The files of a fit of the segments, in `<warehouse>/segments`: each seen whole or not at all, one fit at a time."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import SegmentsError
from flywheel_assets.warehouse.engine import footer
from flywheel_assets.warehouse.files import locked
from flywheel_assets.warehouse.warehouse import Warehouse, Written

REPORT = "model_report.json"
"""The whole fit. It is written last: without it, or with an older one, nothing else in the folder counts."""

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
        """The fit as it was written; None when there is none. Raises SegmentsError for one that is no JSON."""
        if not self.report_path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(self.report_path.read_text())
        except ValueError as error:
            raise SegmentsError(
                f"{self.report_path} cannot be read ({error}): delete it and fit again, flywheel segments fit"
            ) from None
        return found

    def write_report(self, report: Mapping[str, Any]) -> None:
        self.write_bytes(REPORT, (json.dumps(report, indent=2) + "\n").encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        self._warehouse.replace(self.folder / name, lambda staged: staged.write_bytes(content))

    def write(self, table: str, rows: ir.Table, notes: Mapping[str, str]) -> Written:
        """A table from an expression; ``notes`` stay with it."""
        engine = self._warehouse.engine
        return self._warehouse.replace(self.table_path(table), lambda staged: engine.write(rows, staged, notes))

    def keep(self, table: str, rows: pa.Table, notes: Mapping[str, str] | None = None) -> Written:
        """A table from rows that are at hand."""

        def write(staged: Path) -> int:
            pq.write_table(rows.replace_schema_metadata(dict(notes or {})), staged)
            return rows.num_rows

        return self._warehouse.replace(self.table_path(table), write)

    def read(self, table: str) -> pa.Table:
        """The rows of a table. Raises SegmentsError when it is not there."""
        return pq.ParquetFile(self._existing(table)).read()

    def note(self, table: str, name: str) -> str:
        """A note that was written with the table. Raises SegmentsError when the table is not there."""
        return footer(self._existing(table))[1][name]

    @contextmanager
    def lock(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the folder: of several fits one at a time. See :func:`locked`."""
        with locked(self._warehouse.lock_path("segments"), on_wait):
            yield

    def _existing(self, table: str) -> Path:
        path = self.table_path(table)
        if not path.is_file():
            raise SegmentsError(f"{path} is not there: fit the segments first, flywheel segments fit")
        return path
