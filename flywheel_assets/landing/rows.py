"""Landed rows: when a session started, and whether its row is valid."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.warehouse.engine import PRECEDENCE

QUARANTINE_REASON = "reason"

_LAST_DIGITS = r"([0-9]+)[^0-9]*$"

_LARGEST = 3.4028234e38
"""The largest number in 32 bits, which is what a network computes in."""


def session_start(session_id: ir.StringValue, pattern: str | None) -> ir.IntegerValue:
    """Unix seconds of a session's start, int64: the last run of digits in its id, exactly 10 (seconds) or 13
    (milliseconds) long, or what the one group of ``pattern`` matches, of the same length. Null without one."""
    digits = session_id.re_extract(pattern or _LAST_DIGITS, 1)
    if pattern:  # which may match anything, and a cast would round 12345.6789
        digits = digits.re_search("^[0-9]+$").ifelse(digits, "")
    seconds = ibis.cases((digits.length() == 10, digits), (digits.length() == 13, digits.left(10)))
    return seconds.cast("int64")


def canonical_types(features: Sequence[str]) -> dict[str, str]:
    """The dtypes of the columns that every landed file has, in our tables."""
    return {"session_id": "string", "user_id": "string", **dict.fromkeys(features, "float64")}


def canonical(rows: ir.Table, features: Sequence[str]) -> ir.Table:
    """The rows with ids as strings and features as float64, whatever their files have: who reads the folder of a table
    takes the first interval's types for all, and would cut 2.5 down to 2."""
    casts = canonical_types(features)
    return rows.cast({name: to for name, to in casts.items() if rows[name].type() != dt.dtype(to)})


def started(rows: ir.Table, pattern: str | None) -> ir.Table:
    """The rows with ``timestamp_unix`` added."""
    return rows.mutate(timestamp_unix=session_start(rows.session_id, pattern))


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
    return rows.filter(~ibis.or_(*(fault for fault, _ in _faults(rows, minimums))))


def invalid_rows(rows: ir.Table, minimums: Mapping[str, float]) -> ir.Table:
    """The rows that cannot be used, with their ``reason``."""
    judged = rows.mutate(invalid_reason(rows, minimums).name(QUARANTINE_REASON))
    return judged.filter(judged[QUARANTINE_REASON].notnull()).drop(PRECEDENCE)


def strays(rows: ir.Table, calendar: Calendar, pattern: str | None) -> ir.Table:
    """The rows that belong to no interval, with the ``reason``."""
    start = session_start(rows.session_id, pattern)
    reason = ibis.cases(
        (_is_blank(rows.session_id), "session_id is null or empty"),
        (start.isnull(), "session_id ends in no Unix time of 10 or 13 digits"),
        (start < calendar.number(1).start_unix, "before the first interval"),
        (start >= calendar.number(calendar.count).end_unix, "after the last interval"),
    )
    judged = rows.mutate(reason.name(QUARANTINE_REASON))
    return judged.filter(judged[QUARANTINE_REASON].notnull())


def _faults(rows: ir.Table, minimums: Mapping[str, float]) -> list[tuple[ir.BooleanValue, str]]:
    """What can be wrong with a row, never null, with the reason in words."""
    reasons: list[tuple[ir.BooleanValue, str]] = [
        (_is_blank(rows.session_id), "session_id is null or empty"),
        (_is_blank(rows.user_id), "user_id is null or empty"),
    ]
    for name, minimum in minimums.items():
        feature = rows[name]
        if isinstance(feature, ir.FloatingValue):
            # Not isinf, isnan, isnull: on Spark Ibis makes the first always false, and the last true of NaN. NaN is
            # above every number on both engines. Not between: a file's statistics leave NaN out, and DuckDB believes
            # them before it looks at a row.
            finite = feature.abs() <= _LARGEST
            reasons.append((~finite, f"{name} is not a finite 32-bit number"))
        reasons.append((feature.isnull(), f"{name} is null"))
        if minimum >= 0:
            reasons.append((feature < 0, f"{name} is negative"))
    return reasons


def _is_blank(column: ir.StringValue) -> ir.BooleanValue:
    # What begins with a blank is less than "!", and little else is: stripping all ids took half of the time of landing.
    return column.isnull() | ibis.cases((column < "!", column.strip() == ""), else_=False)
