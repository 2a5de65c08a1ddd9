"""The engine: runs Ibis expressions over parquet files. DuckDB inside the process, in memory, with a memory limit and a
folder to spill to; :mod:`flywheel_assets.warehouse.spark` is the other."""

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Protocol

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FILE, ROW = "_file", "_row"
"""Columns that a landed row carries until it is written: the path of its file and its position there."""

PRECEDENCE = "_precedence"
"""A file's place in the order in which files win: the greater wins."""

BatchFunction = Callable[[pa.RecordBatch], pa.RecordBatch]

COMPRESSION, COMPRESSION_LEVEL = "zstd", 1
"""Level 1 writes a tenth faster than the default."""

DICTIONARY_VALUES = 4096
"""A column with more different values in a row group has no dictionary. DuckDB's default, six times as many, has it
look for one among ids, at a tenth to a sixth of the time of writing."""

BATCH_ROWS = 65_536


class Engine(Protocol):
    """What the warehouse and the landing folder ask of an engine. ``metadata`` goes into the footer of the file.
    ``read_errors`` is what it raises for a file that is damaged, or changes while it is read."""

    read_errors: tuple[type[Exception], ...]

    def read(self, paths: Sequence[Path]) -> ir.Table:
        """The rows of parquet files of one schema, exactly the columns that are in them."""

    def read_landed(self, paths: Sequence[Path], as_text: Collection[str] = ()) -> ir.Table:
        """The rows of landed files, united by column name, each with its file's path, its position there, and the
        file's precedence: its place in ``paths``. Columns ``as_text`` are of types that do not unite."""

    def empty(self, schema: Mapping[str, str]) -> ir.Table:
        """No rows, with columns of these Ibis dtypes."""

    def collect(self, expression: ir.Table) -> pa.Table:
        """The rows of a small result."""

    def write(self, expression: ir.Table, path: Path, metadata: Mapping[str, str]) -> int:
        """Write an expression to one parquet file and return its rows."""

    def write_mapped(
        self,
        expression: ir.Table,
        function: BatchFunction,
        schema: Callable[[pa.Schema], pa.Schema],
        path: Path,
        metadata: Mapping[str, str],
    ) -> int:
        """Stream an expression through a function of Arrow batches to one parquet file, and return its rows.

        ``schema`` gives the schema of the function's output from that of its input, for a result without any batch."""

    def close(self) -> None:
        """Release memory and files."""


