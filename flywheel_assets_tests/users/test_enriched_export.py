from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.tables.contract import Column, expand
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import enriched_export as exporting
from flywheel_assets.users.enriched_export import TABLE, enriched_export, user_export, wall_clock
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import SECOND, figures, frame, records

PREDICTIONS = {
    "session_id": "string",
    "user_id": "string",
    "leads": "int64",
    "device": "string",
    "timestamp_unix": "int64",
    "timestamp_utc": pa.timestamp("us", "UTC"),
    "session_quality_label": "string",
    "probability_low": "float32",
    "probability_high": "float32",
    "session_model_version": "string",
}
USER_LABELS = {
    "user_id": "string",
    "sessions": "int32",
    "user_flywheel_label": "string",
    "probability_passive": "float32",
    "probability_engaged": "float32",
    "user_model_version": "string",
}
SPRING = Calendar(date(2024, 3, 4), date(2024, 12, 31), 2, "UTC").number(1)
"""In which New York's clocks go forward."""


def predictions(*sessions: tuple[str, str]) -> ir.Table:
    start = SECOND.start_unix
    rest = (3, "web", start, datetime.fromtimestamp(start, UTC), "Low", 0.75, 0.25, "s1")
    return frame(PREDICTIONS, [(*session, *rest) for session in sessions])


def user_labels(**labels: str) -> ir.Table:
    return frame(USER_LABELS, [(user, 1, label, 0.5, 0.5, "u1") for user, label in labels.items()])


def export(sessions: ir.Table, users: ir.Table, timezone: str = "America/Phoenix") -> ir.Table:
    return enriched_export(sessions, users, SECOND, ["Low", "High"], ["Passive", "Engaged"], timezone)


def clock(engine: DuckDBEngine, instants: list[int], interval: Interval, timezone: str) -> list[datetime]:
    table = frame({"unix": "int64"}, [[t] for t in instants])
    found = records(engine, table.select("unix", clock=wall_clock(table.unix, interval, timezone)), "unix")
    return [row["clock"] for row in found]


def test_a_session_has_its_own_label_its_users_and_readable_times(engine: DuckDBEngine) -> None:
    assert records(engine, export(predictions(("s1", "a")), user_labels(a="Engaged"))) == [
        {
            "session_id": "s1",
            "user_id": "a",
            "leads": 3,
            "device": "web",
            "session_quality_label": "Low",
            "user_flywheel_label": "Engaged",
            "probability_low": 0.75,
            "probability_high": 0.25,
            "probability_passive": 0.5,
            "probability_engaged": 0.5,
            "session_model_version": "s1",
            "user_model_version": "u1",
            "timestamp_unix": 1705276800,
            "timestamp_utc": datetime(2024, 1, 15, tzinfo=UTC),
            "timestamp_mst": datetime.fromisoformat("2024-01-14 17:00:00"),
            "Interval": 2,
            "Interval_Dates": "2024-01-15 - 2024-01-28",
        }
    ]


def test_columns_are_the_contracts_in_its_order_and_of_its_types(engine: DuckDBEngine, tmp_path: Path) -> None:
    table = export(predictions(("s1", "a")), user_labels(a="Engaged"))
    contract = expand(
        TABLE.columns,
        ["leads"],
        ["Low", "High"],
        ["Passive", "Engaged"],
        [Column("device", "string", "As landed.")],
    )
    assert list(table.columns) == [column.name for column in contract]

    pq.write_table(engine.collect(table), tmp_path / "made.parquet")
    engine.write(engine.read([tmp_path / "made.parquet"]), tmp_path / "export.parquet", {})
    assert [str(field.type) for field in pq.read_schema(tmp_path / "export.parquet")] == [
        *["string", "string", "int64", "string"],
        *["string", "string"],
        *["float", "float", "float", "float"],
        *["string", "string"],
        *["int64", "timestamp[us, tz=UTC]", "timestamp[us]"],
        *["int32", "string"],
    ]


def test_no_sessions_give_no_rows_of_the_same_types(engine: DuckDBEngine) -> None:
    some = engine.collect(export(predictions(("s1", "a")), user_labels(a="Engaged")))
    none = engine.collect(export(predictions(), user_labels()))
    assert none.num_rows == 0
    assert none.schema.equals(some.schema)


