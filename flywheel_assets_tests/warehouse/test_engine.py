import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from flywheel_assets.warehouse.engine import BATCH_ROWS, FILE, PRECEDENCE, ROW, DuckDBEngine, footer, parquet_schema
from flywheel_assets_tests.frames import records

NUMBERS = pa.table({"n": pa.array([1, 2, 3], pa.int32()), "word": ["a", None, "c"]})


def landed(path: Path, **columns: pa.Array | list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.append_column("twice", pc.multiply(batch["n"], 2))


def with_twice(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field("twice", schema.field("n").type))


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    pq.write_table(NUMBERS, tmp_path / "numbers.parquet")
    return tmp_path / "numbers.parquet"


def test_what_is_written_is_read_again(engine: DuckDBEngine, numbers: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.parquet"
    assert engine.write(engine.read([numbers]), copy, {}) == 3
    table = engine.read([copy])
    assert records(engine, table, "n") == NUMBERS.to_pylist()
    assert {name: str(dtype) for name, dtype in table.schema().items()} == {"n": "int32", "word": "string"}


def test_metadata_is_in_the_footer_as_it_was_given(engine: DuckDBEngine, numbers: Path, tmp_path: Path) -> None:
    notes = {
        "flywheel.ledger": json.dumps({"feature": 'it\'s "quoted"', "ü": "\\ \n é"}),
        "it's": "'; DROP TABLE x; --",
        "raw": "é {braces} $1",
    }
    engine.write(engine.read([numbers]), tmp_path / "copy.parquet", notes)
    assert footer(tmp_path / "copy.parquet") == (3, notes)


def test_a_path_with_a_quote_is_written_and_read(engine: DuckDBEngine, numbers: Path, tmp_path: Path) -> None:
    copy = tmp_path / "it's.parquet"
    assert engine.write(engine.read([numbers]), copy, {}) == 3
    assert engine.collect(engine.read([copy])).num_rows == 3


def test_an_empty_table_keeps_its_schema(engine: DuckDBEngine, tmp_path: Path) -> None:
    schema = {"n": "int32", "share": "float64", "at": "timestamp('UTC')", "word": "string"}
    path = tmp_path / "empty.parquet"
    assert engine.write(engine.empty(schema), path, {"k": "v"}) == 0
    assert footer(path) == (0, {"k": "v"})
    assert parquet_schema(path) == {
        "n": "int32",
        "share": "double",
        "at": "timestamp[us, tz=UTC]",
        "word": "string",
    }
    assert engine.collect(engine.read([path])).num_rows == 0


def test_a_folder_that_looks_like_a_partition_adds_no_column(engine: DuckDBEngine, numbers: Path) -> None:
    folder = numbers.parent / "interval_start=2024-01-15"
    folder.mkdir()
    numbers.rename(folder / "part-0.parquet")
    assert engine.read([folder / "part-0.parquet"]).columns == ("n", "word")
    assert "interval_start" not in engine.read_landed([folder / "part-0.parquet"]).columns


def test_a_result_streams_through_the_function_batch_by_batch(engine: DuckDBEngine, tmp_path: Path) -> None:
    rows = 3 * BATCH_ROWS + 1
    many = landed(tmp_path / "many.parquet", n=pa.array(range(rows), pa.int64()))
    sizes = []

    def function(batch: pa.RecordBatch) -> pa.RecordBatch:
        sizes.append(batch.num_rows)
        return doubled(batch)

    written = engine.write_mapped(engine.read([many]), function, with_twice, tmp_path / "out.parquet", {"k": "it's"})
    assert written == sum(sizes) == rows
    assert len(sizes) >= 3
    assert max(sizes) <= BATCH_ROWS
    assert footer(tmp_path / "out.parquet")[0] == rows
    assert footer(tmp_path / "out.parquet")[1]["k"] == "it's"
    table = pq.read_table(tmp_path / "out.parquet")
    assert pc.sum(table["twice"]).as_py() == rows * (rows - 1)
    assert pc.all(pc.equal(table["twice"], pc.multiply(table["n"], 2))).as_py()


def test_a_result_without_rows_has_the_functions_columns(engine: DuckDBEngine, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert engine.write_mapped(engine.empty({"n": "int64"}), doubled, with_twice, path, {}) == 0
    assert parquet_schema(path) == {"n": "int64", "twice": "int64"}


def test_a_function_that_raises_is_heard(engine: DuckDBEngine, numbers: Path, tmp_path: Path) -> None:
    def function(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        engine.write_mapped(engine.read([numbers]), function, with_twice, tmp_path / "out.parquet", {})
    assert engine.collect(engine.read([numbers])).num_rows == 3, "and the engine goes on"


def test_landed_files_unite_by_column_name_with_path_place_and_precedence(engine: DuckDBEngine, tmp_path: Path) -> None:
    old = landed(
        tmp_path / "b.parquet", session_id=["s1", "s2"], leads=pa.array([1, 2], pa.int8()), device=["web", "app"]
    )
    new = landed(tmp_path / "a.parquet", leads=pa.array([3_000_000_000], pa.int64()), session_id=["s3"], score=[0.5])
    assert records(engine, engine.read_landed([old, new]), "session_id") == [
        {"session_id": "s1", "leads": 1, "device": "web", "score": None, ROW: 0, FILE: str(old), PRECEDENCE: 0},
        {"session_id": "s2", "leads": 2, "device": "app", "score": None, ROW: 1, FILE: str(old), PRECEDENCE: 0},
        {
            "session_id": "s3",
            "leads": 3_000_000_000,
            "device": None,
            "score": 0.5,
            ROW: 0,
            FILE: str(new),
            PRECEDENCE: 1,
        },
    ]


def test_whole_numbers_and_decimals_of_two_files_unite_as_floats(engine: DuckDBEngine, tmp_path: Path) -> None:
    whole = landed(tmp_path / "a.parquet", leads=pa.array([1], pa.int32()))
    real = landed(tmp_path / "b.parquet", leads=pa.array([0.5], pa.float64()))
    assert [row["leads"] for row in records(engine, engine.read_landed([whole, real]), PRECEDENCE)] == [1.0, 0.5]


@pytest.mark.parametrize("name", ["s[1].parquet", "s?.parquet", "s*.parquet"])
def test_a_file_is_read_by_its_name_and_not_as_a_pattern(engine: DuckDBEngine, tmp_path: Path, name: str) -> None:
    odd = landed(tmp_path / name, session_id=["odd"])
    plain = landed(tmp_path / "s1.parquet", session_id=["plain"])
    assert [row["session_id"] for row in records(engine, engine.read([odd]))] == ["odd"]
    both = records(engine, engine.read_landed([odd, plain]), PRECEDENCE)
    assert [(row["session_id"], row[FILE]) for row in both] == [("odd", str(odd)), ("plain", str(plain))]


def test_timestamps_are_utc_wherever_the_machine_is(engine: DuckDBEngine, tmp_path: Path) -> None:
    path = landed(tmp_path / "a.parquet", at=pa.array([1705276800_000_000], pa.timestamp("us", "America/New_York")))
    assert str(engine.collect(engine.read([path])).schema.field("at").type) == "timestamp[us, tz=UTC]"


def test_a_closed_engine_leaves_no_spill_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = DuckDBEngine("200MB", 1)
    assert [path.name[:15] for path in tmp_path.iterdir()] == ["flywheel-spill-"]
    engine.close()
    assert list(tmp_path.iterdir()) == []
