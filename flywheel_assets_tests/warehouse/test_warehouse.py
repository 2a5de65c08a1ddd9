import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flywheel_assets
from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.tables.generation import Generation
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.warehouse import STALE_STAGING_SECONDS, Warehouse
from flywheel_assets_tests.frames import SECOND, records

MADE = Generation("user_labels", {"user_distributions": "d1"}, {"user model": "it's v1"})
TABLE = "user_labels"


@pytest.fixture
def warehouse(engine: DuckDBEngine, tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse", engine)


@pytest.fixture
def rows_of(engine: DuckDBEngine, tmp_path: Path) -> Callable[..., ir.Table]:
    """An expression over so many rows, all of one value."""

    def rows(value: str, count: int = 3) -> ir.Table:
        path = tmp_path / f"{value}-{count}.parquet"
        pq.write_table(pa.table({"user_id": pa.array([value] * count, pa.string())}), path)
        return engine.read([path])

    return rows


@pytest.fixture
def holder(warehouse: Warehouse) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Another process that uses the warehouse; it says when it is where it should be, and waits there."""
    started = []

    def start(body: str) -> subprocess.Popen[str]:
        lines = [
            "import time, datetime, pathlib, pyarrow as pa",
            "from flywheel_assets.tables.generation import Generation",
            "from flywheel_assets.intervals import Calendar",
            "from flywheel_assets.warehouse.engine import DuckDBEngine",
            "from flywheel_assets.warehouse.warehouse import Warehouse",
            "day = datetime.date(2024, 1, 1)",
            "interval = Calendar(day, day.replace(year=2025), 2, 'UTC').number(2)",
            f"warehouse = Warehouse(pathlib.Path({str(warehouse.folder)!r}), DuckDBEngine('200MB', 1))",
            body,
        ]
        environment = {**os.environ, "PYTHONPATH": str(Path(flywheel_assets.__file__).parent.parent)}
        command = [sys.executable, "-c", "\n".join(lines)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout.readline() == "there\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def staged(warehouse: Warehouse) -> list[Path]:
    return list((warehouse.folder / "_staging").glob("*"))


def test_a_table_of_an_interval_is_one_file_in_a_hive_style_folder(warehouse: Warehouse) -> None:
    path = warehouse.path(TABLE, SECOND).relative_to(warehouse.folder)
    assert str(path) == "user_labels/interval_start=2024-01-15/part-0.parquet"


@pytest.mark.parametrize(("table", "of"), [("enriched_export", "sessions"), ("user_export", "users")])
def test_an_export_is_one_file_named_by_number_and_dates(warehouse: Warehouse, table: str, of: str) -> None:
    path = warehouse.path(table, SECOND).relative_to(warehouse.folder)
    assert str(path) == f"exports/{of}_interval_002_2024-01-15_2024-01-28.parquet"


def test_what_is_written_is_read_with_its_generation_and_notes(
    warehouse: Warehouse, engine: DuckDBEngine, rows_of: Callable[..., ir.Table]
) -> None:
    written = warehouse.write(TABLE, SECOND, rows_of("a"), MADE, {"flywheel.ledger": '{"it\'s": 1}'})
    assert (written.rows, written.path, written.generation) == (3, warehouse.path(TABLE, SECOND), MADE)
    assert written.bytes == written.path.stat().st_size
    assert [row["user_id"] for row in records(engine, warehouse.read(TABLE, SECOND))] == ["a", "a", "a"]
    assert warehouse.rows(TABLE, SECOND) == 3
    assert warehouse.generation(TABLE, SECOND) == MADE
    assert warehouse.note(TABLE, SECOND, "flywheel.ledger") == '{"it\'s": 1}'
    assert warehouse.note(TABLE, SECOND, "another") is None
    assert staged(warehouse) == []


def test_a_mapped_table_has_its_generation_too(warehouse: Warehouse, rows_of: Callable[..., ir.Table]) -> None:
    written = warehouse.write_mapped(TABLE, SECOND, rows_of("a"), lambda batch: batch, lambda schema: schema, MADE)
    assert (written.rows, warehouse.generation(TABLE, SECOND)) == (3, MADE)


def test_writing_again_replaces_the_table(
    warehouse: Warehouse, engine: DuckDBEngine, rows_of: Callable[..., ir.Table]
) -> None:
    warehouse.write(TABLE, SECOND, rows_of("old", 5), MADE)
    warehouse.write(TABLE, SECOND, rows_of("new", 2), MADE)
    assert [row["user_id"] for row in records(engine, warehouse.read(TABLE, SECOND))] == ["new", "new"]
    assert len(list(warehouse.folder.rglob("*.parquet"))) == 1


def test_a_table_that_is_not_there_is_an_error_that_names_the_interval_and_the_command(warehouse: Warehouse) -> None:
    assert not warehouse.exists(TABLE, SECOND)
    assert warehouse.rows(TABLE, SECOND) is None
    assert warehouse.generation(TABLE, SECOND) is None
    with pytest.raises(NotMaterializedError) as error:
        warehouse.read(TABLE, SECOND)
    assert "user_labels of interval 2024-01-15 (2024-01-15 - 2024-01-28) has not been materialized" in str(error.value)
    assert "flywheel run --from 2024-01-15 --to 2024-01-15" in str(error.value)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it_and_the_command(warehouse: Warehouse) -> None:
    path = warehouse.path(TABLE, SECOND)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert warehouse.rows(TABLE, SECOND) is None
    assert warehouse.generation(TABLE, SECOND) is None
    with pytest.raises(NotMaterializedError) as error:
        warehouse.read(TABLE, SECOND)
    assert str(error.value) == (
        f"user_labels of interval 2024-01-15 (2024-01-15 - 2024-01-28) cannot be read: {path} is no whole parquet "
        "file. Materialize that interval again: flywheel run --from 2024-01-15 --to 2024-01-15"
    )


def test_a_table_that_was_not_written_here_has_no_generation(warehouse: Warehouse) -> None:
    path = warehouse.path(TABLE, SECOND)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": ["a"]}), path)
    assert warehouse.exists(TABLE, SECOND)
    assert warehouse.generation(TABLE, SECOND) is None


def test_a_write_that_fails_in_the_middle_leaves_the_old_table_and_nothing_else(
    warehouse: Warehouse, engine: DuckDBEngine, rows_of: Callable[..., ir.Table]
) -> None:
    def fails_at_the_second_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
        if seen:
            raise RuntimeError("out of disk")
        seen.append(batch)
        return batch

    warehouse.write(TABLE, SECOND, rows_of("old"), MADE)
    seen: list[pa.RecordBatch] = []
    with pytest.raises(RuntimeError, match="out of disk"):
        warehouse.write_mapped(TABLE, SECOND, rows_of("new", 200_000), fails_at_the_second_batch, lambda s: s, MADE)
    assert len(seen) == 1
    assert [row["user_id"] for row in records(engine, warehouse.read(TABLE, SECOND))] == ["old"] * 3
    assert staged(warehouse) == []


def test_a_first_write_that_fails_leaves_no_table(warehouse: Warehouse, rows_of: Callable[..., ir.Table]) -> None:
    rows = rows_of("new")
    with pytest.raises(Exception, match="Conversion"):
        warehouse.write(TABLE, SECOND, rows.mutate(n=rows.user_id.cast("int64")), MADE)
    assert not warehouse.exists(TABLE, SECOND)
    assert staged(warehouse) == []


def test_a_reader_sees_the_old_table_or_the_new_one_and_never_a_part(
    warehouse: Warehouse, rows_of: Callable[..., ir.Table]
) -> None:
    path = warehouse.path(TABLE, SECOND)
    tables = {"old": rows_of("old", 1000), "new": rows_of("new", 2000)}
    warehouse.write(TABLE, SECOND, tables["old"], MADE)
    seen: set[tuple[int, tuple[str, ...]]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            column = pq.ParquetFile(path).read()["user_id"]
            seen.add((len(column), tuple(column.unique().to_pylist())))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(40):
        warehouse.write(TABLE, SECOND, tables["new" if n % 2 else "old"], MADE)
    done.set()
    reader.join()
    assert seen
    assert seen <= {(1000, ("old",)), (2000, ("new",))}


def test_a_reader_of_the_old_table_can_finish_after_it_was_replaced(
    warehouse: Warehouse, rows_of: Callable[..., ir.Table]
) -> None:
    warehouse.write(TABLE, SECOND, rows_of("old"), MADE)
    with pq.ParquetFile(warehouse.path(TABLE, SECOND)) as old:
        warehouse.write(TABLE, SECOND, rows_of("new"), MADE)
        assert old.read()["user_id"].to_pylist() == ["old"] * 3


def test_a_killed_write_leaves_the_old_table_alone_in_its_folder(
    warehouse: Warehouse,
    engine: DuckDBEngine,
    rows_of: Callable[..., ir.Table],
    holder: Callable[[str], subprocess.Popen],
) -> None:
    warehouse.write(TABLE, SECOND, rows_of("old"), MADE)
    process = holder(
        "def slow(batch):\n"
        "    print('there', flush=True)\n"
        "    time.sleep(60)\n"
        "rows = warehouse.read('user_labels', interval)\n"
        "warehouse.write_mapped('user_labels', interval, rows, slow, lambda s: s, Generation('t', {}, {}))"
    )
    process.kill()
    process.wait()
    assert list((warehouse.folder / TABLE).rglob("*.parquet")) == [warehouse.path(TABLE, SECOND)]
    assert [row["user_id"] for row in records(engine, warehouse.read(TABLE, SECOND))] == ["old"] * 3
    assert len(staged(warehouse)) == 1


def test_sweeping_deletes_only_staging_that_nobody_can_be_writing(warehouse: Warehouse) -> None:
    ages = {"stale": STALE_STAGING_SECONDS + 60, "fresh": STALE_STAGING_SECONDS - 60}
    for name, age in ages.items():
        folder = warehouse.folder / "_staging" / name
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").touch()
        os.utime(folder, (time.time() - age,) * 2)
    warehouse.sweep()
    assert [path.name for path in staged(warehouse)] == ["fresh"]


def test_staging_that_is_gone_before_it_is_looked_at_stops_no_sweeping(warehouse: Warehouse) -> None:
    (warehouse.folder / "_staging").mkdir(parents=True)
    (warehouse.folder / "_staging" / "gone").symlink_to("nowhere")
    warehouse.sweep()


def test_sweeping_a_warehouse_that_is_not_there_does_nothing(warehouse: Warehouse) -> None:
    warehouse.sweep()
    assert not warehouse.folder.exists()


def test_quarantined_rows_are_kept_and_counted(warehouse: Warehouse, rows_of: Callable[..., ir.Table]) -> None:
    assert warehouse.quarantined_rows(SECOND) == 0
    assert warehouse.quarantine("interval_start=2024-01-15", rows_of("bad")) == 3
    assert (warehouse.folder / "quarantine/interval_start=2024-01-15/part-0.parquet").is_file()
    assert warehouse.quarantined_rows(SECOND) == 3


def test_quarantining_none_removes_what_was_kept_before(warehouse: Warehouse, rows_of: Callable[..., ir.Table]) -> None:
    warehouse.quarantine("interval_start=2024-01-15", rows_of("bad"))
    assert warehouse.quarantine("interval_start=2024-01-15", rows_of("bad").limit(0)) == 0
    assert warehouse.quarantined_rows(SECOND) == 0
    assert list((warehouse.folder / "quarantine").iterdir()) == []


def test_a_lock_keeps_another_process_out_until_it_dies(
    warehouse: Warehouse, holder: Callable[[str], subprocess.Popen]
) -> None:
    process = holder("with warehouse.lock(interval):\n    print('there', flush=True)\n    time.sleep(60)")
    entered = threading.Event()

    def enter() -> None:
        with warehouse.lock(SECOND):
            entered.set()

    waiting = threading.Thread(target=enter, daemon=True)
    waiting.start()
    assert not entered.wait(0.3)
    process.kill()
    assert entered.wait(10)
    waiting.join()


def test_a_lock_is_of_one_interval_and_let_go_at_the_end(warehouse: Warehouse) -> None:
    third = type(SECOND)(3, SECOND.first_day.replace(day=29), SECOND.last_day, SECOND.start, SECOND.end)
    with warehouse.lock(SECOND), warehouse.lock(third):
        pass
    with pytest.raises(RuntimeError), warehouse.lock(SECOND):
        raise RuntimeError
    with warehouse.lock(SECOND):
        pass


def test_forgetting_an_interval_leaves_the_csv_files_of_others(warehouse: Warehouse) -> None:
    folder = warehouse.folder / "csv"
    folder.mkdir(parents=True)
    for name in (f"ranked_users_{SECOND.key}", "ranked_users_2023-01-02", "label_mix"):
        (folder / f"{name}.csv").write_text("")
    assert warehouse.made(SECOND) == [folder / f"ranked_users_{SECOND.key}.csv"]
    warehouse.forget(SECOND)
    assert [path.name for path in folder.iterdir()] == ["ranked_users_2023-01-02.csv"]
