"""event_sessions: the sessions of an interval, cut from a team's events and measured as its mapping says."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.ingest.events import NAME, NATIVE, TIME, USER, among, value_column
from flywheel_assets.ingest.mapping import DURATION_UNITS, Definition, EventMapping
from flywheel_assets.ingest.sessions import (
    COPIES,
    CUT,
    LOOK_AROUND,
    LOOK_BACK_FOR_COPIES,
    START,
    Cutting,
    cut,
    without_copies,
)
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import FEATURE, OTHERS, SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict

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
    used=lambda settings: settings.events_file.is_file(),
    checks=(CONTRACT, UNMAPPED, LIKELY_BOTS, EVENT_FILES),
    parameters=_parameters,
)


def around(events: ir.Table, start_unix: int, end_unix: int) -> ir.Table:
    """The events that decide the sessions of a span, in Unix seconds."""
    when, margin = events[TIME], LOOK_AROUND + LOOK_BACK_FOR_COPIES
    return events.filter(when >= start_unix * SECOND - margin, when < end_unix * SECOND + LOOK_AROUND)


def cut_events(events: ir.Table, mapping: EventMapping, cutting: Cutting, start_unix: int) -> ir.Table:
    """The events of :func:`around`, copies left out, with START and CUT of their sessions."""
    if mapping.deduplicate:
        events = without_copies(events, by_id=mapping.deduplicate == "event_id")
    events = events.filter(events[TIME] >= start_unix * SECOND - LOOK_AROUND)
    return cut(events, cutting)


def sessions(cut_events: ir.Table, mapping: EventMapping, offsets: Sequence[tuple[int, int]] = ((0, 0),)) -> ir.Table:
    """The rows of the table from :func:`cut_events`, of whatever interval. ``offsets``: of the interval timezone from
    UTC, as :func:`utc_offsets` gives them, for the hour in which a session starts. A feature that no event of a session
    makes is 0; sums are rounded to 6 decimals, since engines add in any order."""
    features = list(mapping.features.items())
    rows = cut_events.mutate(
        _second=(cut_events[START] // SECOND).cast("int64"),
        **{f"_of_{i}": _measured(cut_events, mapping, one) for i, (_, one) in enumerate(features)},
    )
    made = rows.group_by(USER, "_second").aggregate(
        **{f"_feature_{i}": _aggregate(rows, f"_of_{i}", one) for i, (_, one) in enumerate(features)},
        **{f"_carried_{i}": _end(rows, mapping, name) for i, name in enumerate(mapping.carried)},
        _events=rows.count(),
        _last=rows[TIME].max(),
        _cut=rows[CUT].max(),
        **({"_copied": rows[COPIES].sum()} if mapping.deduplicate else {}),
        **({"_native": rows[NATIVE].nunique()} if mapping.session else {}),
    )
    second = made["_second"]
    hour = ibis.cases(*((second >= since, (second + offset) // 3600 % 24) for since, offset in reversed(offsets)))
    return made.select(
        session_id=made[USER] + "." + second.cast("string"),
        user_id=made[USER],
        **{
            name: (hour if one.measure == "start_hour" else made[f"_feature_{i}"]).cast("float64")
            for i, (name, one) in enumerate(features)
        },
        events=made["_events"],
        # DuckDB sums to 128 bits, which parquet has not; Ibis takes that for 64 and would leave out a cast to them.
        copies=made["_copied"].cast("int32").cast("int64") if mapping.deduplicate else _int64(0),
        session_end=(made["_last"] // SECOND).cast("int64").as_timestamp("s").cast("timestamp('UTC')"),
        likely_bot=made["_cut"],
        source_sessions=made["_native"].cast("int64") if mapping.session else _int64(1),
        **{name: made[f"_carried_{i}"] for i, name in enumerate(mapping.carried)},
        timestamp_unix=second,
    )


def _int64(number: int) -> ir.IntegerScalar:
    """A number that engines take for 64 bits, too."""
    return ibis.literal(number, "int8").cast("int64")


def _matched(events: ir.Table, mapping: EventMapping, one: Definition) -> ir.BooleanValue | None:
    """Whether an event counts for a feature; None where each does."""
    tests = [] if one.events is None else [among(events[NAME], one.events)]
    tests += [among(events[value_column(mapping, of)].cast("string"), texts) for of, texts in one.where]
    return ibis.and_(*tests) if tests else None


def _measured(events: ir.Table, mapping: EventMapping, one: Definition) -> ir.Value:
    """What an event adds to a feature, so that no more than that is carried on."""
    matched = _matched(events, mapping, one)
    if one.measure in ("duration", "start_hour"):
        return ibis.literal(0)
    if one.measure == "count":
        return ibis.literal(1) if matched is None else matched.cast("int8")
    value = events[value_column(mapping, one.of)]
    return value if matched is None else ibis.ifelse(matched, value, ibis.null(value.type()))


def _aggregate(rows: ir.Table, column: str, one: Definition) -> ir.Scalar:
    value = rows[column]
    if one.measure == "duration":
        return (rows[TIME].max() - rows[TIME].min()).cast("float64") / DURATION_UNITS[one.of]
    if one.measure == "distinct":
        if isinstance(value, ir.ArrayValue):
            return value.collect().flatten().filter(lambda one: one.notnull()).unique().length().coalesce(0)
        return value.nunique()
    found = value.max() if one.measure in ("max", "start_hour") else value.sum()
    return found.coalesce(0).round(6) if one.measure == "sum" else found.coalesce(0)


def _end(rows: ir.Table, mapping: EventMapping, name: str) -> ir.Scalar:
    """The value of the first or the last event of a session that has one; of several in one moment the least."""
    one = mapping.carried[name]
    value = rows[value_column(mapping, one.value)]
    order = ibis.struct({"time": -rows[TIME] if one.last else rows[TIME], "value": value.cast("string")})
    return value.argmin(order, where=value.notnull())


def mapped(events: ir.Table, mapping: EventMapping) -> ir.BooleanValue:
    """Whether an event makes some feature, or its name is one that the mapping ignores. One without the value that a
    feature is of makes nothing of it."""
    tests = [among(events[NAME], mapping.ignored)]
    for one in mapping.features.values():
        if one.measure in ("duration", "start_hour"):
            continue
        matched = _matched(events, mapping, one)
        counts = ibis.literal(True) if matched is None else matched
        tests.append(counts if one.measure == "count" else counts & events[value_column(mapping, one.of)].notnull())
    return ibis.or_(*tests)


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
    return Verdict(
        LIKELY_BOTS.name,
        not row["bots"],
        f"{row['bot_users']:,} users were active for over 24 hours without a pause, probably bots: {row['bots']:,} "
        "sessions, cut at midnights"
        if row["bots"]
        else "no user was active for over 24 hours without a pause",
        "WARN",
        {"likely_bots": int(row["bot_users"]), "sessions_of_bots": int(row["bots"])},
    )


def event_files(used: int, problems: Sequence[str]) -> Verdict:
    """Warns of files that are set aside, and of rows that are no events of an interval."""
    return Verdict(
        EVENT_FILES.name,
        not problems,
        "; ".join(problems) or f"all files can be used, {used:,} of them have events of this interval",
        "WARN",
        {"files_used": used, "files_with_problems": len(problems)},
    )


def empty_schema(mapping: EventMapping) -> dict[str, str]:
    """The columns of the table by Ibis dtype, for an interval without any event."""
    ours = {c.name: c.dtype for c in TABLE.columns if c.name not in ("<feature>", "*")}
    ids = {name: ours.pop(name) for name in ("session_id", "user_id")}
    unix = {"timestamp_unix": ours.pop("timestamp_unix")}
    return ids | dict.fromkeys(mapping.features, "float64") | ours | dict.fromkeys(mapping.carried, "string") | unix
