"""Dagster's partitions: one per interval, with the calendar's keys.

No cron ticks every two weeks, so the schedule is weekly and the weeks in between are excluded. Dagster then believes
that each partition is one week long; an interval's bounds are therefore never taken from it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from flywheel_assets.intervals import Calendar


def interval_partitions(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """The intervals of a calendar as partitions."""
    last_day = calendar.number(calendar.count).last_day
    weeks = range((last_day - calendar.first_day).days // 7 + 2)
    between = [calendar.first_day + timedelta(weeks=w) for w in weeks if w % calendar.weeks]
    zone = ZoneInfo(calendar.timezone)
    return dg.TimeWindowPartitionsDefinition(
        start=calendar.first_day.isoformat(),
        end=(last_day + timedelta(days=1)).isoformat(),
        fmt="%Y-%m-%d",
        timezone=calendar.timezone,
        cron_schedule=f"0 0 * * {calendar.first_day.isoweekday() % 7}",
        exclusions=[datetime(day.year, day.month, day.day, tzinfo=zone) for day in between] or None,
    )
