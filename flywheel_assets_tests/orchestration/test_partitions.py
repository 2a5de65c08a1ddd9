"""Dagster's partitions are the calendar's intervals, whatever the first day, the weeks and the timezone."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flywheel_assets.intervals import Calendar
from flywheel_assets.orchestration.partitions import interval_partitions

LATER = datetime(2100, 1, 1, tzinfo=UTC)
WEDNESDAY, SUNDAY = date(2024, 1, 3), date(2024, 1, 7)


def keys(partitions: dg.TimeWindowPartitionsDefinition) -> list[str]:
    return list(partitions.get_partition_keys(LATER))


@given(
    st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(0, 700),
    st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]),
)
@example(WEDNESDAY, 2, 400, "Europe/Berlin")
@example(SUNDAY, 3, 400, "America/New_York")
@example(date(2018, 10, 21), 2, 40, "America/Sao_Paulo")  # on 2018-11-04 there was no midnight
def test_the_keys_are_the_calendars(first_day: date, weeks: int, days: int, timezone: str) -> None:
    calendar = Calendar(first_day, first_day + timedelta(days=days), weeks, timezone)

    assert keys(interval_partitions(calendar)) == [interval.key for interval in calendar]


@pytest.mark.parametrize("weeks", [1, 2, 3])
def test_ten_years_of_keys_are_the_calendars(weeks: int) -> None:
    calendar = Calendar(WEDNESDAY, date(2034, 1, 3), weeks, "America/New_York")

    assert keys(interval_partitions(calendar)) == [interval.key for interval in calendar]


def test_a_partition_begins_when_its_interval_does() -> None:
    calendar = Calendar(WEDNESDAY, date(2025, 1, 1), 2, "Europe/Berlin")
    partitions = interval_partitions(calendar)

    starts = [partitions.time_window_for_partition_key(interval.key).start for interval in calendar]

    assert [start.timestamp() for start in starts] == [interval.start_unix for interval in calendar]


def test_a_single_interval_is_a_single_partition() -> None:
    assert keys(interval_partitions(Calendar(SUNDAY, SUNDAY, 2, "UTC"))) == ["2024-01-07"]
