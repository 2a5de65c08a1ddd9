"""A text of a time with a zone is of that zone, one without of the mapping's."""

import math
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.ingest.mapping import TIME_UNITS
from flywheel_assets.ingest.times import EARLIEST, LATEST, microseconds
from flywheel_assets.warehouse.engine import DuckDBEngine


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-01-15", "2024-01-14 23:00"),  # a date ends as a zone does
        ("2024-01-15 10:00", "2024-01-15 09:00"),
        ("2024-01-15T10:00:00.250", "2024-01-15 09:00:00.250"),
        ("2024-01-15 10:00:00-05", "2024-01-15 15:00"),
        ("2024-01-15T10:00:00.250+02:00", "2024-01-15 08:00:00.250"),
        ("2024-01-15 10:00:00 UTC", "2024-01-15 10:00"),
        ("2024-01-15T10:00:00Z", "2024-01-15 10:00"),
        ("15/01/2024 10:00", None),
    ],
)
def test_of_texts_in_berlin(tmp_path: Path, engine: DuckDBEngine, text: str, utc: str | None) -> None:
    pq.write_table(pa.table({"at": [text]}), tmp_path / "t.parquet")
    rows = engine.read([tmp_path / "t.parquet"])
    found = engine.collect(rows.select(at=microseconds(rows["at"], "", "Europe/Berlin")))["at"][0].as_py()
    expected = datetime.fromisoformat(f"{utc}+00:00").timestamp() * 1e6 if utc else None
    assert found == expected


@pytest.mark.parametrize("unit", TIME_UNITS)
@pytest.mark.parametrize(
    "numbers",
    [
        pa.array([2**63 - 1, -(2**63), None, 0]),
        pa.array([2**64 - 1, 0, None, 0], pa.uint64()),
        pa.array([1e300, -1e300, None, 0.0]),
        pa.array([math.inf, math.nan, None, 0.0]),
    ],
    ids=["int64", "uint64", "double", "no number"],
)
def test_an_impossible_epoch_is_outside_of_all_years(
    tmp_path: Path, engine: DuckDBEngine, unit: str, numbers: pa.Array
) -> None:
    pq.write_table(pa.table({"at": numbers}), tmp_path / "t.parquet")
    rows = engine.read([tmp_path / "t.parquet"])
    found = engine.collect(rows.select(at=microseconds(rows["at"], unit, "UTC")))["at"].to_pylist()
    assert found[2:] == [None, 0]
    assert not any(EARLIEST <= at < LATEST for at in found[:2])
