"""CSV copies: what a spreadsheet or a BI tool gets to see, and that it sees a whole file."""

import csv
import threading
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_assets.warehouse import csv_writer
from flywheel_assets.warehouse.csv_writer import csv_path, write_csv
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.frames import CALENDAR, SECOND

SCHEMA = pa.schema(
    [("Label", pa.string()), ("Change", pa.float64()), ("Users", pa.int64()), ("First_Day", pa.date32())]
)
ODD = [
    "=1+1",
    "+x",
    "-2",
    "@x",
    "\tx",
    "\r=x",
    "\n=x",
    "\uff1dx",
    "\0=x",
    '"q"',
    "a,b",
    "o'hara",
    "<b>",
    "🦊",
    "two\nlines",
    "a=1",
    "",
    None,
]


@pytest.fixture
def warehouse(engine: DuckDBEngine, tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, engine)


def keep(warehouse: Warehouse, number: int, *rows: tuple[str | None, float | None, int | None]) -> Path:
    interval = CALENDAR.number(number)
    columns = [*map(list, zip(*rows, strict=True)), [interval.first_day] * len(rows)] if rows else [[]] * 4
    warehouse.keep("mix", interval, pa.table(columns, schema=SCHEMA))
    return warehouse.path("mix", interval)


def read(warehouse: Warehouse) -> list[list[str]]:
    with csv_path(warehouse, "mix").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_all_intervals_are_in_one_file_under_one_header(warehouse: Warehouse) -> None:
    paths = [keep(warehouse, 1, ("Passive", -0.25, 3)), keep(warehouse, 2), keep(warehouse, 3, ("Engaged", None, None))]

    assert write_csv(warehouse, "mix", paths, SCHEMA) == 2
    assert read(warehouse) == [
        ["Label", "Change", "Users", "First_Day"],
        ["Passive", "-0.25", "3", "2024-01-01"],
        ["Engaged", "", "", "2024-01-29"],
    ]
    assert csv_path(warehouse, "mix") == warehouse.folder / "csv" / "mix.csv"


def test_what_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_stay_numbers(warehouse: Warehouse) -> None:
    path = keep(warehouse, 1, *((text, -1.5, -2) for text in ODD))
    write_csv(warehouse, "mix", [path], SCHEMA)
    _, *rows = read(warehouse)

    assert [row[0] for row in rows] == [
        *("'=1+1", "'+x", "'-2", "'@x", "'\tx", "'\r=x", "'\n=x", "'\uff1dx", "'\0=x"),
        *('"q"', "a,b", "o'hara", "<b>", "🦊", "two\nlines", "a=1", "", ""),
    ]
    assert {(row[1], row[2]) for row in rows} == {("-1.5", "-2")}


def test_the_copy_has_no_folder_of_a_table_and_no_mark_before_its_header(warehouse: Warehouse) -> None:
    write_csv(warehouse, "mix", [keep(warehouse, 1, ("é", 0.1, 1))], SCHEMA)

    assert csv_path(warehouse, "mix").read_bytes().startswith(b'"Label"')
    assert [path.suffix for path in (warehouse.folder / "mix").rglob("*") if path.is_file()] == [".parquet"]


def test_a_table_without_files_has_a_header(warehouse: Warehouse) -> None:
    assert write_csv(warehouse, "mix", [], SCHEMA) == 0
    assert read(warehouse) == [["Label", "Change", "Users", "First_Day"]]


def test_a_column_that_an_older_file_lacks_is_empty_there(warehouse: Warehouse) -> None:
    warehouse.keep("mix", SECOND, pa.table({"Label": ["Passive"], "gone": [1]}))
    write_csv(warehouse, "mix", [warehouse.path("mix", SECOND)], SCHEMA)
    assert read(warehouse)[1] == ["Passive", "", "", ""]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(warehouse, 1, ("Passive", 0.5, 3))
    write_csv(warehouse, "mix", [path], SCHEMA)
    before = csv_path(warehouse, "mix").read_bytes()

    def full(rows: pa.Table) -> pa.Table:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv_writer, "_harmless", full)
    with pytest.raises(OSError, match="No space left"):
        write_csv(warehouse, "mix", [path], SCHEMA)

    assert csv_path(warehouse, "mix").read_bytes() == before
    assert list((warehouse.folder / "_staging").iterdir()) == []


def test_of_writers_at_once_each_leaves_a_whole_file(warehouse: Warehouse) -> None:
    paths = [keep(warehouse, n, *[("Passive", 0.5, n)] * 200) for n in range(1, 6)]
    threads = [threading.Thread(target=write_csv, args=(warehouse, "mix", paths, SCHEMA)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(warehouse)) == 1001


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), max_size=5))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_comes_back(warehouse: Warehouse, texts: list[str]) -> None:
    write_csv(warehouse, "mix", [keep(warehouse, 1, *((text, 0.5, 1) for text in texts))], SCHEMA)

    options = pacsv.ConvertOptions(column_types=SCHEMA, strings_can_be_null=False)
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    found = pacsv.read_csv(csv_path(warehouse, "mix"), convert_options=options, parse_options=parsing)

    risky = [text[:1] in ("=", "+", "-", "@", "\t", "\n", *"\uff1d\uff0b\uff0d\uff20") and text != "" for text in texts]
    assert found["Label"].to_pylist() == ["'" + t if r else t for t, r in zip(texts, risky, strict=True)]
    assert set(found["First_Day"].to_pylist()) <= {date(2024, 1, 1)}
