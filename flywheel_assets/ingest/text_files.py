"""CSV and JSON lines as parquet: read once, by DuckDB whatever the engine, and kept beside the warehouse."""

import gzip
import zlib
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

UNREADABLE = "_unreadable_line"
"""The column of a converted file that holds a line which could not be read; the others are null there."""

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
JSON = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")

READ_ERRORS: tuple[type[Exception], ...] = (duckdb.Error, OSError)


def is_text(name: str) -> bool:
    """Whether a file of that name is converted."""
    return name.lower().endswith((*CSV, *JSON))


def convert(source: Path, target: Path) -> int:
    """Write the rows of a text file to parquet, and return how many: every column a text, nested ones of JSON as they
    are, and UNREADABLE. Raises one of READ_ERRORS for a file that is no CSV or JSON, or is not whole, ValueError for
    one without columns."""
    if source.name.lower().endswith(".gz"):
        _check_whole(source)
    read = _csv if source.name.lower().endswith(CSV) else _json
    with duckdb.connect(config={"threads": 1}) as connection:
        select, count = read(connection, _quoted(source))
        to = f"to {_quoted(target)} (format parquet, compression zstd, compression_level 1)"
        connection.execute(f"copy ({select}) {to}")
        rejected = connection.execute(count).fetchone()
        if rejected and rejected[0]:
            columns = [row[0] for row in connection.execute(f"describe {select}").fetchall()]
            nulls = ", ".join(f"null as {_name(name)}" for name in columns if name != UNREADABLE)
            lines = f"select {nulls}, csv_line as {UNREADABLE} from (select distinct line, csv_line from reject_errors)"
            connection.execute(f"copy ({select} union all by name {lines}) {to}")
    return pq.read_metadata(target).num_rows


def _check_whole(source: Path) -> None:
    """Raises ValueError for a gzip file that ends too early: DuckDB takes what there is for all."""
    try:
        with gzip.open(source) as file:
            while file.read(1 << 20):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"the compressed file is not whole ({error})") from None


def _csv(connection: duckdb.DuckDBPyConnection, path: str) -> tuple[str, str]:
    """A query of the rows, and one of how many lines it left out."""
    options = "all_varchar = true, header = true, store_rejects = true, rejects_limit = 0, sample_size = -1"
    scan = f"read_csv({path}, {options})"
    _columns(connection, scan)
    return f"select *, null::varchar as {UNREADABLE} from {scan}", "select count(*) from reject_errors"


def _json(connection: duckdb.DuckDBPyConnection, path: str) -> tuple[str, str]:
    """Likewise; lines that are no JSON become rows of nulls, so none is left out."""
    options = "format = 'auto', ignore_errors = true, maximum_object_size = 67108864"
    columns = _columns(connection, f"read_json({path}, {options}, sample_size = -1)")
    if list(columns) == ["json"]:  # a line that is no object has DuckDB take every line for one value
        return _objects(connection, path, options), "select 0"
    types = {name: dtype if dtype.endswith(("]", ")")) else "VARCHAR" for name, dtype in columns.items()}
    listed = ", ".join(f"{_quoted(name)}: {_quoted(dtype)}" for name, dtype in types.items())
    scan = f"read_json({path}, {options}, columns = {{{listed}}})"
    every = " and ".join(f"{_name(name)} is null" for name in types)
    line = f"case when {every} then 'a line that is no JSON object' end as {UNREADABLE}"
    return f"select *, {line} from {scan}", "select 0"


def _objects(connection: duckdb.DuckDBPyConnection, path: str, options: str) -> str:
    """A query of the lines that are objects, all values as texts, and of the others as they are."""
    lines = f"read_json({path}, {options}, records = false, columns = {{'json': 'JSON'}})"
    keys = connection.execute(
        f"select distinct unnest(json_keys(json)) as name from {lines} where json_type(json) = 'OBJECT' order by name"
    ).fetchall()
    values = ", ".join(f"json ->> {_quoted('$.' + _name(str(key)))} as {_name(str(key))}" for (key,) in keys)
    line = f"case when json_type(json) = 'OBJECT' then null else coalesce(json::varchar, 'no JSON') end as {UNREADABLE}"
    return f"select {values}, {line} from {lines}"


def _columns(connection: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    found = {str(row[0]): str(row[1]) for row in connection.execute(f"describe select * from {scan}").fetchall()}
    if not found:
        raise ValueError("no columns")
    return found


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
