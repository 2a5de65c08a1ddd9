from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.landing import landed_sessions as landed
from flywheel_assets.landing import rows as valid
from flywheel_assets.landing.landed_sessions import present_form
from flywheel_assets.tables.contract import Column, expand
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW, DuckDBEngine
from flywheel_assets_tests.frames import SECOND, figures, frame, records

NAN, INFINITY = float("nan"), float("inf")
MINIMUMS = {"leads": 0.0, "score": -2.5}
"""leads was fitted on 0 and more, score on negative values too."""


def landed_rows(*rows: tuple[str | None, str | None, int | None, float | None]) -> ir.Table:
    types = {"session_id": "string", "user_id": "string", "leads": "int64", "score": "float64", PRECEDENCE: "int64"}
    return frame(types, [(*row, n) for n, row in enumerate(rows)])


def reason(engine: DuckDBEngine, *row: Any) -> str | None:
    table = landed_rows(row)
    (found,) = records(engine, table.select(reason=valid.invalid_reason(table, MINIMUMS)))
    return found["reason"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("s", "u", 0, -2.5), None),
        (("s", "u", 10**12, 3.4e38), None),
        (("s", "u", 1, 1e300), "score is not a finite 32-bit number"),
        ((None, "u", 1, 1.0), "session_id is null or empty"),
        (("", "u", 1, 1.0), "session_id is null or empty"),
        (("  ", "u", 1, 1.0), "session_id is null or empty"),
        (("s", None, 1, 1.0), "user_id is null or empty"),
        (("s", "", 1, 1.0), "user_id is null or empty"),
        (("s", " ", 1, 1.0), "user_id is null or empty"),
        (("s", "u", None, 1.0), "leads is null"),
        (("s", "u", -1, 1.0), "leads is negative"),
        (("s", "u", 1, None), "score is null"),
        (("s", "u", 1, NAN), "score is not a finite 32-bit number"),
        (("s", "u", 1, INFINITY), "score is not a finite 32-bit number"),
        (("s", "u", 1, -INFINITY), "score is not a finite 32-bit number"),
    ],
    ids=str,
)
def test_a_row_is_invalid_for_this_reason(engine: DuckDBEngine, row: tuple[Any, ...], why: str | None) -> None:
    assert reason(engine, *row) == why


def test_of_several_reasons_the_first_is_given(engine: DuckDBEngine) -> None:
    assert reason(engine, "s", None, -1, NAN) == "user_id is null or empty"
    assert reason(engine, "s", "u", -1, NAN) == "leads is negative"


def test_minus_zero_is_not_negative(engine: DuckDBEngine) -> None:
    table = frame({"session_id": "string", "user_id": "string", "score": "float64"}, [("s", "u", -0.0)])
    expression = table.select(reason=valid.invalid_reason(table, {"score": 0.0}))
    assert records(engine, expression) == [{"reason": None}]


def test_invalid_rows_keep_their_columns_and_say_why(engine: DuckDBEngine) -> None:
    rows = landed_rows(("s1", "u", 1, 0.0), ("s2", "u", -1, 0.0))
    assert [row["session_id"] for row in records(engine, valid.valid_rows(rows, MINIMUMS))] == ["s1"]
    assert records(engine, valid.invalid_rows(rows, MINIMUMS)) == [
        {"session_id": "s2", "user_id": "u", "leads": -1, "score": 0.0, "reason": "leads is negative"}
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", " ", "s"]),
            st.sampled_from([None, "", "u"]),
            st.sampled_from([None, -1, 0, 3]),
            st.sampled_from([None, NAN, INFINITY, -INFINITY, -9.0, 0.0]),
        ),
        max_size=20,
    )
)
def test_each_row_is_either_valid_or_invalid(engine: DuckDBEngine, rows: list[tuple[Any, ...]]) -> None:
    table = landed_rows(*rows)
    kept = records(engine, valid.valid_rows(table, MINIMUMS))
    rejected = records(engine, valid.invalid_rows(table, MINIMUMS))
    assert len(kept) + len(rejected) == len(rows)
    assert len(kept) == sum(row[:2] == ("s", "u") and row[2] in (0, 3) and row[3] in (-9.0, 0.0) for row in rows)
    assert all(row["reason"] for row in rejected)


@pytest.mark.parametrize(
    "landed_type",
    [pa.int8(), pa.uint8(), pa.uint32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(10, 2)],
    ids=str,
)
def test_a_feature_becomes_float64_whatever_it_landed_as(engine: DuckDBEngine, landed_type: pa.DataType) -> None:
    value = Decimal(3) if pa.types.is_decimal(landed_type) else 3
    rows = frame({"session_id": "string", "user_id": "string", "leads": landed_type}, [("s", "u", value)])
    table = valid.canonical(rows, ["leads"])
    assert str(table.schema()["leads"]) == "float64"
    assert records(engine, table) == [{"session_id": "s", "user_id": "u", "leads": 3}]


def test_ids_that_landed_as_numbers_become_strings_and_other_columns_stay(engine: DuckDBEngine) -> None:
    rows = frame({"session_id": "int64", "user_id": "int32", "leads": "int8", "day": "int8"}, [(1705276800, 12, 1, 15)])
    table = valid.canonical(rows, ["leads"])
    assert str(table.schema()["day"]) == "int8"
    assert records(engine, table) == [{"session_id": "1705276800", "user_id": "12", "leads": 1, "day": 15}]


