"""Sessions at their horizon: who is in, what was known by then, and what came later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_assets.conversion import conversion_dataset as dataset
from flywheel_assets.conversion import session_horizons as horizons
from flywheel_assets.conversion.definition import ConversionDefinition
from flywheel_assets.conversion.training_task import session_rows
from flywheel_assets.ingest.cutting import CUT, START
from flywheel_assets.ingest.events import NAME, TIME, USER
from flywheel_assets.ingest.mapping import Carried, Definition, EventMapping
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.conversion.projects import AFTER_TWO, conversion_project, made
from flywheel_assets_tests.frames import CALENDAR
from flywheel_assets_tests.frames import SECOND as INTERVAL
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.projects import Project, checks, metadata, sessions

FIRST, NEXT = "2024-01-01", "2024-01-15"

EVENTS = [
    ("anna", "2024-01-02 09:00:00", "view", "a"),
    ("anna", "2024-01-02 09:05:00", "view", "cart/1"),
    ("anna", "2024-01-02 09:10:00", "buy", "z"),
    ("anna", "2024-01-06 23:30:00", "view", None),
    ("anna", "2024-01-06 23:30:40", "view", "b"),
    ("ben", "2024-01-04 09:00:00", "view", "c"),  # too short
    ("ben", "2024-01-05 09:00:00", "view", "c"),
    ("ben", "2024-01-05 09:02:00", "buy", "c"),  # by the horizon
    ("ben", "2024-01-05 09:03:00", "view", "c"),
    ("anna", "2024-01-16 09:00:00", "view", None),
    ("anna", "2024-01-16 09:01:00", "view", "b"),
    ("anna", "2024-01-16 09:01:00", "view", "c"),  # at the moment of the horizon
]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = conversion_project(tmp_path_factory.mktemp("conversion"))
    land_events(project, "2024.parquet", *EVENTS)
    made(project, FIRST, NEXT)
    return project


def by_start(project: Project, key: str, table: str = "conversion_dataset") -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (row["user_id"], f"{datetime.fromtimestamp(row['timestamp_unix'], UTC):%m-%d %H:%M}"): row
        for row in sorted(project.rows(table, key), key=lambda row: row["timestamp_unix"])
    }


def test_a_session_is_in_that_came_to_the_horizon_without_a_conversion(once: Project) -> None:
    assert by_start(once, FIRST).keys() == {("anna", "01-02 09:00"), ("anna", "01-06 23:30")}
    of_all = by_start(once, FIRST, "session_horizons")
    assert of_all["ben", "01-04 09:00"]["horizon_seconds"] is None
    assert of_all["ben", "01-05 09:00"]["converted_so_far"]


def test_inputs_are_what_was_known_by_then_and_the_outcome_came_later(once: Project) -> None:
    row = by_start(once, FIRST)["anna", "01-02 09:00"]
    assert (row["converted"], row["horizon_seconds"], row["events_so_far"], row["seconds_so_far"]) == (
        True,
        300,
        2,
        300,
    )
    assert (row["page_views_so_far"], row["carts_so_far"], row["distinct_items_so_far"]) == (2, 1, 2)
    assert (row["first_item"], row["last_item"]) == ("a", "cart/1")
    assert "purchases_so_far" not in row
    assert "mails_so_far" not in row  # in no session


def test_events_of_the_moment_of_the_horizon_are_all_known(once: Project) -> None:
    row = by_start(once, NEXT)["anna", "01-16 09:00"]
    assert (row["events_so_far"], row["distinct_items_so_far"]) == (3, 2)


def test_the_past_of_a_user_reaches_over_intervals(once: Project) -> None:
    first, second = by_start(once, FIRST).values()
    third = by_start(once, NEXT)["anna", "01-16 09:00"]
    assert [row["repeat_session"] for row in (first, second, third)] == [False, True, True]
    assert [row["earlier_sessions"] for row in (first, second, third)] == [0, 1, 2]
    assert [row["earlier_conversions"] for row in (first, second, third)] == [0, 1, 1]
    assert [row["earlier_pageviews"] for row in (first, second, third)] == [0, 2, 4]
    assert first["days_since_last_session"] is None
    assert second["days_since_last_session"] == pytest.approx(4 + 14.5 / 24)


def test_hours_and_weekdays_are_of_the_interval_timezone(once: Project, tmp_path: Path) -> None:
    saturday = by_start(once, FIRST)["anna", "01-06 23:30"]
    assert (saturday["hour"], saturday["weekday"], saturday["weekend"]) == (23, 5, True)
    project = conversion_project(tmp_path, FLYWHEEL_INTERVAL_TIMEZONE="Asia/Tokyo")
    land_events(project, "2024.parquet", *EVENTS[3:5])
    made(project, FIRST)
    (sunday,) = project.rows("conversion_dataset", FIRST)
    assert (sunday["hour"], sunday["weekday"], sunday["weekend"]) == (8, 6, True)


def test_the_checks_count_who_is_out_and_fail_when_somebody_is_lost(once: Project) -> None:
    with once.flywheel() as flywheel:
        (interval,) = once.intervals(FIRST)
        rows, of_all = (flywheel.warehouse.read(t, interval) for t in ("conversion_dataset", "session_horizons"))
        sessions_row = flywheel.figures(of_all, horizons.figures(of_all, interval))
        assert {name: sessions_row[name] for name in ("sessions", "too_short", "converted_before")} == {
            "sessions": 4, "too_short": 1, "converted_before": 1,
        }  # fmt: skip
        columns = flywheel.columns(dataset.TABLE)

        def states(table: ibis.Table) -> list[str]:
            row = flywheel.figures(table, dataset.figures(table))
            return [v.state for v in dataset.verdicts(row, sessions_row, table.schema(), columns, "early")]

        assert states(rows) == ["passed", "passed", "passed"]
        assert states(rows.filter(rows.converted)) == ["passed", "failed", "warned"]
        assert states(rows.union(rows))[:2] == ["failed", "failed"]
        lost = flywheel.figures(of_all, horizons.figures(of_all, interval))
        assert [v.passed for v in horizons.verdicts(lost, of_all.schema(), flywheel.columns(horizons.TABLE), 5)] == [
            True, False,
        ]  # fmt: skip


def test_minutes_take_in_every_session_and_know_what_came_by_then(once: Project, tmp_path: Path) -> None:
    project = conversion_project(tmp_path, AFTER_TWO.replace("events = 2", "minutes = 5"))
    land_events(project, "2024.parquet", *EVENTS)
    made(project, FIRST)
    rows = by_start(project, FIRST)
    assert rows.keys() == {("anna", "01-02 09:00"), ("anna", "01-06 23:30"), ("ben", "01-04 09:00")}
    anna = rows["anna", "01-02 09:00"]
    assert (anna["horizon_seconds"], anna["events_so_far"], anna["converted"]) == (300, 2, True)
    assert rows["anna", "01-06 23:30"]["seconds_so_far"] == 40


def test_landed_sessions_are_predicted_at_their_start_from_the_users_past(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.settings.conversion_file.write_text('[conversion]\ncolumn = "leads"\n[features]\ncategories = ["device"]')
    landed = [("anna", 1, 3, 1, "phone"), ("anna", 2, 5, 0, "desktop"), ("ben", 2, 7, 2, None)]
    rows = [
        {
            "session_id": f"{user}.{int((datetime(2024, 1, day, tzinfo=UTC)).timestamp())}",
            "user_id": user,
            "pageviews": pages,
            "leads": leads,
        }
        for user, day, pages, leads, _ in landed
    ]
    table = sessions(*rows).append_column("device", pa.array([device for *_, device in landed]))
    project.land("a.parquet", table)
    made(project, FIRST, tables=("landed_sessions", "session_horizons", "conversion_dataset"))
    found = sorted(project.rows("conversion_dataset", FIRST), key=lambda row: row["session_id"])
    assert [row["converted"] for row in found] == [True, False, True]
    assert [row["earlier_pageviews"] for row in found] == [0, 3, 0]
    assert [row["earlier_conversions"] for row in found] == [0, 1, 0]
    assert [row["device"] for row in found] == ["phone", "desktop", None]
    assert {"pageviews_so_far", "events_so_far", "pageviews", "leads"}.isdisjoint(found[0])
    project.settings.conversion_file.write_text('[conversion]\ncolumn = "orders"\n')
    result = Project(tmp_path).materialize(FIRST, "session_horizons", job="run")
    assert "have no column orders" in str(result.failure_data_for_node("session_horizons").error)


def test_an_interval_without_events_has_tables_of_the_same_form(once: Project) -> None:
    made(once, "2024-01-29")
    assert once.rows("conversion_dataset", "2024-01-29") == []
    for table in ("session_horizons", "conversion_dataset"):
        assert once.table(table, "2024-01-29").schema.equals(once.table(table, FIRST).schema)


def test_a_late_session_makes_later_data_sets_stale_whose_users_it_may_be_of(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    land_events(project, "late.parquet", ("anna", "2024-01-03 12:00", "view", "x"))
    made(project, FIRST, tables=("event_sessions", "session_horizons"))
    with project.flywheel() as flywheel:
        (later,) = project.intervals(NEXT)
        assert "earlier session_horizons" in flywheel.lineage.stale_because(dataset.TABLE, later)
    made(project, NEXT, tables=("conversion_dataset",))
    assert by_start(project, NEXT)["anna", "01-16 09:00"]["earlier_sessions"] == 3


def test_the_checks_show_how_many_convert_and_when(once: Project) -> None:
    result = once.materialize(FIRST, "conversion_dataset", job="run")
    found = checks(result, "conversion_dataset")
    assert metadata(found["both_outcomes"])["conversions"] == 1
    assert "1 of 2 sessions convert after the first 2 events" in str(found["both_outcomes"].description)


MAPPING = EventMapping(
    time="t",
    features={
        "views": Definition("count", ("view",)),
        "value": Definition("sum", of="v"),
        "top": Definition("max", of="v"),
        "items": Definition("distinct", of="v"),
        "minutes": Definition("duration", of="minutes"),
    },
    stated_kinds={"orders": Definition("count", ("order",))},
    carried={"first": Carried("v"), "last": Carried("v", last=True)},
)
Events = list[tuple[int, str, int | None]]
events_of_a_session = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["view", "order", "other"]), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


def horizons_of(engine: DuckDBEngine, events: Events, definition: ConversionDefinition) -> dict[str, Any]:
    """Of a session whose first event is at second 0; what is known, and the rest."""
    rows = [(0, "view", None), *events]
    start = INTERVAL.start_unix * SECOND
    table = pa.table(
        {
            USER: ["u"] * len(rows),
            TIME: pa.array([start + 60 * SECOND * at for at, *_ in rows], pa.int64()),
            NAME: [name for _, name, _ in rows],
            "_value_0": pa.array([v for *_, v in rows], pa.float64()),
            START: pa.array([start] * len(rows), pa.int64()),
            CUT: [False] * len(rows),
        }
    )
    (row,) = engine.collect(horizons.of_events(ibis.memtable(table), MAPPING, definition)).to_pylist()
    return dict(row)


LATER = {"end_unix", "converted", "views", "value", "top", "items", "minutes"}


@settings(max_examples=20)
@given(events_of_a_session, events_of_a_session, st.sampled_from([1, 2, 3]), st.booleans())
def test_what_comes_after_the_horizon_changes_no_input(
    engine: DuckDBEngine, events: Events, others: Events, number: int, by_minutes: bool
) -> None:
    categories = ("first", "last")
    definition = ConversionDefinition(
        ("orders",),
        events=0 if by_minutes else number,
        minutes=number if by_minutes else 0,
        categories=categories,
    )
    before = horizons_of(engine, events, definition)
    if before["horizon_seconds"] is None:
        return
    at = before["horizon_seconds"] // 60
    altered = [one for one in events if one[0] <= at] + [(at + 1 + t, name, v) for t, name, v in others]
    after = horizons_of(engine, altered, definition)
    inputs = before.keys() - LATER
    assert {name: after[name] for name in inputs} == {name: before[name] for name in inputs}
    known = [name for t, name, _ in [(0, "view", None), *altered] if t <= at]
    assert after["converted_so_far"] == ("order" in known)
    assert (after["events_so_far"], after["views_so_far"]) == (len(known), known.count("view"))
    assert after["converted"] == any(name == "order" for _, name, _ in altered)


histories = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(0, 3), st.booleans()), max_size=9)


@settings(max_examples=20)
@given(histories, st.sampled_from([1, 7]))
def test_a_users_past_is_what_a_loop_over_sessions_counts(
    engine: DuckDBEngine, drawn: list[tuple[str, int, int, bool]], look_back_days: int
) -> None:
    """Sessions begin in half days before the interval's second day; one that is still open counts for no other."""
    half, origin = 43_200, INTERVAL.start_unix + 86_400
    rows = {(user, origin - half * ago): (half * length, converted) for user, ago, length, converted in drawn}
    frame = pd.DataFrame(
        [(f"{u}.{at}", u, at, at + length, 0, False, c, 1.0) for (u, at), (length, c) in rows.items()],
        columns=["session_id", "user_id", "timestamp_unix", "end_unix", "horizon_seconds", "converted_so_far",
                 "converted", "pages"],
    ).astype({"session_id": "string", "user_id": "string", "timestamp_unix": "int64", "end_unix": "int64",
              "horizon_seconds": "int64", "converted_so_far": bool, "converted": bool, "pages": float})  # fmt: skip
    table = ibis.memtable(pa.Table.from_pandas(frame, preserve_index=False))
    sessions_now = table.filter(table.timestamp_unix >= INTERVAL.start_unix)
    columns = ["user_id", "timestamp_unix", "earlier_sessions", "earlier_conversions", "earlier_pages",
               "days_since_last_session"]  # fmt: skip
    made_rows = engine.collect(
        dataset.conversion_dataset(sessions_now, table, columns, ["pages"], look_back_days, [(0, 0)])
    ).to_pylist()
    assert len(made_rows) == sum(at >= INTERVAL.start_unix for _, at in rows)
    for row in made_rows:
        user, at = row["user_id"], row["timestamp_unix"]
        past = [
            (start, converted)
            for (u, start), (length, converted) in rows.items()
            if u == user and at - timedelta(days=look_back_days).total_seconds() <= start + length < at
        ]
        assert row["earlier_sessions"] == row["earlier_pages"] == len(past)
        assert row["earlier_conversions"] == sum(converted for _, converted in past)
        last = max((start for start, _ in past), default=None)
        assert row["days_since_last_session"] == (None if last is None else (at - last) / 86_400)


def test_the_look_back_holds_that_of_the_first_session_of_an_interval(project: Project) -> None:
    assert dataset.TABLE.look_back is not None
    assert dataset.TABLE.look_back(project.settings) == 90 + CALENDAR.days


def test_a_session_is_explained_beside_others_of_its_interval(once: Project) -> None:
    ids = [row["session_id"] for row in by_start(once, FIRST).values()]
    with once.flywheel() as flywheel:
        found = session_rows(flywheel, ids[0])
        assert found is not None
        row, others = found
        assert row["session_id"].to_pylist() == ids[:1]
        assert sorted(others["session_id"].to_pylist()) == sorted(ids)
        assert session_rows(flywheel, "nobody") is None
