"""CSV and JSON lines as parquet: read once, by DuckDB whatever the engine, and kept beside the warehouse."""

from pathlib import Path

import duckdb

UNREADABLE = "_unreadable_line"
"""The column of a converted file that holds a line which could not be read; the others are null there."""

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
JSON = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")

READ_ERRORS: tuple[type[Exception], ...] = (duckdb.Error, OSError)


def is_text(name: str) -> bool:
    """Whether a file of that name is converted."""
    return name.lower().endswith((*CSV, *JSON))


def convert(source: Path, target: Path) -> None:
    """Write the rows of a text file to parquet: every column a text, nested ones of JSON as they are, and UNREADABLE.
    Raises one of READ_ERRORS for a file that is no CSV or JSON, or is not whole, ValueError for one without columns."""
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": True}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read = _csv if source.name.lower().endswith(CSV) else _json
        select = read(connection, str(source).replace("'", "''"))
        to = str(target).replace("'", "''")
        connection.execute(f"copy ({select}) to '{to}' (format parquet, compression zstd, compression_level 1)")
        if read is _csv:
            rejected = connection.execute("select count(*) from reject_errors").fetchone()
            if rejected and rejected[0]:
                names = connection.execute(f"describe select * from read_parquet('{to}')").fetchall()
                nulls = ", ".join(
                    f'null as "{n[0].replace(chr(34), chr(34) * 2)}"' for n in names if n[0] != UNREADABLE
                )
                connection.execute(
                    f"copy (select * from read_parquet('{to}') union all by name select distinct {nulls}, "
                    f"csv_line as {UNREADABLE} from reject_errors) to '{to}.all' (format parquet)"
                )
                Path(f"{target}.all").replace(target)


def _csv(connection: duckdb.DuckDBPyConnection, path: str) -> str:
    scan = f"read_csv('{path}', all_varchar = true, header = true, store_rejects = true, rejects_limit = 0, sample_size = -1)"
    _columns(connection, scan, path)
    return f"select *, null::varchar as {UNREADABLE} from {scan}"


def _json(connection: duckdb.DuckDBPyConnection, path: str) -> str:
    """Lines that are no JSON become rows of nulls."""
    options = "format = 'auto', ignore_errors = true, maximum_object_size = 67108864"
    columns = _columns(connection, f"read_json('{path}', {options}, sample_size = -1)", path)
    types = {name: dtype if dtype.endswith(("]", ")")) else "VARCHAR" for name, dtype in columns.items()}
    listed = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': '{dtype}'" for name, dtype in types.items())
    scan = f"read_json('{path}', {options}, columns = {{{listed}}})"
    every = " and ".join(f'"{name.replace(chr(34), chr(34) * 2)}" is null' for name in types)
    return f"select *, case when {every} then 'a line that is no JSON object' end as {UNREADABLE} from {scan}"


def _columns(connection: duckdb.DuckDBPyConnection, scan: str, path: str) -> dict[str, str]:
    found = {str(row[0]): str(row[1]) for row in connection.execute(f"describe select * from {scan}").fetchall()}
    if not found:
        raise ValueError("no columns")
    return found
