from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intervals import Calendar, utc_offsets
from flywheel_assets_tests.frames import CALENDAR

NEW_YORK = Calendar(date(2024, 1, 1), date(2026, 1, 1), 2, "America/New_York")
MICROSECOND = timedelta(microseconds=1)

# Havana and Sao Paulo change their clocks at midnight, so that some days lack it and others have it twice.
ZONES = ["UTC", "America/New_York", "America/Phoenix", "America/Havana", "America/Sao_Paulo", "Asia/Kathmandu"]
CALENDARS = st.builds(
    lambda first, weeks, zone: Calendar(first, first + timedelta(days=1000), weeks, zone),
    st.dates(date(2014, 1, 1), date(2024, 12, 31)),
    st.integers(1, 5),
    st.sampled_from(ZONES),
)


def unix(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())


def test_the_first_interval_is_number_1_and_its_key_is_its_first_day() -> None:
    assert [(i.number, i.key) for i in CALENDAR][:3] == [(1, "2024-01-01"), (2, "2024-01-15"), (3, "2024-01-29")]


def test_dates_include_the_last_day() -> None:
    assert CALENDAR.number(2).dates == "2024-01-15 - 2024-01-28"
    assert CALENDAR.number(2).last_day == date(2024, 1, 28)


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    second = CALENDAR.number(2)
    assert (second.start_unix, second.end_unix) == (unix(2024, 1, 15), unix(2024, 1, 29))
    numbers = [
        CALENDAR.at(t).number for t in (second.start_unix - 1, second.start_unix, second.end_unix - 1, second.end_unix)
    ]
    assert numbers == [1, 2, 2, 3]


@given(CALENDARS, st.integers(unix(2002, 1, 1), unix(2040, 1, 1)))
def test_a_first_day_before_the_first_interval_is_of_the_same_grid(calendar: Calendar, instant: int) -> None:
    day = calendar.first_day_at(instant)
    longer = replace(calendar, first_day=min(day, calendar.first_day), last_day=max(day, calendar.last_day))
    assert longer.at(instant).first_day == day
    assert (day - calendar.first_day).days % calendar.days == 0


def test_an_interval_closes_at_exactly_its_end() -> None:
    second = CALENDAR.number(2)
    assert not second.closed(second.start)
    assert not second.closed(second.end - MICROSECOND)
    assert second.closed(second.end)
    assert second.closed(second.end.astimezone(ZoneInfo("Asia/Tokyo")))


@pytest.mark.parametrize(("weeks", "second_key"), [(1, "2024-01-08"), (2, "2024-01-15"), (3, "2024-01-22")])
def test_an_interval_is_as_many_weeks_as_the_calendar_says(weeks: int, second_key: str) -> None:
    calendar = Calendar(date(2024, 1, 1), date(2024, 12, 31), weeks, "UTC")
    assert calendar.number(2).key == second_key
    assert calendar.number(1).end - calendar.number(1).start == timedelta(weeks=weeks)


@pytest.mark.parametrize(("last_day", "count"), [("2024-01-14", 1), ("2024-01-15", 2), ("2024-01-28", 2)])
def test_the_last_interval_begins_on_the_last_day_or_before(last_day: str, count: int) -> None:
    calendar = Calendar(date(2024, 1, 1), date.fromisoformat(last_day), 2, "UTC")
    assert calendar.count == count == len(list(calendar))


def test_an_interval_across_a_clock_change_is_whole_days_of_its_timezone() -> None:
    spring, autumn = NEW_YORK.at(unix(2024, 3, 11)), NEW_YORK.at(unix(2024, 11, 4))
    assert spring.end - spring.start == timedelta(days=14, hours=-1)
    assert autumn.end - autumn.start == timedelta(days=14, hours=1)
    assert NEW_YORK.number(1).start == datetime(2024, 1, 1, 5, tzinfo=UTC)


@given(CALENDARS)
def test_intervals_tile_without_gap_or_overlap(calendar: Calendar) -> None:
    intervals = list(calendar)
    assert all(before.end == after.start for before, after in pairwise(intervals))
    assert all(i.start < i.end for i in intervals)
    assert [i.number for i in intervals] == list(range(1, calendar.count + 1))


@given(CALENDARS, st.data())
def test_an_instant_belongs_to_the_one_interval_whose_bounds_hold_it(calendar: Calendar, data: st.DataObject) -> None:
    first, last = calendar.number(1), calendar.number(calendar.count)
    edges = st.builds(
        lambda n, seconds: calendar.number(n).start_unix + seconds,
        st.integers(1, calendar.count),
        st.integers(-7200, 7200),
    )
    instant = data.draw(st.integers(first.start_unix - 10**6, last.end_unix + 10**6) | edges)
    holding = [i for i in calendar if i.start_unix <= instant < i.end_unix]
    assert [calendar.at(instant)] == (holding or [None])


def test_instants_before_the_first_interval_and_after_the_last_belong_to_none() -> None:
    first, last = CALENDAR.number(1), CALENDAR.number(CALENDAR.count)
    assert CALENDAR.at(first.start_unix - 1) is None
    assert CALENDAR.at(first.start_unix) == first
    assert CALENDAR.at(last.end_unix - 1) == last
    assert CALENDAR.at(last.end_unix) is None


