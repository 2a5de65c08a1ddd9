"""What a materialization says about itself in the UI: numbers that Dagster plots, the path, the columns it has."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from flywheel_assets.domain.labels import share_column
from flywheel_assets.domain.tables import Column, Table
from flywheel_assets.domain.verdicts.verdict import share
from flywheel_assets.storage.engine import parquet_schema
from flywheel_assets.storage.warehouse import Written


def column_schema(columns: Sequence[Column]) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    return dg.TableSchema([dg.TableColumn(c.name, c.dtype, description=c.description) for c in columns])


def declared(table: Table) -> dict[str, Any]:
    """The metadata of an asset before any materialization: its grain and contract."""
    return {"grain": f"one row a {table.grain}", "dagster/column_schema": column_schema(table.columns)}


def materialized(
    written: Written, columns: Sequence[Column], numbers: Mapping[str, float], extras: Mapping[str, Any] | None = None
) -> dg.MaterializeResult[None]:
    """The result of an asset. ``columns``: the contract's, whose descriptions the written columns take over."""
    descriptions = {c.name: c.description for c in columns}
    schema = dg.TableSchema(
        [
            dg.TableColumn(name, dtype, description=descriptions.get(name, "As landed."))
            for name, dtype in parquet_schema(written.path).items()
        ]
    )
    metadata = {
        "rows": written.rows,
        **numbers,
        "seconds": round(written.seconds, 3),
        "bytes": written.bytes,
        "dagster/row_count": written.rows,
        "dagster/column_schema": schema,
        "path": dg.MetadataValue.path(str(written.path)),
        **(extras or {}),
    }
    version = dg.DataVersion(written.generation.digest) if written.generation else None
    return dg.MaterializeResult(metadata=metadata, data_version=version)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """``share_<label>`` of each label."""
    total = sum(counts.values())
    return {share_column(label): share(n, total) for label, n in counts.items()}


def records(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows as a table in the UI."""
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])
