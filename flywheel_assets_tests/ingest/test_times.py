"""A text of a time with a zone is of that zone, one without of the mapping's."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.ingest.times import microseconds
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