@given(CALENDARS)
def test_a_key_finds_the_interval_that_has_it(calendar: Calendar) -> None:
    assert all(calendar.key(i.key) == i for i in calendar)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("2024-01-16", "2024-01-15 (2024-01-15 - 2024-01-28)"),
        ("2024-01-28", "2024-01-15 (2024-01-15 - 2024-01-28)"),
        ("2023-12-18", "2024-01-01 (2024-01-01 - 2024-01-14)"),
        ("2040-01-02", "2033-12-19 (2033-12-19 - 2034-01-01)"),
    ],
)
def test_a_day_on_which_no_interval_starts_is_an_error_that_names_the_nearest(key: str, nearest: str) -> None:
    with pytest.raises(LookupError, match=f"no interval starts on {key}") as error:
        CALENDAR.key(key)
    assert nearest in str(error.value)


def test_a_key_that_is_no_date_is_an_error_that_shows_one() -> None:
    with pytest.raises(LookupError, match="'last' is not an interval: expected its first day, as in 2024-01-01"):
        CALENDAR.key("last")


@pytest.mark.parametrize("number", [0, -1, 262])
def test_a_number_outside_of_the_calendar_is_an_error_that_names_the_range(number: int) -> None:
    with pytest.raises(LookupError, match=f"no interval {number}: they run from 1 to 261"):
        CALENDAR.number(number)


def test_the_previous_interval_is_the_one_before_and_the_first_has_none() -> None:
    assert CALENDAR.previous(CALENDAR.number(2)) == CALENDAR.number(1)
    assert CALENDAR.previous(CALENDAR.number(1)) is None


def test_between_includes_both_ends_and_is_empty_backwards() -> None:
    second, fourth = CALENDAR.number(2), CALENDAR.number(4)
    assert [i.number for i in CALENDAR.between(second, fourth)] == [2, 3, 4]
    assert CALENDAR.between(second, second) == [second]
    assert CALENDAR.between(fourth, second) == []


def test_the_first_interval_is_closed_when_the_second_begins() -> None:
    first = CALENDAR.number(1)
    assert CALENDAR.last_closed(first.start - timedelta(days=900)) is None
    assert CALENDAR.last_closed(first.start) is None
    assert CALENDAR.last_closed(first.end - MICROSECOND) is None
    assert CALENDAR.last_closed(first.end) == first


def test_the_last_interval_is_closed_once_it_ended_and_stays_so() -> None:
    last = CALENDAR.number(CALENDAR.count)
    assert CALENDAR.last_closed(last.end - MICROSECOND) == CALENDAR.previous(last)
    assert CALENDAR.last_closed(last.end) == last
    assert CALENDAR.last_closed(last.end + timedelta(days=900)) == last


@given(CALENDARS, st.integers(-100, 1200), st.integers(0, 86_400))
def test_the_last_closed_interval_is_the_latest_of_the_closed_ones(calendar: Calendar, days: int, seconds: int) -> None:
    now = calendar.number(1).start + timedelta(days=days, seconds=seconds)
    closed = [i for i in calendar if i.closed(now)]
    assert calendar.last_closed(now) == (closed[-1] if closed else None)


def test_phoenix_is_seven_hours_behind_all_year() -> None:
    start, end = unix(2024, 1, 1), unix(2025, 1, 1)
    assert utc_offsets("America/Phoenix", start, end) == [(start, -25_200)]


def test_new_york_has_two_offsets_in_an_interval_across_a_clock_change() -> None:
    start, end = unix(2024, 3, 4), unix(2024, 3, 18)
    assert utc_offsets("America/New_York", start, end) == [(start, -18_000), (unix(2024, 3, 10, 7), -14_400)]
    assert utc_offsets("America/New_York", start, unix(2024, 3, 10, 7)) == [(start, -18_000)]


@given(st.sampled_from([*ZONES, "Australia/Lord_Howe"]), st.integers(0, 500), st.integers(0, 14 * 86_400 - 1))
def test_offsets_are_those_of_the_timezone_at_every_instant(zone: str, day: int, seconds: int) -> None:
    start = unix(2016, 1, 1) + day * 86_400
    offset = [s for from_unix, s in utc_offsets(zone, start, start + 14 * 86_400) if from_unix <= start + seconds][-1]
    assert timedelta(seconds=offset) == datetime.fromtimestamp(start + seconds, ZoneInfo(zone)).utcoffset()


def test_an_hour_that_is_yesterdays_by_the_clock_belongs_to_the_interval_that_has_begun() -> None:
    calendar = Calendar(date(2009, 10, 18), date(2010, 10, 18), 2, "America/St_Johns")
    second = calendar.number(2)
    assert second.first_day == date(2009, 11, 1), "clocks there went back that day at 00:01"
    assert [calendar.at(second.start_unix + minutes * 60) for minutes in (-1, 0, 2, 61)] == [
        calendar.number(1),
        second,
        second,
        second,
    ]
