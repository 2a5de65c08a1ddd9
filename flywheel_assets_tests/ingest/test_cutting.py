"""Cutting against an independent loop over each user's events, and interval by interval against all at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flywheel_assets.ingest.cutting import Cutting, around, cut_events
from flywheel_assets.ingest.events import events
from flywheel_assets.ingest.mapping import Carried, Definition, EventMapping
from flywheel_assets.ingest.session_features import sessions
from flywheel_assets.intervals import Calendar
from flywheel_assets.warehouse.engine import DuckDBEngine

CALENDAR = Calendar(date(2024, 1, 1), date(2024, 1, 21), 1, "America/New_York")
START = CALENDAR.number(1).start_unix
SPAN = (CALENDAR.number(CALENDAR.count).end_unix - START) * 10**6
MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE


class Event(NamedTuple):
    """``at``: microseconds after the first interval's start."""

    user: str
    at: int
    name: str = "view"
    item: str | None = None
    native: str = "n"
    id: str | None = None

    @property
    def time(self) -> int:
        return START * 10**6 + self.at


FEATURES = {
    "views": Definition("count", ("view",)),
    "all": Definition("count"),
    "items": Definition("distinct", ("view",), of="item"),
    "minutes": Definition("duration", of="minutes"),
    "hour": Definition("start_hour"),
}


def mapping(native: bool = False, **options: Any) -> EventMapping:
    return EventMapping(
        "time",
        "user",
        "name",
        session="native" if native else "",
        event_id="id",
        time_unit="microseconds",
        features=FEATURES,
        carried={"first_item": Carried("item"), "last_item": Carried("item", last=True)},
        **{"deduplicate": None, **options},
    )


INTERVALS = [(interval.start_unix, interval.end_unix) for interval in CALENDAR]
WHOLE = (START, CALENDAR.number(CALENDAR.count).end_unix)
COLUMNS = {**dict.fromkeys(("user", "name", "item", "native", "id"), "string"), "time": "int64"}

Cut = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cut_sessions(engine: DuckDBEngine) -> Cut:
    """The sessions that start in a span of Unix seconds, from the events around it alone. A query is compiled once per
    mapping and span: that takes a hundred times as long as to run it."""
    connection, table = engine._connection, engine.empty(COLUMNS)

    @cache
    def compiled(span: tuple[int, int], **options: Any) -> str:
        (start, end), how = span, mapping(**options)
        cutting = Cutting.between(CALENDAR, start, end, 30, bool(how.session))
        rows = cut_events(around(events(table, how), start, end), how, cutting, start)
        made = sessions(rows, how, ((0, -5 * 3600),))
        return connection.compile(made.filter(made.timestamp_unix >= start, made.timestamp_unix < end))

    def cut_sessions(found: Iterable[Event], *spans: tuple[int, int], **options: Any) -> list[dict[str, Any]]:
        rows = [{name: getattr(one, name) for name in COLUMNS} for one in found]
        connection.con.register("found", pa.Table.from_pylist(rows, schema=ibis.schema(COLUMNS).to_pyarrow()))
        connection.raw_sql(f"DELETE FROM {table.get_name()}")
        connection.raw_sql(f"INSERT INTO {table.get_name()} BY NAME SELECT * FROM found")
        made = [
            row for span in spans for row in connection.con.sql(compiled(span, **options)).to_arrow_table().to_pylist()
        ]
        return sorted(made, key=lambda row: row["session_id"])

    return cut_sessions


