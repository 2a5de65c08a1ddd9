"""conversion_dataset: the sessions that came to the horizon without a conversion, with what was known of them and of
their user then, and whether they converted later."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.conversion import session_horizons
from flywheel_assets.conversion.session_horizons import CATEGORY, HORIZON_SECONDS, SO_FAR
from flywheel_assets.ingest.session_features import int64
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.verdict import Check, Verdict, share

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

DAY_SECONDS = 86_400

CONTRACT = Check("contract", "Columns and types match the contract; one row per session.", True)
CONSERVATION = Check(
    "conservation", "Rows, sessions that never came to the horizon and those converted by then are all sessions.", True
)
BOTH_OUTCOMES = Check("both_outcomes", "Some sessions convert after the horizon, and some do not (warning).")

HISTORY = (
    Column("repeat_session", "boolean", "Whether an earlier session of the user ended in the look-back."),
    Column("earlier_sessions", "int32", "How many did, before this one started."),
    Column("days_since_last_session", "float64", "Days from the start of the last of them to this; null without one."),
    Column("earlier_conversions", "int32", "How many of them converted."),
    Column("earlier_<past feature>", "float64", "A feature, summed over them."),
)
WHEN = (
    Column("hour", "int32", "The hour in which the session started, 0 to 23, in the interval timezone."),
    Column("weekday", "int32", "Its day of the week there, 0 for Monday to 6 for Sunday."),
    Column("weekend", "boolean", "Whether that is a Saturday or a Sunday."),
)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"look-back": f"{flywheel.settings.look_back_days} days", "timezone": flywheel.calendar.timezone}


TABLE = Table(
    "conversion_dataset",
    "session that came to the horizon without a conversion",
    "What a model of conversion learns from and predicts: inputs as known at the horizon, and the outcome after it.",
    (session_horizons.TABLE,),
    (
        SESSION_ID,
        USER_ID,
        UNIX,
        HORIZON_SECONDS,
        *SO_FAR,
        *WHEN,
        *HISTORY,
        CATEGORY,
        Column("converted", "boolean", "Whether the session converts after the horizon."),
    ),
    placeholders=lambda flywheel: flywheel.conversion.placeholders,
    earlier=(session_horizons.TABLE,),
    # The sessions of the interval's first moment look back as far as its last ones.
    look_back=lambda settings: settings.look_back_days + settings.calendar.days,
    used=session_horizons.TABLE.used,
    waits=session_horizons.TABLE.waits,
    checks=(CONTRACT, CONSERVATION, BOTH_OUTCOMES),
    parameters=_parameters,
)


def conversion_dataset(
    sessions: ir.Table,
    seen: ir.Table,
    columns: Sequence[str],
    past_features: Sequence[str],
    look_back_days: int,
    offsets: Sequence[tuple[int, int]],
) -> ir.Table:
    """The rows of the table with these ``columns``. ``sessions``: session_horizons of the interval; ``seen``: of it and
    of those before, as far back as the look-back reaches; ``offsets`` of the interval timezone from UTC, as
    :func:`utc_offsets` gives them."""
    open_ones = sessions.filter(sessions.horizon_seconds.notnull() & ~sessions.converted_so_far)
    before = _history(open_ones, seen, past_features, look_back_days * DAY_SECONDS).view()
    joined = open_ones.inner_join(
        before, [open_ones.user_id == before["_user"], open_ones.timestamp_unix == before["_at"]]
    )
    unix = joined.timestamp_unix
    local = ibis.cases(*((unix >= since, unix + offset) for since, offset in reversed(offsets)), else_=unix)
    weekday = ((local // DAY_SECONDS + 3) % 7).cast("int32")  # 1970 began on a Thursday
    made = joined.mutate(
        hour=(local // 3600 % 24).cast("int32"),
        weekday=weekday,
        weekend=weekday >= 5,
        repeat_session=joined.earlier_sessions > 0,
        days_since_last_session=(unix - joined["_last"]).cast("float64") / DAY_SECONDS,
    )
    return made.select(*columns)


def _history(sessions: ir.Table, seen: ir.Table, past_features: Sequence[str], look_back_seconds: int) -> ir.Table:
    """Per user and start of these sessions, ``_user`` and ``_at``, what their user had done: of ``seen`` the sessions
    that ended before that start and within the look-back. One that was still open had no outcome yet."""
    past = seen.select(
        _user="user_id",
        _at="end_unix",
        _start="timestamp_unix",
        _ended=int64(1),
        _converted=seen.converted.cast("int64"),
        **{f"_of_{name}": seen[name] for name in past_features},
    )
    starts = sessions.select(_user="user_id", _at="timestamp_unix").distinct()
    asked = starts.mutate(
        _start=ibis.null("int64"),
        _ended=int64(0),
        _converted=int64(0),
        **{f"_of_{name}": ibis.null("float64") for name in past_features},
    )
    both = past.union(asked)
    earlier = ibis.window(
        group_by="_user", order_by="_at", range=(ibis.preceding(look_back_seconds), ibis.preceding(1))
    )
    found = both.mutate(
        _asked=both["_ended"] == 0,
        _last=both["_start"].max().over(earlier),
        earlier_sessions=both["_ended"].sum().over(earlier).coalesce(0).cast("int32"),
        earlier_conversions=both["_converted"].sum().over(earlier).coalesce(0).cast("int32"),
        **{f"earlier_{name}": both[f"_of_{name}"].sum().over(earlier).coalesce(0.0).round(6) for name in past_features},
    )
    names = ["earlier_sessions", "earlier_conversions", *(f"earlier_{name}" for name in past_features)]
    return found.filter(found["_asked"]).select("_user", "_at", "_last", *names)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``distinct`` sessions, ``users``, and ``conversions``."""
    return {
        "rows": table.count(),
        "distinct": table.session_id.nunique(),
        "users": table.user_id.nunique(),
        "conversions": table.converted.sum().coalesce(0),
    }


def verdicts(
    row: Mapping[str, Any], sessions: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], horizon: str
) -> list[Verdict]:
    """All checks. ``sessions``: the figures of session_horizons."""
    rows, conversions, repeated = int(row["rows"]), int(row["conversions"]), int(row["rows"]) - int(row["distinct"])
    faults = wrong_columns(schema, columns)
    faults += [f"{repeated:,} further rows of a session already counted"] if repeated else []
    short, before, of_all = (int(sessions[name]) for name in ("too_short", "converted_before", "sessions"))
    counts = f"{rows:,} rows, {short:,} sessions that ended earlier and {before:,} that had converted"
    rate = f"{conversions:,} of {rows:,} sessions convert {horizon} ({share(conversions, rows):.2%})"
    numbers = {"rows": rows, "users": int(row["users"]), "conversions": conversions, "rate": share(conversions, rows)}
    return [
        Verdict(CONTRACT.name, not faults, "; ".join(faults) or f"{rows:,} sessions, predicted {horizon}"),
        Verdict(
            CONSERVATION.name,
            rows + short + before == of_all,
            f"{counts}, of {of_all:,} sessions",
            numbers={"rows": rows, "too_short": short, "converted_before": before, "sessions": of_all},
        ),
        Verdict(BOTH_OUTCOMES.name, not rows or 0 < conversions < rows, rate, "WARN", numbers),
    ]
