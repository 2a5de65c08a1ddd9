"""user_days: what each user did on each day of an interval, counted by kind."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.ingest import event_sessions
from flywheel_assets.ingest.events import TIME, USER
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.session_features import matched_by
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, same_count

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; one row per user and day.", blocking=True)
CONSERVATION = Check("conservation", "The users' sessions sum to those of event_sessions.", blocking=True)

TRAIT = Column("<trait>", "string", "A carried column, of the last session that has it.")


def kinds_and_traits(flywheel: "Flywheel") -> dict[str, Sequence[str]]:
    """What fills in `<kind>` and `<trait>`."""
    if not flywheel.has_events:
        return {"<kind>": (), "<trait>": ()}
    return {"<kind>": tuple(flywheel.events.mapping.kinds), "<trait>": tuple(flywheel.events.mapping.carried)}


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "interval": f"{interval.start:%Y-%m-%dT%H:%MZ} to {interval.end:%Y-%m-%dT%H:%MZ}",
        "kinds of events": flywheel.events.mapping.kinds_digest,
    }


TABLE = Table(
    "user_days",
    "user and day",
    "What each user did on each day: events by kind, sessions and the time spent in them.",
    (event_sessions.EVENTS, event_sessions.TABLE),
    (
        USER_ID,
        Column("day", "date", "The day, in the interval timezone."),
        Column("events", "int32", "The user's events of that day, in sessions or not, copies aside."),
        Column("<kind>", "int32", "Those of a kind."),
        Column("sessions", "int32", "Sessions that began on that day."),
        Column("seconds", "int64", "What these lasted, from the first event to the last, in all."),
        Column("likely_bot", "boolean", "Whether one of them is part of over 24 hours without a pause."),
        TRAIT,
    ),
    placeholders=kinds_and_traits,
    used=lambda settings: event_sessions.TABLE.used(settings) and settings.intent_file.is_file(),
    waits=lambda flywheel: flywheel.intent.traits_wait,
    checks=(CONTRACT, CONSERVATION),
    parameters=_parameters,
)

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_IP = r"^\d{1,3}(\.\d{1,3}){3}$|^([0-9A-Fa-f]{0,4}:){7}[0-9A-Fa-f]{0,4}$|^[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*$"


def user_days(
    events: ir.Table, sessions: ir.Table, mapping: EventMapping, offsets: Sequence[tuple[int, int]]
) -> ir.Table:
    """The rows of the table. ``events`` of an interval, copies left out; ``sessions``: event_sessions of it;
    ``offsets`` of the interval timezone from UTC, as :func:`utc_offsets` gives them. A user whose session began in the
    interval has an event on that day."""
    kinds = {f"_kind_{i}": matched_by(events, mapping, one) for i, one in enumerate(mapping.kinds.values())}
    slim = events.select(
        user_id=events[USER],
        day=_day((events[TIME] // SECOND).cast("int64"), offsets),
        **{name: ibis.literal(True) if matched is None else matched for name, matched in kinds.items()},
    )
    counted = slim.group_by("user_id", "day").aggregate(
        events=slim.count().cast("int32"),
        **{kind: slim.count(where=slim[f"_kind_{i}"]).cast("int32") for i, kind in enumerate(mapping.kinds)},
    )
    unix = sessions.timestamp_unix
    begun = sessions.mutate(day=_day(unix, offsets), _seconds=sessions.session_end.epoch_seconds().cast("int64") - unix)
    visits = begun.group_by("user_id", "day").aggregate(
        sessions=begun.count().cast("int32"),
        seconds=whole(begun["_seconds"].sum()),
        likely_bot=begun.likely_bot.max(),
        **{name: begun[name].argmax(begun.timestamp_unix, where=begun[name].notnull()) for name in mapping.carried},
    )
    joined = counted.left_join(visits, ["user_id", "day"])
    return joined.select(
        *(joined[name] for name in counted.columns),
        sessions=joined.sessions.fill_null(0),
        seconds=joined.seconds.fill_null(0),
        likely_bot=joined.likely_bot.fill_null(False),
        **{name: joined[name] for name in mapping.carried},
    )


def empty_schema(mapping: EventMapping) -> dict[str, str]:
    """The columns of the table by Ibis dtype, for an interval without any event."""
    schema: dict[str, str] = {}
    for column in TABLE.columns:
        names = {"<kind>": mapping.kinds, "<trait>": mapping.carried}.get(column.name, (column.name,))
        schema |= dict.fromkeys(names, column.dtype)
    return schema


def figures(table: ir.Table, interval: Interval) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``user_days`` (distinct), ``outside`` the interval, ``events``, ``sessions``."""
    outside = (table.day < interval.first_day) | (table.day > interval.last_day) | table.day.isnull()
    return {
        "rows": table.count(),
        "user_days": ibis.struct({"user": table.user_id, "day": table.day}).nunique(),
        "outside": outside.sum().coalesce(0),
        "events": table.events.sum().coalesce(0),
        "sessions": table.sessions.sum().coalesce(0),
    }


def verdicts(
    row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], made_sessions: int
) -> list[Verdict]:
    """Both checks; ``made_sessions``: the rows of event_sessions."""
    repeated = int(row["rows"]) - int(row["user_days"])
    faults = wrong_columns(schema, columns)
    faults += [f"{row['outside']:,} rows on days outside the interval"] if row["outside"] else []
    faults += [f"{repeated:,} further rows of a user and day already counted"] if repeated else []
    summary = f"{row['rows']:,} days of users, {row['events']:,} events"
    kept = same_count(CONSERVATION.name, int(row["sessions"]), made_sessions, "sessions here and in event_sessions")
    return [Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary), kept]


def personal_figures(sessions: ir.Table, traits: Sequence[str]) -> dict[str, ir.Scalar]:
    """Aggregates, per trait: ``<trait>:email`` and ``<trait>:ip``, how many of its values look like e-mail addresses
    and like IP addresses, and ``<trait>:given``, how many there are."""
    found: dict[str, ir.Scalar] = {}
    for name in traits:
        text = sessions[name]
        found[f"{name}:given"] = text.count()
        found[f"{name}:email"] = text.re_search(_EMAIL).sum().coalesce(0)
        found[f"{name}:ip"] = text.re_search(_IP).sum().coalesce(0)
    return found


def personal_traits(row: Mapping[str, Any], traits: Sequence[str]) -> dict[str, str]:
    """The traits of which most values look personal: `e-mail addresses` or `IP addresses`, by name."""
    kinds = {"email": "e-mail addresses", "ip": "IP addresses"}
    return {
        name: called
        for name in traits
        for kind, called in kinds.items()
        if row[f"{name}:given"] and 2 * row[f"{name}:{kind}"] > row[f"{name}:given"]
    }


def whole(number: ir.NumericValue) -> ir.IntegerValue:
    """A sum as 64 bits: DuckDB sums to 128, which parquet has not, and Ibis would drop a cast from there."""
    return number.cast("float64").cast("int64")


def _day(unix: ir.IntegerValue, offsets: Sequence[tuple[int, int]]) -> ir.DateValue:
    """The local day of Unix seconds."""
    local = ibis.cases(*((unix >= since, unix + offset) for since, offset in reversed(offsets)), else_=unix)
    return local.as_timestamp("s").date()