def by_loop(found: Iterable[Event], timeout: int, native: bool) -> dict[str, dict[str, Any]]:
    """The rule as a loop over the whole history, written without a look at the expressions."""
    runs: list[list[Event]] = []
    keyed = defaultdict(list)
    for one in sorted(found, key=lambda e: e.at):
        keyed[one.user, one.native if native else ""].append(one)
    most = (720 if native else timeout) * MINUTE
    for mine in keyed.values():
        runs.append([mine[0]])
        for before, one in pairwise(mine):
            if one.at - before.at > most:
                runs.append([])
            runs[-1].append(one)
    pieces: list[tuple[bool, list[Event]]] = []
    for run in runs:
        if run[-1].at - run[0].at <= DAY:
            pieces.append((False, run))
            continue
        by_day = defaultdict(list)
        for one in run:
            by_day[CALENDAR.day_at(one.time // 10**6)].append(one)
        pieces += [(True, piece) for piece in by_day.values()]
    merged: dict[str, list[tuple[bool, list[Event]]]] = defaultdict(list)
    for cut, piece in pieces:
        merged[f"{piece[0].user}.{piece[0].time // 10**6}"].append((cut, piece))
    return {key: _measured(parts) for key, parts in merged.items()}


def _measured(parts: Sequence[tuple[bool, list[Event]]]) -> dict[str, Any]:
    found = sorted((one for _, piece in parts for one in piece), key=lambda e: (e.at, e.item or ""))
    views = [one for one in found if one.name == "view"]
    items = [one for one in found if one.item is not None]
    latest = [one for one in items if one.at == items[-1].at]
    return {
        "views": len(views),
        "all": len(found),
        "items": len({one.item for one in views if one.item is not None}),
        "minutes": (found[-1].at - found[0].at) / MINUTE,
        "hour": datetime.fromtimestamp(found[0].time // 10**6 - 5 * 3600, UTC).hour,
        "events": len(found),
        "likely_bot": any(cut for cut, _ in parts),
        "source_sessions": len({one.native for one in found}),
        "first_item": items[0].item if items else None,
        "last_item": latest[0].item if items else None,
    }


def histories() -> st.SearchStrategy[list[Event]]:
    """Few users whose events are near each other and near the boundaries: gaps of the timeout, of a little more and
    less, of none; and runs of over a day."""
    gap = st.sampled_from([0, 1, 10**6 - 1, MINUTE, 29 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 11 * 60 * MINUTE, DAY])
    anchor = st.sampled_from([0, 7 * DAY - MINUTE, 7 * DAY, 14 * DAY - 20 * MINUTE, 13 * DAY]) | st.integers(0, SPAN)
    event = st.tuples(
        gap, st.sampled_from(["view", "buy"]), st.sampled_from([None, "a", "b"]), st.sampled_from("xy"), st.just(None)
    )
    burst = st.tuples(st.sampled_from(["u", "v", "ü'\"<b>.😀.7"]), anchor, st.lists(event, min_size=1, max_size=8))
    steady = st.tuples(st.sampled_from(["u", "bot"]), anchor, st.integers(40, 150)).map(
        lambda it: (it[0], it[1], [(25 * MINUTE, "view", "a", "x", None)] * it[2])
    )
    return st.lists(burst | steady, min_size=1, max_size=10).map(_events)


def _events(bursts: Sequence[tuple[str, int, Sequence[tuple[int, str, str | None, str, None]]]]) -> list[Event]:
    found = []
    for user, at, steps in bursts:
        for gap, name, item, native, id in steps:
            at += gap
            if at < SPAN:
                found.append(Event(user, at, name, item, native, id))
    return found


BOT = [Event("bot", 6 * DAY + n * 20 * MINUTE) for n in range(100)]


@pytest.mark.parametrize("native", [False, True], ids=["by pauses", "by native sessions"])
@settings(max_examples=15)
@given(found=histories())
@example(found=BOT)
@example(found=[Event("u", 7 * DAY - 1), Event("u", 7 * DAY), Event("u", 7 * DAY)])
def test_intervals_one_by_one_give_what_a_loop_over_the_whole_history_gives(
    native: bool, cut_sessions: Cut, found: list[Event]
) -> None:
    expected = by_loop(found, 30, native) if found else {}
    if not native:
        expected = {key: {**row, "source_sessions": 1} for key, row in expected.items()}
    rows = cut_sessions(found, *INTERVALS, native=native)
    made = {row["session_id"]: {name: row[name] for name in _measured([(False, [Event("u", 0)])])} for row in rows}
    assert len(made) == len(rows)
    assert made == expected


def spans(cut_sessions: Cut, *found: Event, **how: Any) -> list[tuple[str, int]]:
    """Session and events of the whole calendar."""
    return [
        (row["session_id"].removesuffix(f".{row['timestamp_unix']}"), row["events"])
        for row in cut_sessions(found, WHOLE, **how)
    ]


def copies(cut_sessions: Cut, *found: Event, **how: Any) -> list[int]:
    return [row["copies"] for row in cut_sessions(found, WHOLE, **how)]


@pytest.mark.parametrize(("gap", "expected"), [(30 * MINUTE, [("u", 2)]), (30 * MINUTE + 1, [("u", 1), ("u", 1)])])
def test_a_pause_of_the_timeout_ends_no_session_and_a_longer_one_does(
    cut_sessions: Cut, gap: int, expected: list[tuple[str, int]]
) -> None:
    assert spans(cut_sessions, Event("u", 0), Event("u", gap)) == expected


def test_a_run_of_24_hours_is_one_session_and_a_longer_one_is_cut_at_midnight(cut_sessions: Cut) -> None:
    noon = 12 * 60 * MINUTE
    day = [Event("u", noon + n * 30 * MINUTE) for n in range(49)]
    assert spans(cut_sessions, *day) == [("u", 49)]
    assert spans(cut_sessions, *day, Event("u", noon + DAY + 1)) == [("u", 24), ("u", 26)]


def test_copies_in_all_columns_count_once_unless_the_mapping_says_that_they_are_events(cut_sessions: Cut) -> None:
    found = [Event("u", 0), Event("u", 0), Event("u", 0, "buy"), Event("u", MINUTE)]
    assert spans(cut_sessions, *found) == [("u", 4)]
    assert spans(cut_sessions, *found, deduplicate="all_columns") == [("u", 3)]
    assert copies(cut_sessions, *found, deduplicate="all_columns") == [1]


def test_an_event_that_was_sent_again_within_a_day_counts_once(cut_sessions: Cut) -> None:
    again = [Event("u", at, id="e") for at in (0, MINUTE, MINUTE + DAY, 3 * DAY)]
    others = [Event("u", MINUTE, id=None), Event("u", MINUTE, id=None), Event("v", 0, id="e")]
    assert spans(cut_sessions, *again, *others, deduplicate="event_id") == [("u", 3), ("u", 1), ("v", 1)]
    assert copies(cut_sessions, *again, *others, deduplicate="event_id") == [1, 0, 0], "those of a day"


@settings(max_examples=12)
@given(found=histories(), data=st.data())
def test_intervals_agree_with_the_whole_history_where_events_were_sent_again(
    cut_sessions: Cut, found: list[Event], data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.sampled_from([None, "1", "2", "3"]), min_size=len(found), max_size=len(found)))
    found = [one._replace(id=id) for one, id in zip(found, ids, strict=True)]
    whole = cut_sessions(found, WHOLE, deduplicate="event_id")
    apart = cut_sessions(found, *INTERVALS, deduplicate="event_id")
    assert [{**row, "copies": 0} for row in apart] == [{**row, "copies": 0} for row in whole]
    assert all(one["copies"] <= row["copies"] for one, row in zip(apart, whole, strict=True))


def test_midnights_are_those_of_the_interval_timezone() -> None:
    summer = Calendar(date(2024, 3, 4), date(2024, 3, 18), 1, "America/New_York")
    first = summer.number(1)
    midnights = Cutting.between(summer, first.start_unix, first.end_unix, 30, False).midnights
    hours = {(b - a) // (60 * MINUTE) for a, b in pairwise(midnights)}
    assert hours == {23, 24}
    assert {first.start_unix * 10**6, first.end_unix * 10**6} <= set(midnights)
    assert midnights[0] <= (first.start - timedelta(days=2)).timestamp() * 10**6
    assert midnights[-1] > (first.end + timedelta(days=2)).timestamp() * 10**6
