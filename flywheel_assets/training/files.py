"""The tables that training begins with, in `<warehouse>/training`: one parquet file each, seen whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.warehouse.engine import footer
from flywheel_assets.warehouse.warehouse import Warehouse, Written


class TrainingFiles:
    """Tables by name, in the folder of the training data of a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.folder = warehouse.folder / "training"
        self._warehouse = warehouse

    def path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"

    def write(self, table: str, rows: pd.DataFrame, notes: Mapping[str, str]) -> Written:
        """The table anew, with notes in its footer."""
        content = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(dict(notes))

        def write(staged: Path) -> int:
            pq.write_table(content, staged, compression="zstd")
            return content.num_rows

        return self._warehouse.replace(self.path(table), write)

    def read(self, table: str) -> tuple[pd.DataFrame, dict[str, str]]:
        """The rows and the notes. Raises NotMaterializedError."""
        path = self.path(table)
        if not path.is_file():
            raise NotMaterializedError(f"{table} has not been materialized: no file at {path}. Materialize it first")
        return pq.ParquetFile(path).read().to_pandas(), footer(path)[1]
