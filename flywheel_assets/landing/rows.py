"""Landed rows: when a session started, and whether its row is valid."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.features import LARGEST
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.warehouse.engine import PRECEDENCE

QUARANTINE_REASON = "reason"

_NO_ID = "session_id is null or empty"

_LAST_DIGITS = r"([0-9]+)[^0-9]*$"

_ISO_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?"
    r"(?:Z|[+-][0-9]{2}(?::[0-9]{2})?)?$"
)
_UNIX_TIME = "^(?:[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(?:[.][0-9]*)?$"

_UNITS, _DIGITS = (1, 10**3, 10**6, 10**9), (10, 13, 16, 19)
"""Seconds, milliseconds, microseconds and nanoseconds. From 2001 to 2286 their Unix times differ in digits."""

_TIMELESS_IDS = (
    (
        "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|^[0-9a-fA-F]{32}$",
        "session_id is a UUID, which holds no time: set FLYWHEEL_SESSION_TIME_COLUMN",
    ),
    (
        "[0-9]{4}-[01][0-9]-[0-3][0-9]|[0-9]{8}T[0-9]{4}",
        "session_id holds a time in ISO form and no Unix time: set FLYWHEEL_SESSION_TIME_COLUMN",
    ),
    (
        "(?:^|[^0-9])[0-9]{16}[^0-9]*$",
        "session_id ends in microseconds: set FLYWHEEL_SESSION_ID_PATTERN=([0-9]{10})[0-9]{6}[^0-9]*$",
    ),
    (
        "(?:^|[^0-9])[0-9]{19}[^0-9]*$",
        "session_id ends in nanoseconds: set FLYWHEEL_SESSION_ID_PATTERN=([0-9]{10})[0-9]{9}[^0-9]*$",
    ),
)
"""Forms of ids without a Unix time of 10 or 13 digits, and what to say of a row that has one."""


def session_start(session_id: ir.StringValue, pattern: str | None) -> ir.IntegerValue:
    """Unix seconds of a session's start, int64: the last run of digits in its id, exactly 10 (seconds) or 13
    (milliseconds) long, or what the one group of ``pattern`` matches, of the same length. Null without one."""
    digits = session_id.re_extract(pattern or _LAST_DIGITS, 1)
    if pattern:  # which may match anything, and a cast would round 12345.6789
        digits = digits.re_search("^[0-9]+$").ifelse(digits, "")
    seconds = ibis.cases((digits.length() == 10, digits), (digits.length() == 13, digits.left(10)))
    return seconds.cast("int64")


def instant(column: ir.Value) -> ir.IntegerValue:
    """Unix seconds of a time, int64, rounded down: of a timestamp (UTC where it has no zone), of a Unix time whose unit
    its number of digits tells (10 seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds), or of a text with either,
    the timestamp in ISO form. Null for anything else, and before 1970 or after 2286."""
    if isinstance(column, ir.TimestampValue):
        time = column.truncate("s").epoch_seconds().cast("int64")
        return ibis.cases(((time >= 0) & (time < 10**10), time))
    if isinstance(column, ir.IntegerValue):  # by its digits, since engines divide in floats
        digits = column.cast("string")
        return ibis.cases(((column > 0) & digits.length().isin(_DIGITS), digits.left(10).cast("int64")))
    if not isinstance(column, ir.FloatingValue):
        text = column.cast("string").strip()
        digits = text.re_search(_UNIX_TIME).ifelse(text.left(10), ibis.null("string"))
        time = text.re_search(_ISO_TIME).ifelse(text, ibis.null("string")).try_cast("timestamp('UTC')")
        return ibis.cases((digits.notnull(), digits.cast("int64")), else_=instant(time))
    seconds = [((column >= 1e9 * unit) & (column < 1e10 * unit), (column / unit).floor()) for unit in _UNITS]
    return ibis.cases(*seconds).cast("int64")


def canonical_types(features: Sequence[str]) -> dict[str, str]:
    """The dtypes of the columns that every landed file has, in our tables."""
    return {"session_id": "string", "user_id": "string", **dict.fromkeys(features, "float64")}


def canonical(rows: ir.Table, features: Sequence[str]) -> ir.Table:
    """The rows with ids as strings and features as float64, whatever their files have: who reads the folder of a table
    takes the first interval's types for all, and would cut 2.5 down to 2."""
    casts = canonical_types(features)
    return rows.cast({name: to for name, to in casts.items() if rows[name].type() != dt.dtype(to)})


