"""What a materialization shows in the UI: numbers that Dagster plots, the path, the columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.drift import compare
from flywheel_assets.tables.labels import share_column
from flywheel_assets.tables.verdict import share
from flywheel_assets.warehouse.engine import parquet_schema
from flywheel_assets.warehouse.warehouse import Written


def column_schema(columns: Sequence[Column]) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    return dg.TableSchema([dg.TableColumn(c.name, c.dtype, description=c.description) for c in columns])


def declared(table: Table) -> dict[str, Any]:
    """The metadata of an asset before any materialization: its grain and contract."""
    return {"grain": f"one row per {table.grain}", "dagster/column_schema": column_schema(table.columns)}


def materialized(
    written: Written, columns: Sequence[Column], numbers: Mapping[str, float], extras: Mapping[str, Any] | None = None
) -> dg.MaterializeResult[None]:
    """The result of an asset. ``columns``: the contract's, which give the written columns their descriptions."""
    descriptions = {c.name: c.description for c in columns}
    schema = dg.TableSchema(
        [
            dg.TableColumn(name, dtype, description=descriptions.get(name, "As landed."))
            for name, dtype in parquet_schema(written.path).items()
        ]
    )
    metadata = {
        "rows": written.rows,
        **readable(numbers),
        "seconds": round(written.seconds, 3),
        "bytes": written.bytes,
        "dagster/row_count": written.rows,
        "dagster/column_schema": schema,
        "path": dg.MetadataValue.path(str(written.path)),
        **(extras or {}),
    }
    version = dg.DataVersion(written.generation.digest) if written.generation else None
    return dg.MaterializeResult(metadata=metadata, data_version=version)


def label_numbers(counts: Mapping[str, int], baseline: Mapping[str, int] | None) -> dict[str, float]:
    """``share_<label>`` of each label and, where there is something to compare, ``psi_from_baseline``."""
    total = sum(counts.values())
    numbers = {share_column(label): share(n, total) for label, n in counts.items()}
    drift = compare([*counts.values()], [baseline.get(label, 0) for label in counts]) if baseline else None
    return numbers | ({"psi_from_baseline": drift.psi} if drift else {})


def readable(numbers: Mapping[str, float | str]) -> dict[str, Any]:
    """The numbers as people read them: fractions to four digits (0.1086725 is 0.1087, 0.0000036502 is 0.00000365)."""
    return {name: _readable(number) if isinstance(number, float) else number for name, number in numbers.items()}


def records(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dg.TableMetadataValue]:
    """Rows as a table in the UI, to four decimals, as a metadata entry of that name; no entry for no rows."""
    tidy = [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in tidy])} if rows else {}


def _readable(number: float) -> float:
    return float(f"{number:.4g}") if abs(number) < 1 else round(number, 4)
