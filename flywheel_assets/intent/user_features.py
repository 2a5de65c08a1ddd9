"""user_features: what each user did up to an interval's end, as one row of numbers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.intent import user_days
from flywheel_assets.intent.user_days import whole
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check(
    "contract", "Columns and types match the contract; one row per user; nothing later than the interval.", True
)

PAGE_VIEWS = "page_views"
"""The kind that pages per session are counted by."""

GENERAL = (
    Column("events", "int64", "Events of any name."),
    Column("days_since_event", "int32", "Days from the last event to the interval's last day; 0 on that day."),
    Column("active_days", "int32", "Days with an event."),
    Column("sessions", "int32", "Sessions."),
    Column("pages_per_session", "float64", f"Events of the kind {PAGE_VIEWS} per session; null without either."),
    Column("minutes", "float64", "Time spent in sessions, from the first event of each to its last."),
    Column("features_used", "int32", "Kinds with an event."),
    Column(
        "trend",
        "float64",
        "Events of this interval and of the previous one, their difference by their sum: -1 to 1, 0 without any, null "
        "where the look-back is shorter than both.",
    ),
    Column("first_seen_days", "int32", "Days from the first event of the look-back to the interval's last day."),
)


def numeric_features(kinds: Sequence[str]) -> list[str]:
    """The columns that are numbers."""
    return [*kinds, *(f"days_since_{kind}" for kind in kinds), *(column.name for column in GENERAL)]


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"look-back": f"{flywheel.settings.look_back_days} days to {interval.last_day}"}


TABLE = Table(
    "user_features",
    "user with an event in the look-back",
    "What each user did in the days up to the interval's end: counts by kind, how long ago, and how that changed.",
    (user_days.TABLE,),
    (
        USER_ID,
        Column("<kind>", "int64", "Events of a kind in the look-back."),
        Column(
            "days_since_<kind>",
            "int32",
            "Days from the last event of the kind to the interval's last day; null without one.",
        ),
        *GENERAL,
        Column("likely_bot", "boolean", "Whether the user was active for over 24 hours without a pause."),
        user_days.TRAIT,
    ),
    placeholders=user_days.kinds_and_traits,
    earlier=(user_days.TABLE,),
    look_back=lambda settings: settings.look_back_days,
    used=user_days.TABLE.used,
    waits=user_days.TABLE.waits,
    checks=(CONTRACT,),
    parameters=_parameters,
)


def user_features(
    days: ir.Table, kinds: Sequence[str], traits: Sequence[str], interval: Interval, look_back_days: int
) -> ir.Table:
    """The rows of the table. ``days``: user_days of the interval and of those before it, as far back as the look-back
    reaches; what is later than the interval, or before the look-back, plays no part."""
    last_day = interval.last_day
    first_day = last_day - timedelta(days=look_back_days - 1)
    seen = days.filter(days.day >= first_day, days.day <= last_day)

    def days_since(day: ir.DateValue) -> ir.IntegerValue:
        return ibis.literal(last_day).delta(day, unit="day").cast("int32")

    previous_day = interval.first_day - (interval.last_day - interval.first_day + timedelta(days=1))
    now = seen.events.sum(where=seen.day >= interval.first_day).coalesce(0).cast("float64")
    lately = (seen.day < interval.first_day) & (seen.day >= previous_day)
    before = seen.events.sum(where=lately).coalesce(0).cast("float64")
    trend = ((now - before) / (now + before).nullif(0)).coalesce(0)
    made = seen.group_by("user_id").aggregate(
        **{kind: whole(seen[kind].sum()) for kind in kinds},
        **{f"days_since_{kind}": days_since(seen.day.max(where=seen[kind] > 0)) for kind in kinds},
        events=whole(seen.events.sum()),
        days_since_event=days_since(seen.day.max()),
        active_days=seen.count().cast("int32"),
        sessions=seen.sessions.sum().cast("int32"),
        minutes=seen.seconds.sum().cast("float64") / 60,
        trend=trend if first_day <= previous_day else ibis.null("float64"),
        first_seen_days=days_since(seen.day.min()),
        likely_bot=seen.likely_bot.max(),
        **{name: seen[name].argmax(seen.day, where=seen[name].notnull()) for name in traits},
    )
    pages = made[PAGE_VIEWS].cast("float64") / made.sessions.nullif(0) if PAGE_VIEWS in kinds else ibis.null("float64")
    used = sum(((made[kind] > 0).cast("int32") for kind in kinds), start=ibis.literal(0, "int32"))
    complete = made.mutate(pages_per_session=pages, features_used=used.cast("int32"))
    return complete.select("user_id", *numeric_features(kinds), "likely_bot", *traits)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``users`` (distinct), ``later`` than the interval, ``events``, ``likely_bots``."""
    return {
        "rows": table.count(),
        "users": table.user_id.nunique(),
        "later": (table.days_since_event < 0).sum().coalesce(0),
        "events": table.events.sum().coalesce(0),
        "likely_bots": table.likely_bot.sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column]) -> Verdict:
    """Fails on a missing column, a wrong type, a repeated user, or an event later than the interval."""
    repeated = int(row["rows"]) - int(row["users"])
    faults = wrong_columns(schema, columns)
    faults += [f"{repeated:,} further rows of a user already counted"] if repeated else []
    faults += [f"{row['later']:,} users have an event later than the interval"] if row["later"] else []
    numbers = {name: int(row[name]) for name in ("users", "events", "likely_bots")}
    summary = f"{row['users']:,} users, {row['events']:,} events"
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers=numbers)
