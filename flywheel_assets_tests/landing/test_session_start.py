import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.landing.rows import instant, session_start
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

DIGITS = st.integers(8, 14).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))
WORDS = st.text(st.characters(exclude_categories=["Cs", "Nd"], exclude_characters="\0"), max_size=4)
SESSION_IDS = st.lists(DIGITS | WORDS | st.just("."), max_size=5).map("".join)


def starts(engine: DuckDBEngine, session_ids: list[str | None], pattern: str | None = None) -> list[int | None]:
    table = frame({"n": "int64", "session_id": "string"}, list(enumerate(session_ids)))
    found = records(engine, table.select("n", start=session_start(table.session_id, pattern)), "n")
    return [row["start"] for row in found]


def expected(session_id: str, pattern: str | None) -> int | None:
    if pattern is None:
        digits = ["", *re.findall("[0-9]+", session_id)][-1]
    else:
        found = re.search(pattern, session_id)
        digits = found[1] if found else ""
    usable = re.fullmatch("[0-9]{10}|[0-9]{13}", digits)
    return int(digits[:10]) if usable else None


@pytest.mark.parametrize(
    ("session_id", "start"),
    [
        ("user-7.1705276800", 1705276800),
        ("user-7.1705276800123", 1705276800),
        ("1705276800", 1705276800),
        ("user-7.1705276800.web", 1705276800),
        ("1705276800.1705276801", 1705276801),
        ("user-7.0000000005", 5),
        ("user-7.170527680", None),
        ("user-7.17052768001", None),
        ("user-7.170527680012", None),
        ("user-7.1705276800123456", None),
        ("user-7.1705276800.2", None),
        ("user-7", None),
        ("", None),
        (None, None),
    ],
    ids=str,
)
def test_the_start_is_the_last_run_of_10_or_13_digits(
    engine: DuckDBEngine, session_id: str | None, start: int | None
) -> None:
    assert starts(engine, [session_id]) == [start]


def test_the_start_is_int64(engine: DuckDBEngine) -> None:
    table = frame({"session_id": "string"}, [["a.1705276800"]])
    assert str(session_start(table.session_id, None).type()) == "int64"
    assert str(engine.collect(table.select(start=session_start(table.session_id, None))).schema) == "start: int64"


def test_a_pattern_replaces_the_rule(engine: DuckDBEngine) -> None:
    ids = ["t1705276800-99", "t1705276800123-99", "t17052768-99", "x1705276800-99", None]
    assert starts(engine, ids, r"^t(\d+)-") == [1705276800, 1705276800, None, None, None]


def test_what_a_pattern_matches_must_be_digits_alone(engine: DuckDBEngine) -> None:
    assert starts(engine, ["12345.6789", "1e00000009", "-123456789", " 123456789"], "^(.*)$") == [None] * 4


@pytest.mark.parametrize("pattern", [None, r"^([0-9]+)", r"\.(.+)$"])
@given(session_ids=st.lists(SESSION_IDS, min_size=1, max_size=30))
def test_starts_are_those_of_an_independent_computation(
    engine: DuckDBEngine, pattern: str | None, session_ids: list[str]
) -> None:
    if pattern and "$" in pattern:  # of which Python's and the engine's mean different things at a line's end
        session_ids = [i.replace("\n", "") for i in session_ids]
    assert starts(engine, session_ids, pattern) == [expected(i, pattern) for i in session_ids]


def instants(engine: DuckDBEngine, values: list[Any], dtype: pa.DataType) -> list[int | None]:
    table = frame({"n": pa.int64(), "at": dtype}, list(enumerate(values)))
    return [row["start"] for row in records(engine, table.select("n", start=instant(table.at)), "n")]


wall_clock = datetime.fromisoformat

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
TIMES = st.lists(st.integers(10**18, 2**63 - 2), min_size=1, max_size=20)
"""Nanoseconds from 2001 to 2262, the last that 64 bits hold but for infinity."""


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@given(times=TIMES)
def test_an_instant_of_a_timestamp_is_its_second(
    engine: DuckDBEngine, unit: str, zone: str | None, times: list[int]
) -> None:
    values = [time * UNITS[unit] // 10**9 for time in times]
    column = pa.array(values, pa.int64()).cast(pa.timestamp(unit, zone))
    assert instants(engine, column, column.type) == [value // UNITS[unit] for value in values]


@pytest.mark.parametrize("unit", UNITS)
@given(times=TIMES)
def test_the_unit_of_a_unix_time_is_told_by_its_size(engine: DuckDBEngine, unit: str, times: list[int]) -> None:
    values = [time * UNITS[unit] // 10**9 for time in times]
    seconds = [value // UNITS[unit] for value in values]
    assert instants(engine, values, pa.int64()) == seconds
    assert instants(engine, list(map(str, values)), pa.string()) == seconds
    assert instants(engine, [Decimal(f"{value}.75") for value in values], pa.decimal128(21, 2)) == seconds
    if unit in ("s", "ms"):
        assert instants(engine, [value + 0.25 for value in values], pa.float64()) == seconds


@given(
    st.lists(st.datetimes(wall_clock("1971-01-01"), wall_clock("2200-01-01")), min_size=1, max_size=20),
    st.sampled_from(["", "Z", "+00", "+05:30", "-08:00"]),
    st.sampled_from(" T"),
)
def test_a_text_in_iso_form_is_the_time_that_it_says(
    engine: DuckDBEngine, times: list[datetime], offset: str, between: str
) -> None:
    ahead = {"+05:30": timedelta(hours=5, minutes=30), "-08:00": timedelta(hours=-8)}.get(offset, timedelta())
    seconds = [(time.replace(tzinfo=UTC) - ahead - datetime(1970, 1, 1, tzinfo=UTC)) for time in times]
    texts = [time.isoformat(between) + offset for time in times]
    assert instants(engine, texts, pa.string()) == [delta // timedelta(seconds=1) for delta in seconds]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([None, 0, -1, 999_999_999, 10**10, 10**11, 10**14], pa.int64()),
        ([None, float("nan"), float("inf"), -1.0, 1e300, 12.5], pa.float64()),
        ([None, "", "soon", "2024-13-01 00:00", "2024-01-15", "12345", "17052768OO", ".1705276800"], pa.string()),
        ([None, *map(wall_clock, ("1969-12-31", "0001-01-01", "9999-01-01"))], pa.timestamp("us")),
    ],
    ids=str,
)
def test_what_is_no_time_is_null(engine: DuckDBEngine, values: list[Any], dtype: pa.DataType) -> None:
    assert instants(engine, values, dtype) == [None] * len(values)
