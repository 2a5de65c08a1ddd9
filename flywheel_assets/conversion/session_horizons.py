"""session_horizons: of each session, what was known at the horizon, and whether it converted by then or at all."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.conversion.definition import ConversionDefinition, Measures
from flywheel_assets.ingest import event_sessions
from flywheel_assets.ingest.cutting import START
from flywheel_assets.ingest.events import TIME, USER, value_column
from flywheel_assets.ingest.mapping import Definition, EventMapping
from flywheel_assets.ingest.session_features import aggregated, end_value, int64, matched_by, measured
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.tables.columns import SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, same_count

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match the contract; one row per session of the interval.", True)
CONSERVATION = Check("conservation", "As many sessions as event_sessions has, or landed_sessions.", True)

HORIZON_SECONDS = Column(
    "horizon_seconds", "int64", "Seconds from the session's start to the horizon; null where it never came so far."
)
SO_FAR = (
    Column(
        "<count>_so_far",
        "int32",
        "Events of a kind up to the horizon; `events`: of any; `seconds`: from the first to the last of them.",
    ),
    Column("<measure>_so_far", "float64", "A feature that is a sum, a maximum or distinct values, up to the horizon."),
)
GENERAL = ("events", "seconds")
"""What is counted up to the horizon beside kinds and features."""

CATEGORY = Column("<category>", "string", "A text as known at the horizon; null where it is not.")


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    definition = flywheel.conversion.definition
    return {
        "interval": f"{interval.start:%Y-%m-%dT%H:%MZ} to {interval.end:%Y-%m-%dT%H:%MZ}",
        "conversion": definition.conversion,
        "horizon": definition.horizon,
        "categories": ", ".join(definition.categories) or "none",
        **({"kinds of events": flywheel.events.mapping.kinds_digest} if definition.kinds else {}),
    }


TABLE = Table(
    "session_horizons",
    "session",
    "What was known of each session at the horizon that conversion.toml names, and whether it converted.",
    (event_sessions.EVENTS, event_sessions.TABLE, landed_sessions.TABLE),
    (
        SESSION_ID,
        USER_ID,
        UNIX,
        Column("end_unix", "int64", "Its last event, seconds since 1970-01-01 UTC; its start without events."),
        HORIZON_SECONDS,
        *SO_FAR,
        CATEGORY,
        Column("converted_so_far", "boolean", "Whether it has converted by the horizon, at that moment included."),
        Column("converted", "boolean", "Whether it converts, by the horizon or later."),
        Column("<past feature>", "float64", "A feature of the whole session: an input of the user's later sessions."),
    ),
    placeholders=lambda flywheel: flywheel.conversion.placeholders,
    used=lambda settings: settings.conversion_file.is_file(),
    waits=lambda flywheel: flywheel.conversion.wait,
    checks=(CONTRACT, CONSERVATION),
    parameters=_parameters,
)


def of_events(cut_events: ir.Table, mapping: EventMapping, definition: ConversionDefinition) -> ir.Table:
    """The rows of the table from :func:`cut_events`, of whatever interval. What is known at the horizon are the events
    up to that moment: of several in one moment all, so that their order plays no part."""
    of = Measures.of(mapping, definition)
    whole = {f"_whole_{i}": measured(cut_events, mapping, one) for i, one in enumerate(of.features.values())}
    early = {f"_early_{i}": measured(cut_events, mapping, one) for i, one in enumerate(of.so_far.values())}
    carried = [mapping.carried[name] for name in definition.categories]
    kept = dict.fromkeys(value_column(mapping, one.value) for one in carried)
    slim = cut_events.select(
        USER,
        TIME,
        *kept,
        _second=(cut_events[START] // SECOND).cast("int64"),
        _converts=ibis.or_(*(_matches(cut_events, mapping, one) for one in of.targets)),
        **whole,
        **early,
    )
    placed = _with_horizon(slim, definition)
    known = (placed[TIME] <= placed["_horizon"]).fill_null(False)
    rows = placed.mutate(
        _known=known, **{c: ibis.ifelse(known, placed[c], ibis.null(placed[c].type())) for c in (*early, *kept)}
    )
    made = rows.group_by(USER, "_second").aggregate(
        _end=(rows[TIME].max() // SECOND).cast("int64"),
        _horizon_seconds=((rows["_horizon"].max() - rows[TIME].min()) // SECOND).cast("int64"),
        _seconds=((rows[TIME].max(where=rows["_known"]) - rows[TIME].min()) // SECOND).coalesce(0).cast("int32"),
        _events=rows.count(where=rows["_known"]).cast("int32"),
        _so_far=(rows["_converts"] & rows["_known"]).max(),
        _at_all=rows["_converts"].max(),
        **{name: aggregated(rows, name, one) for name, one in zip(early, of.so_far.values(), strict=True)},
        **{name: aggregated(rows, name, one) for name, one in zip(whole, of.features.values(), strict=True)},
        **{f"_text_{name}": end_value(rows, mapping, name) for name in definition.categories},
    )
    return made.select(
        session_id=made[USER] + "." + made["_second"].cast("string"),
        user_id=made[USER],
        timestamp_unix=made["_second"],
        end_unix=made["_end"],
        horizon_seconds=made["_horizon_seconds"],
        events_so_far=made["_events"],
        seconds_so_far=made["_seconds"],
        **{
            f"{name}_so_far": made[f"_early_{i}"].cast("int32" if name in of.counts else "float64")
            for i, name in enumerate(of.so_far)
        },
        **{name: made[f"_text_{name}"].cast("string") for name in definition.categories},
        converted_so_far=made["_so_far"],
        converted=made["_at_all"],
        **{name: made[f"_whole_{i}"].cast("float64") for i, name in enumerate(of.features)},
    )


def _matches(events: ir.Table, mapping: EventMapping, one: Definition) -> ir.BooleanValue:
    matched = matched_by(events, mapping, one)
    return ibis.literal(True) if matched is None else matched


def _with_horizon(events: ir.Table, definition: ConversionDefinition) -> ir.Table:
    """The events with ``_horizon``, the moment of their session's: null where it never came so far."""
    session = ibis.window(group_by=[USER, "_second"])
    if definition.minutes:
        return events.mutate(_horizon=events[TIME].min().over(session) + definition.minutes * 60 * SECOND)
    order = ibis.window(group_by=[USER, "_second"], order_by=TIME)
    placed = events.mutate(_place=ibis.row_number().over(order))
    last_known = ibis.ifelse(placed["_place"] == definition.events - 1, placed[TIME], ibis.null("int64"))
    return placed.mutate(_horizon=last_known.max().over(session)).drop("_place")


