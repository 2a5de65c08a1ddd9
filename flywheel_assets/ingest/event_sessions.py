"""event_sessions: the sessions of an interval, cut from a team's events and measured as its mapping says."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import FEATURE, OTHERS, SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, all_usable

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

MOST_NAMES = 20
"""Names of events without a feature that a check lists; the rest is counted."""

MADE_FROM = "flywheel.event_files"
"""The note in event_sessions that lists the files with events of its interval."""

MAPPING = "mapping of events"
"""The parameter of the table that is a digest of `events.toml`."""

CONTRACT = Check(
    "contract", "Columns and types match the contract; one row per session of the interval.", blocking=True
)
UNMAPPED = Check("unmapped_events", "Each event makes some feature, or the mapping ignores its name (warning).")
LIKELY_BOTS = Check("likely_bots", "No user is active for over 24 hours without a pause (warning).")
EVENT_FILES = Check(
    "event_files", "No file of events was set aside, and each row is an event of some interval (warning)."
)

EVENTS = Table(
    "events",
    "event",
    "The folder where a team's raw events land, as parquet, CSV or JSON lines; events.toml says what they hold. "
    "Somebody else writes it; Flywheel only reads.",
    (),
    (OTHERS,),
    fingerprint=lambda flywheel, interval: flywheel.events.fingerprint(interval),
    news=lambda flywheel, interval: flywheel.events.news(interval),
    used=lambda settings: settings.events_file.is_file(),
)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "interval": f"{interval.start:%Y-%m-%dT%H:%MZ} to {interval.end:%Y-%m-%dT%H:%MZ}",
        "session timeout": f"{flywheel.settings.session_timeout_minutes} minutes",
        MAPPING: flywheel.events.mapping.digest,
        "identities": flywheel.events.identities.digest,
    }


TABLE = Table(
    "event_sessions",
    "session",
    "The sessions that events of the interval make: cut after a pause, measured as events.toml says.",
    (EVENTS,),
    (
        SESSION_ID,
        USER_ID,
        FEATURE,
        Column("events", "int64", "Its events, copies aside."),
        Column("copies", "int64", "Copies of its events, which were left out."),
        Column("session_end", "timestamp('UTC')", "Its last event, to the second."),
        Column("likely_bot", "boolean", "Whether it is part of over 24 hours without a pause."),
        Column("source_sessions", "int64", "Native sessions in it: more than 1 where several began in one second."),
        OTHERS,
        UNIX,
    ),
    used=EVENTS.used,
    checks=(CONTRACT, UNMAPPED, LIKELY_BOTS, EVENT_FILES),
    parameters=_parameters,
)


def figures(table: ir.Table, interval: Interval) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``sessions`` (distinct ids), ``outside`` the interval, ``events``, ``copies``, ``bots``
    (sessions that are likely a bot's), ``bot_users``, ``merged`` (sessions in which several began in one second)."""
    unix = table.timestamp_unix
    outside = (unix < interval.start_unix) | (unix >= interval.end_unix) | unix.isnull()
    return {
        "rows": table.count(),
        "sessions": table.session_id.nunique(),
        "outside": outside.sum().coalesce(0),
        "events": table.events.sum().coalesce(0),
        "copies": table.copies.sum().coalesce(0),
        "bots": table.likely_bot.sum().coalesce(0),
        "bot_users": table.user_id.nunique(where=table.likely_bot),
        "merged": (table.source_sessions > 1).sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column]) -> Verdict:
    """Fails on a missing column, a wrong type, a row outside the interval, or a repeated session."""
    wrong, repeated = wrong_columns(schema, columns), int(row["rows"]) - int(row["sessions"])
    faults = [*wrong]
    faults += [f"{row['outside']:,} rows outside the interval"] if row["outside"] else []
    faults += [f"{repeated:,} further rows of a session already counted"] if repeated else []
    summary = f"{row['rows']:,} sessions of {row['events']:,} events"
    summary += f", {row['copies']:,} copies left out" if row["copies"] else ""
    summary += f"; in {row['merged']:,} of them, several began in one second" if row["merged"] else ""
    numbers = {name: int(row[name]) for name in ("rows", "events", "copies", "outside", "merged")}
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers=numbers)


def unmapped_events(counts: Mapping[str, int]) -> Verdict:
    """Warns of events that make no feature. ``counts``: by name, the most frequent names first."""
    total, listed = sum(counts.values()), dict(islice(counts.items(), MOST_NAMES))
    named = ", ".join(f"{name!r} ({count:,})" for name, count in islice(listed.items(), 3))
    named += f" and {len(counts) - 3:,} more names" if len(counts) > 3 else ""
    return Verdict(
        UNMAPPED.name,
        not total,
        f"{total:,} events make no feature: {named}. Map these names in events.toml, or list them under ignore"
        if total
        else "each event makes some feature, or its name is ignored",
        "WARN",
        {"unmapped_events": total, "unmapped_names": len(counts)},
        [{"event": name, "events": count} for name, count in listed.items()],
    )


def likely_bots(row: Mapping[str, Any]) -> Verdict:
    """Warns of users who are active for over 24 hours without a pause."""
    users = f"{row['bot_users']:,} {'user was' if row['bot_users'] == 1 else 'users were'}"
    found = f"{users} active for over 24 hours without a pause: {row['bots']:,} sessions, cut at midnights"
    return Verdict(
        LIKELY_BOTS.name,
        not row["bots"],
        f"{found}; probably bots" if row["bots"] else "no user was active for over 24 hours without a pause",
        "WARN",
        {"likely_bots": int(row["bot_users"]), "sessions_of_bots": int(row["bots"])},
    )


def event_files(used: int, problems: Sequence[str]) -> Verdict:
    """Warns of files that are set aside, and of rows that are no events of an interval."""
    return all_usable(EVENT_FILES.name, "all files", used, "events", problems)


def empty_schema(mapping: EventMapping) -> dict[str, str]:
    """The columns of the table by Ibis dtype, for an interval without any event."""
    ours = {c.name: c.dtype for c in TABLE.columns if c.name not in ("<feature>", "*")}
    ids = {name: ours.pop(name) for name in ("session_id", "user_id")}
    unix = {"timestamp_unix": ours.pop("timestamp_unix")}
    return ids | dict.fromkeys(mapping.features, "float64") | ours | dict.fromkeys(mapping.carried, "string") | unix
