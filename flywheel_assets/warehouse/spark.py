"""The engine on Apache Spark, for data that outgrows a machine: the same expressions, the same files.

pyspark is imported only when an engine is made; it and Java are needed by nobody else."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import EngineError
from flywheel_assets.warehouse.engine import (
    BATCH_ROWS,
    COMPRESSION,
    COMPRESSION_LEVEL,
    FILE,
    PRECEDENCE,
    ROW,
    BatchFunction,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

_SEMANTICS = {
    "spark.sql.session.timeZone": "UTC",
    # Overflow and a string that is no number are errors, as in DuckDB, whatever the cluster's default.
    "spark.sql.ansi.enabled": "true",
    # As DuckDB's names: a landed column that differs from one of ours in case alone is refused before it gets here.
    "spark.sql.caseSensitive": "false",
    # The default, INT96, is read as nanoseconds without a zone.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # What pandas writes by default; Spark refuses to read it as a timestamp.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
}

# What fails is raised here in Spark's words; the logs of Java and of pyspark only repeat them at length.
_NO_LOG = """
appender.none.type = Null
appender.none.name = none
rootLogger.level = warn
rootLogger.appenderRef.none.ref = none
"""


class SparkEngine:
    """Spark inside the process, unless ``SPARK_MASTER`` names a cluster, or ``SPARK_CONF_DIR`` or spark-submit says
    what to use. A cluster's machines need flywheel-assets installed, and the landing folder and the warehouse at the
    same paths as here.

    All engines of a process share one Spark, which takes seconds to start and so is not stopped by :meth:`close`; each
    has a session of its own, with its own views and settings. Raises EngineError when there is no pyspark, no Java, or
    Spark does not start."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._session = _started(memory_limit, threads).newSession()
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        self.read_errors: tuple[type[Exception], ...] = (PySparkException, Py4JError, EngineError, OSError)
        for name, value in _SEMANTICS.items():
            self._session.conf.set(name, value)
        if str(self._session.sparkContext.master).startswith("local"):
            # Spark's defaults are a cluster's: 200 files a shuffle, and a task a file to look at many.
            self._session.conf.set("spark.sql.shuffle.partitions", str(threads))
            self._session.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism", str(threads))
        self._connection = ibis.pyspark.connect(self._session)

    def read(self, paths: Sequence[Path]) -> ir.Table:
        return self._table(self._files(paths))

    def read_landed(self, paths: Sequence[Path], as_text: Collection[str] = ()) -> ir.Table:
        from pyspark.sql import functions as sf
        from pyspark.sql.types import StringType

        # One scan per schema, not per file: a plan of 5,000 scans takes Spark minutes to make.
        groups: dict[pa.Schema, list[Path]] = {}
        for path in paths:
            groups.setdefault(pq.read_schema(path).remove_metadata(), []).append(path)
        place = [sf.col("_metadata.file_path").alias(FILE), sf.col("_metadata.row_index").alias(ROW)]
        frames = [self._files(group, place, schema) for schema, group in groups.items()]
        strings = {f.name.lower() for frame in frames for f in frame.schema if isinstance(f.dataType, StringType)}
        strings |= {name.lower() for name in as_text}
        united = reduce(
            lambda a, b: a.unionByName(b, allowMissingColumns=True),
            (frame.select(*(_as_string(f.name, f.name.lower() in strings) for f in frame.schema)) for frame in frames),
        )
        order = [(_uri_path(path), (str(path), precedence)) for precedence, path in enumerate(paths)]
        files = self._session.createDataFrame(
            order, f"{FILE} string, {PRECEDENCE} struct<path: string, precedence: bigint>"
        )
        # Spark gives a URI. In url_decode a plus is a space; here it is a plus.
        decoded = sf.url_decode(sf.replace(sf.col(FILE), sf.lit("+"), sf.lit("%2B")))
        found = united.withColumn(FILE, sf.regexp_replace(decoded, "^file:/+", "/"))
        found = found.join(sf.broadcast(files), FILE, "left")
        # A file whose name came back otherwise must not lose its rows unseen.
        unknown = sf.raise_error(sf.concat(sf.lit("Spark read a file that was not asked for: "), FILE))
        file, precedence = sf.coalesce(f"{PRECEDENCE}.path", unknown), sf.coalesce(f"{PRECEDENCE}.precedence", unknown)
        landed = [sf.col(_quoted(name)) for name in united.columns if name not in (FILE, ROW)]
        return self._table(found.select(*landed, file.alias(FILE), ROW, precedence.alias(PRECEDENCE)))

    def empty(self, schema: Mapping[str, str]) -> ir.Table:
        return self._table(self._session.createDataFrame([], _spark_schema(ibis.schema(schema).to_pyarrow())))

    def collect(self, expression: ir.Table) -> pa.Table:
        return self._frame(expression).toArrow().cast(expression.schema().to_pyarrow())

    def write(self, expression: ir.Table, path: Path, metadata: Mapping[str, str]) -> int:
        return _write(self._frame(expression), expression.schema().to_pyarrow(), path, metadata)

    def write_mapped(
        self,
        expression: ir.Table,
        function: BatchFunction,
        schema: Callable[[pa.Schema], pa.Schema],
        path: Path,
        metadata: Mapping[str, str],
    ) -> int:
        """``function`` is pickled and runs in processes beside Spark's, so that what it raises arrives here as
        Spark's exception, with its words in it."""

        def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return map(function, batches)

        output = schema(expression.schema().to_pyarrow())
        return _write(self._frame(expression).mapInArrow(mapped, _spark_schema(output)), output, path, metadata)

    def close(self) -> None:
        """Releases nothing: the views go with the session, and the next engine of the process uses Spark."""

    def _files(
        self, paths: Sequence[Path], more: Sequence["Column"] = (), landed: pa.Schema | None = None
    ) -> "DataFrame":
        """The rows of parquet files of one schema, and ``more`` columns. Timestamps in nanoseconds become
        microseconds, the finest that Spark has."""
        from pyspark.errors import PySparkException
        from pyspark.sql import functions as sf
        from pyspark.sql.types import LongType

        for path in paths:
            _refuse_unreadable(path)
        schema = pq.read_schema(paths[0]) if landed is None else landed
        nanoseconds = {f.name: f.type.tz for f in schema if pa.types.is_timestamp(f.type)}
        try:
            # Looking into folders is what turns off columns made of folder names, interval_start=2024-01-15.
            # The other option is how Spark's own streaming says that a path is no pattern.
            reader = self._session.read.option("recursiveFileLookup", True).option("__globPaths__", False)
            frame = reader.parquet(*map(_url, paths))
            columns = []
            for field in frame.schema:
                column = sf.col(_quoted(field.name))
                if field.name in nanoseconds and isinstance(field.dataType, LongType):
                    column = sf.timestamp_micros(sf.floor((column - sf.pmod(column, sf.lit(1000))) / 1000))
                    column = column.cast("timestamp" if nanoseconds[field.name] else "timestamp_ntz").alias(field.name)
                columns.append(column)
            return frame.select(*columns, *more)
        except PySparkException as error:
            reason = str(error).splitlines()[0]
            raise EngineError(
                f"Spark cannot read {paths[0]}: {reason} Leave that column out, or set FLYWHEEL_ENGINE=duckdb"
            ) from error

    def _table(self, frame: "DataFrame") -> ir.Table:
        """A frame as a table of this session. Not the table that Ibis finds, which reads both of Spark's timestamp
        types as one without a zone."""
        from ibis.backends.pyspark.datatypes import PySparkType
        from pyspark.sql.types import TimestampType

        name = ibis.util.gen_name("flywheel")
        frame.createOrReplaceTempView(name)
        types = {
            f.name: dt.Timestamp("UTC") if isinstance(f.dataType, TimestampType) else PySparkType.to_ibis(f.dataType)
            for f in frame.schema
        }
        return ops.DatabaseTable(name, ibis.schema(types), self._connection, ops.Namespace()).to_expr()

    def _frame(self, expression: ir.Table) -> "DataFrame":
        """The expression with exactly the types it says: of Spark's own, a literal or a sum is often wider, and a
        timestamp has a zone."""
        from pyspark.sql import functions as sf

        frame = self._session.sql(self._connection.compile(expression))
        types = _spark_schema(expression.schema().to_pyarrow())
        return frame.select(*(sf.col(_quoted(f.name)).cast(f.dataType).alias(f.name) for f in types))