def test_a_session_whose_user_has_no_label_is_not_lost(engine: DuckDBEngine) -> None:
    rows = records(engine, export(predictions(("s1", "a"), ("s2", "b")), user_labels(a="Engaged")), "session_id")
    assert [(r["session_id"], r["user_id"], r["user_flywheel_label"]) for r in rows] == [
        ("s1", "a", "Engaged"),
        ("s2", "b", None),
    ]


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.randoms())
def test_every_session_is_there_once_with_its_users_label(engine: DuckDBEngine, users: list[str], random) -> None:
    sessions = [(f"s{n:02}", user) for n, user in enumerate(users)]
    random.shuffle(sessions)
    labels = {user: f"label of {user}" for user in users}
    rows = records(engine, export(predictions(*sessions), user_labels(**labels)))
    assert sorted((r["session_id"], r["user_id"]) for r in rows) == sorted(sessions)
    assert all(r["user_flywheel_label"] == labels[r["user_id"]] for r in rows)


def test_phoenix_is_7_hours_before_utc_and_its_clock_has_no_zone(engine: DuckDBEngine) -> None:
    noon = SECOND.start_unix + 12 * 3600
    assert clock(engine, [noon], SECOND, "America/Phoenix") == [datetime.fromisoformat("2024-01-15 05:00:00")]


def test_the_clock_jumps_where_the_zones_does(engine: DuckDBEngine) -> None:
    change = int(datetime(2024, 3, 10, 7, tzinfo=UTC).timestamp())
    assert clock(engine, [change - 1, change], SPRING, "America/New_York") == [
        datetime.fromisoformat("2024-03-10 01:59:59"),
        datetime.fromisoformat("2024-03-10 03:00:00"),
    ]


@given(
    st.integers(1, 20),
    st.sampled_from(["America/Phoenix", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.lists(st.integers(0, 14 * 86_400 - 1), min_size=1, max_size=20, unique=True),
)
def test_the_clock_is_the_timezones_at_every_instant(
    engine: DuckDBEngine, number: int, timezone: str, seconds: list[int]
) -> None:
    interval = Calendar(date(2024, 3, 4), date(2024, 12, 31), 2, "UTC").number(number)
    instants = sorted(interval.start_unix + s for s in seconds)
    oracle = [datetime.fromtimestamp(t, ZoneInfo(timezone)).replace(tzinfo=None) for t in instants]
    assert clock(engine, instants, interval, timezone) == oracle


def test_the_user_export_is_user_labels_with_the_interval(engine: DuckDBEngine) -> None:
    table = engine.collect(user_export(user_labels(a="Engaged"), SECOND))
    assert table.column_names == [*USER_LABELS, "Interval", "Interval_Dates"]
    assert str(table.schema.field("Interval").type) == "int32"
    (row,) = table.to_pylist()
    assert (row["user_id"], row["Interval"], row["Interval_Dates"]) == ("a", 2, SECOND.dates)


COLUMNS = {"session_quality_label": "string", "user_flywheel_label": "string"}


def verdicts(
    engine: DuckDBEngine, rows: list[tuple[str | None, str | None]], trimmed: int, stale: dict[str, str] | None = None
) -> dict[str, Verdict]:
    table = frame(COLUMNS, rows)
    judged = exporting.verdicts(figures(engine, table, exporting.figures(table)), trimmed, stale or {})
    return {v.check: v for v in judged}


@pytest.mark.parametrize(("trimmed", "passed"), [(0, False), (1, True), (2, False)])
def test_there_is_a_row_for_each_trimmed_session(engine: DuckDBEngine, trimmed: int, passed: bool) -> None:
    judged = verdicts(engine, [("Low", "Passive")], trimmed)["conservation"]
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers == {"found": 1, "expected": trimmed}


@pytest.mark.parametrize(
    ("labels", "passed"), [(("Low", "Passive"), True), ((None, "Passive"), False), (("Low", None), False)]
)
def test_every_session_has_both_labels(
    engine: DuckDBEngine, labels: tuple[str | None, str | None], passed: bool
) -> None:
    judged = verdicts(engine, [labels, ("Low", "Passive")], 2)["no_missing_label"]
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers == {"failing_rows": 0 if passed else 1, "rows": 2}


def test_a_stale_table_warns_and_says_why(engine: DuckDBEngine) -> None:
    assert verdicts(engine, [], 0)["same_generation"].passed
    judged = verdicts(engine, [], 0, {"user_labels": "user_distributions changed"})["same_generation"]
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "user_labels: user_distributions changed"


def test_an_empty_export_of_an_empty_interval_passes(engine: DuckDBEngine) -> None:
    assert all(v.passed for v in verdicts(engine, [], 0).values())