def started(rows: ir.Table, pattern: str | None, time_column: str | None) -> ir.Table:
    """The rows with ``timestamp_unix``: as sessions of events have it, and of others the :func:`instant` in the time
    column where one is named, else the :func:`session_start` in the id."""
    stated = time_column if time_column in rows.columns else None  # sessions of events have no such column
    start = instant(rows[stated]) if stated else session_start(rows.session_id, pattern)
    known = [rows["timestamp_unix"]] if "timestamp_unix" in rows.columns else []
    return rows.mutate(timestamp_unix=ibis.coalesce(*known, start))


def of_interval(rows: ir.Table, interval: Interval) -> ir.Table:
    """The rows whose session started in the interval."""
    return rows.filter(rows.timestamp_unix >= interval.start_unix, rows.timestamp_unix < interval.end_unix)


def invalid_reason(rows: ir.Table, minimums: Mapping[str, float]) -> ir.StringValue:
    """Why a row cannot be used: the first reason that applies, as a string; null for a valid row.

    ``minimums``: the least value of each feature that the model was fitted on; where that is not negative, a negative
    value is invalid."""
    return ibis.cases(*_faults(rows, minimums)).cast("string")


def valid_rows(rows: ir.Table, minimums: Mapping[str, float]) -> ir.Table:
    """The rows that have no :func:`invalid_reason`."""
    # One predicate each: a chain of 400 alternatives is as deep as it is long, and too deep for Python.
    return rows.filter([~fault for fault, _ in _faults(rows, minimums)])


def invalid_rows(rows: ir.Table, minimums: Mapping[str, float]) -> ir.Table:
    """The rows that cannot be used, with their ``reason``."""
    judged = rows.mutate(invalid_reason(rows, minimums).name(QUARANTINE_REASON))
    return judged.filter(judged[QUARANTINE_REASON].notnull()).drop(PRECEDENCE)


def stray_reason(rows: ir.Table, calendar: Calendar, pattern: str | None, time_column: str | None) -> ir.StringValue:
    """Why a row that is :func:`started` belongs to no interval, as a string; null for a row of an interval."""
    start, session_id = rows.timestamp_unix, rows.session_id
    first, end = calendar.number(1).start_unix, calendar.number(calendar.count).end_unix
    timeless = [(_is_blank(session_id), _NO_ID)]
    if time_column:
        timeless, otherwise = [], f"{time_column} is null or holds no time"
    elif pattern:
        otherwise = "FLYWHEEL_SESSION_ID_PATTERN finds no Unix time of 10 or 13 digits in session_id"
    else:
        timeless += [(session_id.re_search(form), reason) for form, reason in _TIMELESS_IDS]
        otherwise = "session_id ends in no Unix time of 10 or 13 digits"
    # Rows of an interval come first: an engine judges what follows for those alone that are left.
    return ibis.cases(
        ((start >= first) & (start < end), ibis.null("string")),
        (start < first, "before the first interval"),
        (start >= end, "after the last interval"),
        *timeless,
        else_=otherwise,
    )


def strays(rows: ir.Table, calendar: Calendar, pattern: str | None, time_column: str | None) -> ir.Table:
    """The rows that belong to no interval, with the ``reason``."""
    placed = started(rows, pattern, time_column)
    judged = placed.mutate(stray_reason(placed, calendar, pattern, time_column).name(QUARANTINE_REASON))
    return judged.filter(judged[QUARANTINE_REASON].notnull()).drop("timestamp_unix")


def _faults(rows: ir.Table, minimums: Mapping[str, float]) -> list[tuple[ir.BooleanValue, str]]:
    """What can be wrong with a row, never null, with the reason in words."""
    reasons: list[tuple[ir.BooleanValue, str]] = [
        (_is_blank(rows.session_id), _NO_ID),
        (_is_blank(rows.user_id), "user_id is null or empty"),
    ]
    for name, minimum in minimums.items():
        feature = rows[name]
        if isinstance(feature, ir.FloatingValue):
            # Not isinf, isnan, isnull: on Spark Ibis makes the first always false, and the last true of NaN. NaN is
            # above every number on both engines. Not between: a file's statistics leave NaN out, and DuckDB believes
            # them before it looks at a row.
            finite = feature.abs() <= LARGEST
            reasons.append((~finite, f"{name} is not a finite 32-bit number"))
        reasons.append((feature.isnull(), f"{name} is null"))
        if minimum >= 0:
            reasons.append((feature < 0, f"{name} is negative"))
    return reasons


def _is_blank(column: ir.StringValue) -> ir.BooleanValue:
    # What begins with a blank is less than "!", and little else is: stripping all ids took half of the time of landing.
    return column.isnull() | ibis.cases((column < "!", column.strip() == ""), else_=False)