def _started(memory_limit: str, threads: int) -> "SparkSession":
    """The process's Spark, started if it has none."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise EngineError(
            "FLYWHEEL_ENGINE is spark, and pyspark is not installed: pip install 'flywheel-assets[spark]'"
        ) from None
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        raise EngineError(
            "FLYWHEEL_ENGINE is spark, and there is no Java: install a Java runtime, 17 or later, or set JAVA_HOME"
        )
    from pyspark.logger import PySparkLogger

    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("flywheel")
    configured = os.environ.keys() & {"SPARK_CONF_DIR", "PYSPARK_GATEWAY_PORT"}
    master = os.environ.get("SPARK_MASTER") or ("" if configured else f"local[{threads}]")
    if master:
        builder = builder.master(master)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="flywheel-log4j-") as folder:
        logging = Path(folder) / "log4j2.properties"
        logging.write_text(_NO_LOG)
        options: dict[str, bool | float | int | str | None] = {
            "spark.driver.memory": _mebibytes(memory_limit),
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging}",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        try:
            return builder.config(map=options).getOrCreate()
        except Exception as error:  # Py4J's, PySpark's and the system's, by what is missing
            raise EngineError(f"Spark cannot be started: {str(error).strip().splitlines()[0]}") from error


def _write(frame: "DataFrame", schema: pa.Schema, path: Path, metadata: Mapping[str, str]) -> int:
    """Write a frame to one parquet file, in its order, and return its rows.

    Spark writes a folder with one file per task, and nothing of ours into their footers. They are streamed into the one
    file from here; asking Spark for one file instead would make one task do all the work before it too."""
    parts = path.with_name(f"{path.name}.parts")
    rows = 0
    try:
        frame.write.parquet(_url(parts))
        with pq.ParquetWriter(
            path, schema, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL, store_schema=False
        ) as writer:
            writer.add_key_value_metadata(dict(metadata))
            for part in sorted(parts.glob("part-*.parquet")):
                for batch in pq.ParquetFile(part).iter_batches(BATCH_ROWS):
                    writer.write_batch(batch.cast(schema))
                    rows += batch.num_rows
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    return rows


def _refuse_unreadable(path: Path) -> None:
    """Raises EngineError for a name that Spark silently skips, or cannot read."""
    if path.name.startswith(("_", ".")) or ":" in str(path):
        raise EngineError(
            f"Spark cannot read {path}: it skips files whose names begin with _ or . and accepts none with a "
            "colon; rename it, or set FLYWHEEL_ENGINE=duckdb"
        )


def _spark_schema(schema: pa.Schema) -> "StructType":
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def _as_string(name: str, is_string: bool) -> "Column":
    """The column, as a string where it is one in any file: Spark would take the strings for numbers and fail."""
    from pyspark.sql import functions as sf

    column = sf.col(_quoted(name))
    return column.cast("string").alias(name) if is_string else column


def _uri_path(path: Path) -> str:
    """The path as Spark names the file: without ``..``, which it takes out without looking at links."""
    return os.path.normpath(path)


def _url(path: Path) -> str:
    """The path as one of the file system, where a cluster's default may be another. Hadoop wants it unescaped."""
    return f"file:{path}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _mebibytes(size: str) -> str:
    """``4GB`` or ``4GiB`` as Java takes it, in whole mebibytes."""
    number, unit, binary = re.fullmatch(r"([\d.]+)\s*([KMGT])(i?)B", size, re.IGNORECASE).groups()  # type: ignore[union-attr]
    power = "KMGT".index(unit.upper()) + 1
    return f"{int(float(number) * (1024 if binary else 1000) ** power / 2**20)}m"
