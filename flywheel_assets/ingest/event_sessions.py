"""event_sessions: the sessions of an interval, cut from a team's events and measured as its mapping says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from flywheel_assets.ingest.events import NAME, NATIVE, TIME, USER, among, value_column
from flywheel_assets.ingest.mapping import DURATION_UNITS, Definition, EventMapping
from flywheel_assets.ingest.sessions import CUT, LOOK_AROUND, LOOK_BACK_FOR_COPIES, START, Cutting, cut, without_copies
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import FEATURE, OTHERS, SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

MADE_FROM = "flywheel.event_files"
"""The note in event_sessions that lists the files with events of its interval."""

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
        "mapping of events": flywheel.events.mapping.digest,
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
        Column("session_end", "timestamp('UTC')", "Its last event, to the second."),
        Column("likely_bot", "boolean", "Whether it is part of over 24 hours without a pause."),
        Column("source_sessions", "int64", "Native sessions in it: more than 1 where several began in one second."),
        OTHERS,
        UNIX,
    ),
    checks=(CONTRACT, UNMAPPED, LIKELY_BOTS, EVENT_FILES),
    parameters=_parameters,
)


@dataclass(frozen=True)
class Cut:
    """Events of a span, each with its session. ``span``: Unix seconds."""

    span: tuple[int, int]
    mapping: EventMapping
    cutting: Cutting
    offsets: Sequence[tuple[int, int]]


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
        session_end=(made["_last"] // SECOND).cast("int64").as_timestamp("s").cast("timestamp('UTC')"),
        likely_bot=made["_cut"],
        source_sessions=made["_native"].cast("int64") if mapping.session else ibis.literal(1, "int64"),
        **{name: made[f"_carried_{i}"] for i, name in enumerate(mapping.carried)},
        timestamp_unix=second,
    )


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
            return value.collect().flatten().unique().length().coalesce(0)
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
    """Whether an event makes some feature, or its name is one that the mapping ignores."""
    named = [one for one in mapping.features.values() if one.measure not in ("duration", "start_hour")]
    matched = [_matched(events, mapping, one) for one in named]
    if any(one is None for one in matched):
        return ibis.literal(True)
    return ibis.or_(among(events[NAME], mapping.ignored), *(one for one in matched if one is not None))
