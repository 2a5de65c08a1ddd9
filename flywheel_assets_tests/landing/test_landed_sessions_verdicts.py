from datetime import UTC, datetime, timedelta

import ibis
import pytest

from flywheel_assets.landing import landed_sessions as landed
from flywheel_assets.tables.contract import Column, expand
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import SECOND, figures, frame

COLUMNS = {"session_id": "string", "user_id": "string", "leads": "float64", "timestamp_unix": "int64"}
CONTRACT = expand(landed.TABLE.columns, ["leads"], [], [])
SCHEMA = {
    "session_id": "string",
    "user_id": "string",
    "leads": "float64",
    "timestamp_unix": "int64",
    "timestamp_utc": "timestamp('UTC')",
}
GOOD = {"rows": 3, "sessions": 3, "invalid": 0, "outside": 0}


def test_only_the_contract_blocks() -> None:
    assert {c.name: c.blocking for c in landed.CHECKS} == {
        "contract": True,
        "quarantine_rate": False,
        "volume": False,
        "interval_closed": False,
        "landed_files": False,
    }


def test_figures_count_invalid_rows_those_outside_the_interval_and_distinct_sessions(engine: DuckDBEngine) -> None:
    start, end = SECOND.start_unix, SECOND.end_unix
    table = frame(
        COLUMNS,
        [
            ("s1", "u", 1, start),
            ("s1", "u", 1, end - 1),
            ("s2", "u", -1, start - 1),
            ("s3", None, 1, end),
            ("s4", "u", 1, None),
        ],
    )
    assert figures(engine, table, landed.figures(table, SECOND, {"leads": 0.0})) == {
        "rows": 5,
        "sessions": 4,
        "invalid": 2,
        "outside": 3,
    }


def test_figures_of_an_empty_table_are_0(engine: DuckDBEngine) -> None:
    table = frame(COLUMNS, [])
    row = figures(engine, table, landed.figures(table, SECOND, {"leads": 0.0}))
    assert row == {"rows": 0, "sessions": 0, "invalid": 0, "outside": 0}
    assert landed.contract(row, ibis.schema(SCHEMA), CONTRACT).passed


def test_the_contract_is_kept_by_valid_rows_of_its_columns() -> None:
    judged = landed.contract(GOOD, ibis.schema(SCHEMA), CONTRACT)
    assert (judged.passed, judged.severity, judged.summary) == (True, "ERROR", "3 valid rows, one a session")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"invalid": 1}, "1 invalid rows"),
        ({"outside": 2}, "2 rows outside the interval"),
        ({"sessions": 2}, "1 rows of a session that has another"),
    ],
)
def test_the_contract_is_broken_by_a_row(fault: dict[str, int], says: str) -> None:
    judged = landed.contract({**GOOD, **fault}, ibis.schema(SCHEMA), CONTRACT)
    assert (judged.passed, judged.severity, judged.summary) == (False, "ERROR", says)


@pytest.mark.parametrize(
    ("column", "dtype", "kept"),
    [
        ("leads", "float64", True),
        ("leads", "int32", False),
        ("leads", "string", False),
        ("session_id", "int64", False),
        ("session_id", "!string", True),
        ("timestamp_unix", "int32", False),
        ("timestamp_utc", "timestamp", False),
        ("timestamp_utc", "timestamp('UTC', 6)", True),
        ("device", "string", True),
    ],
)
def test_the_contract_is_broken_by_a_column_of_another_type(column: str, dtype: str, kept: bool) -> None:
    judged = landed.contract(GOOD, ibis.schema({**SCHEMA, column: dtype}), CONTRACT)
    assert judged.passed == kept
    assert judged.numbers["wrong_columns"] == int(not kept)
    assert kept or judged.summary.startswith(f"column {column} is {dtype}, expected ")


def test_the_contract_is_broken_by_a_missing_column() -> None:
    without = {name: dtype for name, dtype in SCHEMA.items() if name != "timestamp_utc"}
    assert landed.wrong_columns(ibis.schema(without), CONTRACT) == [
        "column timestamp_utc is missing, expected timestamp('UTC')"
    ]


def test_a_column_of_any_type_keeps_the_contract() -> None:
    anything = [Column("device", "any", "As landed.")]
    assert landed.wrong_columns(ibis.schema({"device": "array<int8>"}), anything) == []


@pytest.mark.parametrize(
    ("quarantined", "kept", "passed"), [(1, 99, True), (2, 98, False), (0, 0, True), (5, 0, False)]
)
def test_at_most_1_per_cent_of_the_rows_are_invalid(quarantined: int, kept: int, passed: bool) -> None:
    judged = landed.quarantine_rate(quarantined, kept)
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers["quarantined_rows"] == quarantined


@pytest.mark.parametrize(("rows", "passed"), [(49, False), (50, True), (200, True), (201, False), (0, False)])
def test_volume_warns_under_half_and_over_twice_the_median(rows: int, passed: bool) -> None:
    judged = landed.volume(rows, [10, 100, 100, 1000, 0, 0])
    assert (judged.passed, judged.severity) == (passed, "WARN")
    assert judged.numbers["median_before"] == 100


@pytest.mark.parametrize("previous", [[], [0, 0]])
def test_volume_without_previous_data_passes_and_says_so(previous: list[int]) -> None:
    judged = landed.volume(7, previous)
    assert judged.passed
    assert "no previous interval has data" in judged.summary


def test_an_interval_that_is_open_warns() -> None:
    before, after = SECOND.end - timedelta(seconds=1), SECOND.end
    assert landed.interval_closed(SECOND, after).passed
    judged = landed.interval_closed(SECOND, before)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "the interval is open until 2024-01-29T00:00+00:00: more sessions may land"
    assert SECOND.end == datetime(2024, 1, 29, tzinfo=UTC)


def test_files_that_are_set_aside_warn_and_are_named() -> None:
    assert landed.landed_files(3, []).passed
    judged = landed.landed_files(3, ["a.parquet has no column 'leads'", "b.parquet is not readable"])
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "a.parquet has no column 'leads'; b.parquet is not readable"
    assert judged.numbers == {"files_used": 3, "files_with_problems": 2}