def test_an_interval_has_the_sessions_from_its_start_to_before_its_end(engine: DuckDBEngine) -> None:
    instants = [SECOND.start_unix - 1, SECOND.start_unix, SECOND.end_unix - 1, SECOND.end_unix]
    rows = frame({"session_id": "string"}, [[f"u.{t}"] for t in instants] + [["u"], [None]])
    found = records(engine, valid.of_interval(valid.started(rows, None, None), SECOND), "timestamp_unix")
    assert [row["timestamp_unix"] for row in found] == [SECOND.start_unix, SECOND.end_unix - 1]


SESSION_ROWS = {"session_id": "string", "user_id": "string", PRECEDENCE: "int64", ROW: "int64"}


def test_of_a_session_landed_twice_the_row_of_the_file_that_wins_stays(engine: DuckDBEngine) -> None:
    rows = frame(SESSION_ROWS, [("s", "old file, last row", 0, 9), ("s", "new file", 1, 0)])
    assert [row["user_id"] for row in records(engine, landed.one_row_a_session(rows))] == ["new file"]


def test_of_a_session_twice_in_a_file_the_later_row_stays(engine: DuckDBEngine) -> None:
    rows = frame(SESSION_ROWS, [("s", "later", 1, 7), ("s", "earlier", 1, 6), ("t", "once", 0, 0)])
    found = records(engine, landed.one_row_a_session(rows), "session_id")
    assert [row["user_id"] for row in found] == ["later", "once"]


@given(st.lists(st.sampled_from([None, "", "a", "b", "c", "d", "e", "f"]), max_size=6))
def test_rows_that_repeat_a_session_are_more_than_their_ids(engine: DuckDBEngine, ids: list[str | None]) -> None:
    rows = frame({"session_id": "string"}, [[id_] for id_ in ids])
    (figures,) = records(engine, rows.aggregate(**landed.repeat_figures(rows)))
    assert (figures["rows"] == figures["ids"]) == (len(set(ids)) == len(ids))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 9)),
        max_size=20,
        unique_by=lambda row: row[1:],
    )
)
def test_one_row_a_session_is_what_pandas_keeps_last(engine: DuckDBEngine, rows: list[tuple[str, int, int]]) -> None:
    table = frame(SESSION_ROWS, [(s, f"{file}/{row}", file, row) for s, file, row in rows])
    found = records(engine, landed.one_row_a_session(table), "session_id")
    oracle = (
        pd.DataFrame(rows, columns=["session_id", "file", "row"])
        .sort_values(["file", "row"])
        .drop_duplicates("session_id", keep="last")
        .sort_values("session_id")
    )
    assert [(r["session_id"], r[PRECEDENCE], r[ROW]) for r in found] == list(oracle.itertuples(index=False, name=None))
    assert all(r["user_id"] == f"{r[PRECEDENCE]}/{r[ROW]}" for r in found)


def test_the_table_has_ids_then_features_in_the_models_order_then_what_else_landed_then_times(
    engine: DuckDBEngine,
) -> None:
    types = {
        "device": "string",
        "leads": "int64",
        FILE: "string",
        "user_id": "string",
        "pageviews": "int64",
        PRECEDENCE: "int64",
        "session_id": "string",
        ROW: "int64",
        "timestamp_unix": "int64",
    }
    rows = frame(types, [("web", 1, "a.parquet", "u", 5, 0, "u.1705276800", 0, 1705276800)])
    table = landed.landed_sessions(rows, ["pageviews", "leads"])
    assert {name: str(dtype) for name, dtype in table.schema().items()} == {
        "session_id": "string",
        "user_id": "string",
        "pageviews": "int64",
        "leads": "int64",
        "device": "string",
        "timestamp_unix": "int64",
        "timestamp_utc": "timestamp('UTC')",
    }
    assert list(table.columns)[2:] == ["pageviews", "leads", "device", "timestamp_unix", "timestamp_utc"]
    (row,) = records(engine, table)
    assert row["timestamp_utc"] == datetime(2024, 1, 15, tzinfo=UTC)
    assert (row["pageviews"], row["leads"], row["device"]) == (5, 1, "web")


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
    assert (judged.passed, judged.severity, judged.summary) == (True, "ERROR", "3 valid rows, one per session")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"invalid": 1}, "1 invalid rows"),
        ({"outside": 2}, "2 rows outside the interval"),
        ({"sessions": 2}, "1 further rows of a session already counted"),
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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("leads from 0, shares from 1.5", "leads, shares"),
        ("leads from -0, balance from -1e-05", "leads, balance (also negative)"),
        ("leads, balance (also negative)", "leads, balance (also negative)"),
        ("days from 2020, leads", "days from 2020, leads"),
    ],
)
def test_features_that_an_earlier_version_wrote_with_their_minimums_are_read_as_today(written: str, read: str) -> None:
    assert present_form({"features": written, "column names": "ours"}) == {"features": read, "column names": "ours"}