class DuckDBEngine:
    """DuckDB in memory. Not to be shared between threads."""

    read_errors: tuple[type[Exception], ...] = (duckdb.Error, OSError)

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="flywheel-spill-")
        self._connection = ibis.duckdb.connect(
            memory_limit=memory_limit,
            threads=threads,
            temp_directory=self._spill.name,
            preserve_insertion_order=False,
        )
        self._connection.raw_sql("SET TimeZone = 'UTC'")
        self._connection.raw_sql("CREATE MACRO unix_micros(t) AS epoch_us(t)")  # as Spark calls it

    def read(self, paths: Sequence[Path]) -> ir.Table:
        return self._connection.read_parquet(_literal(paths), hive_partitioning=False)

    def read_landed(self, paths: Sequence[Path], as_text: Collection[str] = ()) -> ir.Table:
        if not as_text:  # file_index is a virtual column, which costs nothing where nobody asks for it
            return self._connection.sql(_landed_scan(paths, (), "file_index"))
        scans = [
            _landed_scan([path], set(as_text) & set(pq.read_schema(path).names), str(precedence))
            for precedence, path in enumerate(paths)
        ]
        return self._connection.sql(" union all by name ".join(scans))

    def empty(self, schema: Mapping[str, str]) -> ir.Table:
        name = ibis.util.gen_name("flywheel")  # a table, because an expression over a memtable cannot be compiled
        return self._connection.create_table(name, schema=ibis.schema(schema), temp=True)

    def collect(self, expression: ir.Table) -> pa.Table:
        return self._connection.to_pyarrow(expression)

    def write(self, expression: ir.Table, path: Path, metadata: Mapping[str, str]) -> int:
        pairs = ", ".join(f"{_quoted(key)}: {_quoted(value)}" for key, value in metadata.items())
        options = f"FORMAT parquet, COMPRESSION {COMPRESSION}, COMPRESSION_LEVEL {COMPRESSION_LEVEL}"
        options += f", DICTIONARY_SIZE_LIMIT {DICTIONARY_VALUES}"
        if pairs:
            options += f", KV_METADATA {{{pairs}}}"
        query = self._connection.compile(expression)
        cursor = self._connection.raw_sql(f"COPY ({query}) TO {_quoted(str(path))} ({options})")
        return int(cursor.fetchone()[0])

    def write_mapped(
        self,
        expression: ir.Table,
        function: BatchFunction,
        schema: Callable[[pa.Schema], pa.Schema],
        path: Path,
        metadata: Mapping[str, str],
    ) -> int:
        reader = self._connection.to_pyarrow_batches(expression, chunk_size=BATCH_ROWS)
        output = schema(reader.schema).with_metadata(dict(metadata))
        rows = 0
        mapped = _ahead(function(batch) for batch in reader)
        first = next(mapped, None)
        with pq.ParquetWriter(
            path,
            output,
            compression=COMPRESSION,
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=_repeating(first) if first is not None else [],
        ) as writer:
            for batch in chain([first] if first is not None else [], mapped):
                writer.write_batch(batch.replace_schema_metadata(output.metadata))
                rows += batch.num_rows
        return rows

    def close(self) -> None:
        self._connection.disconnect()
        self._spill.cleanup()


def footer(path: Path) -> tuple[int, dict[str, str]]:
    """Rows and metadata of a parquet file, from its footer alone."""
    found = pq.read_metadata(path)
    raw = found.metadata or {}
    return found.num_rows, {k.decode(): v.decode(errors="replace") for k, v in raw.items()}


def parquet_schema(path: Path) -> dict[str, str]:
    """Columns and their Arrow types of a parquet file, from its footer alone."""
    return {field.name: str(field.type) for field in pq.read_schema(path)}


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, the next one being made in a thread while the caller works on this one. Reading and scoring take
    about as long as writing (3.6 and 4.0 CPU seconds for 10 M sessions), so both threads have half of the work."""

    def following() -> pa.RecordBatch | None:
        return next(batches, None)

    with ThreadPoolExecutor(1) as making:
        batch = making.submit(following)
        while (current := batch.result()) is not None:
            batch = making.submit(following)
            yield current


def _repeating(batch: pa.RecordBatch) -> list[str]:
    """The columns that are worth a dictionary. Looking for one among values that hardly repeat costs a fifth of the
    time of writing; where they repeat, it saves a sixth."""

    def repeats(column: pa.Array) -> bool:
        may = pa.types.is_integer(column.type) or pa.types.is_string(column.type)
        return may and pc.count_distinct(column).as_py() <= len(column) / 10

    return [name for name, column in zip(batch.schema.names, batch.columns, strict=True) if repeats(column)]


def _landed_scan(paths: Sequence[Path], as_text: Collection[str], precedence: str) -> str:
    files = ", ".join(_quoted(path) for path in _literal(paths))
    texts = ", ".join(f"{_name(column)}::varchar as {_name(column)}" for column in sorted(as_text))
    columns = f"* replace ({texts})" if texts else "*"
    return (
        f"select {columns}, file_row_number as {ROW}, ({precedence})::bigint as {PRECEDENCE} from "
        f"read_parquet([{files}], union_by_name = true, hive_partitioning = false, filename = '{FILE}')"
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _literal(paths: Sequence[Path]) -> list[str]:
    """Paths as DuckDB takes them for names: it would read ``s1.parquet`` for ``s[1].parquet``, as a pattern."""
    return [re.sub(r"[\[*?]", r"[\g<0>]", str(p)) for p in paths]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
