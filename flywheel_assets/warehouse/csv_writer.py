"""CSV copies of small tables: one file per table, `<warehouse>/csv/<table>.csv`, with rows of all intervals, for who
uploads a file to a BI tool or opens it in a spreadsheet.

They are beside the tables' folders, not in them: whoever reads those by a pattern must find parquet alone."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from flywheel_assets.warehouse.files import locked
from flywheel_assets.warehouse.warehouse import Warehouse

FORMULA = "^[=+\\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]"
"""What a spreadsheet takes for the beginning of a formula, full-width signs included: OWASP's "CSV Injection", and ASVS
1.2.10, which adds the null character."""


def csv_path(warehouse: Warehouse, table: str) -> Path:
    return warehouse.folder / "csv" / f"{table}.csv"


def write_csv(warehouse: Warehouse, table: str, paths: Sequence[Path], schema: pa.Schema) -> int:
    """Put a table's parquet files, in their order, into its CSV file, and return the rows. No files give the header.

    UTF-8 without a mark at its beginning, commas, a header, texts in double quotes, nulls as nothing, days as
    2024-01-15.
    A text that a spreadsheet would run as a formula (`=1+1`, `@x`) gets an apostrophe before it, as OWASP advises;
    numbers stay as they are. ``schema``: the columns and their types; one that a file lacks is null there.

    The file is replaced whole. Of several writers each waits for the one before and then reads what is there, so
    that the last one has everything."""

    def write(staged: Path) -> int:
        rows = 0
        with pacsv.CSVWriter(staged, schema) as writer:
            for source in paths:
                batch = _harmless(_of_schema(pq.ParquetFile(source).read(), schema))
                writer.write_table(batch)
                rows += batch.num_rows
        return rows

    with locked(warehouse.lock_path("csv")):
        return warehouse.replace(csv_path(warehouse, table), write).rows


def _of_schema(found: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        found[field.name].cast(field.type) if field.name in found.schema.names else pa.nulls(len(found), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _harmless(rows: pa.Table) -> pa.Table:
    """The rows with an apostrophe before each text that begins as a formula does."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            texts = rows[field.name]
            risky = pc.match_substring_regex(texts, FORMULA)
            escaped = pc.if_else(risky, pc.binary_join_element_wise("'", texts, ""), texts)
            rows = rows.set_column(position, field, escaped)
    return rows