def of_sessions(sessions: ir.Table, features: Sequence[str], definition: ConversionDefinition) -> ir.Table:
    """The rows of the table from landed_sessions: the horizon is the start, and nothing of the session is known but
    its categories."""
    return sessions.select(
        "session_id",
        "user_id",
        "timestamp_unix",
        end_unix=sessions.timestamp_unix,
        horizon_seconds=int64(0),
        **{name: sessions[name].cast("string") for name in definition.categories},
        converted_so_far=ibis.literal(False),
        converted=(sessions[definition.column].cast("float64") > 0).fill_null(False),
        **{name: sessions[name].cast("float64") for name in features},
    )


def figures(table: ir.Table, interval: Interval) -> dict[str, ir.Scalar]:
    """Aggregates: ``sessions``; ``too_short``, those that never came to the horizon; ``converted_before``, the others
    that had converted by then; ``conversions`` of all, and ``conversions_later`` of the rest; ``distinct`` sessions,
    and rows ``outside`` the interval."""
    unix, reached = table.timestamp_unix, table.horizon_seconds.notnull()
    outside = (unix < interval.start_unix) | (unix >= interval.end_unix) | unix.isnull()
    return {
        "sessions": table.count(),
        "too_short": (~reached).sum().coalesce(0),
        "converted_before": (reached & table.converted_so_far).sum().coalesce(0),
        "conversions": table.converted.sum().coalesce(0),
        "conversions_later": (reached & ~table.converted_so_far & table.converted).sum().coalesce(0),
        "distinct": table.session_id.nunique(),
        "outside": outside.sum().coalesce(0),
    }


def verdicts(
    row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], made_sessions: int
) -> list[Verdict]:
    """Both checks; ``made_sessions``: the rows of event_sessions, or of landed_sessions."""
    repeated = int(row["sessions"]) - int(row["distinct"])
    faults = wrong_columns(schema, columns)
    faults += [f"{row['outside']:,} rows outside the interval"] if row["outside"] else []
    faults += [f"{repeated:,} further rows of a session already counted"] if repeated else []
    numbers = {name: int(row[name]) for name in ("sessions", "too_short", "converted_before", "conversions")}
    summary = f"{numbers['sessions']:,} sessions, {numbers['conversions']:,} of them convert"
    kept = same_count(CONSERVATION.name, int(row["sessions"]), made_sessions, "sessions here and where they come from")
    return [Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers=numbers), kept]
