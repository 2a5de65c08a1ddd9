"""When an event happened: microseconds since 1970 UTC, of whatever a column of times holds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.ingest.mapping import TIME_UNITS
from flywheel_assets.intervals import utc_offsets

SECOND = 10**6

EARLIEST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * SECOND
LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""Outside of these a time is probably in another unit than the mapping says."""

_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?"
ZONE = r":[0-9]{2}(?:[.,][0-9]+)? ?(?:Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"
"""How a text of a time with a zone ends; a date ends like one, but for its time."""


def microseconds(column: ir.Value, unit: str, timezone: str) -> ir.IntegerValue:
    """Microseconds since 1970 UTC, int64, null for what is no time. ``column``: a timestamp or a date, a number of
    ``unit`` since 1970, or a text with either, the timestamp in ISO form. ``timezone``: of times without a zone."""
    if isinstance(column, ir.TimestampValue):
        zoned = column.type().timezone is not None
        return _of_timestamp(column) if zoned else _utc(_of_timestamp(column), timezone)
    if isinstance(column, ir.DateValue):
        return _utc(_of_timestamp(column), timezone)
    if isinstance(column, ir.NumericValue):
        return _of_number(column, unit) if unit else ibis.null("int64")
    text = column.cast("string").strip()
    if unit:
        return _of_number(
            text.re_search("^[0-9]+(?:[.][0-9]+)?$").ifelse(text, ibis.null("string")).try_cast("float64"), unit
        )
    iso, zoned = text.re_search(_ISO), text.re_search(ZONE)
    bare = ibis.ifelse(iso & ~zoned, text.replace(",", "."), ibis.null("string")).try_cast("timestamp(6)")
    with_zone = ibis.ifelse(iso & zoned, text.re_replace(" ?UTC$", "Z"), ibis.null("string")).try_cast(
        "timestamp('UTC')"
    )
    return ibis.coalesce(_of_timestamp(with_zone), _utc(_of_timestamp(bare), timezone))


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def unix_micros(time: dt.Timestamp("UTC")) -> dt.int64:  # type: ignore[valid-type]
    """Spark's function; the engine on DuckDB has one of the same name. Ibis has none that both know."""


def _of_timestamp(column: ir.Value) -> ir.IntegerValue:
    return unix_micros(column.cast("timestamp('UTC')"))


def _of_number(column: ir.NumericValue, unit: str) -> ir.IntegerValue:
    """Whole numbers of microseconds stay exact: 2^53 of them end in 2255. What is far outside of the years that a time
    may be of stays outside, but where it can be multiplied."""
    factor = TIME_UNITS[unit]
    farthest = min(int(2 * LATEST / factor), 2**63 - 1)
    column = column.clip(-farthest, farthest)
    if isinstance(column, ir.IntegerValue):
        return column.cast("int64") * factor if factor >= 1 else (column.cast("int64") // 1000).cast("int64")
    return (column * factor).floor().cast("int64")


def _utc(local: ir.IntegerValue, timezone: str) -> ir.IntegerValue:
    """UTC of a wall clock. An hour that the clocks repeat is taken for the earlier one."""
    offsets = _offsets(timezone)
    if len(offsets) == 1:
        return local - offsets[0][1] * SECOND
    until = [
        (local < (start + offset) * SECOND, local - offset * SECOND) for (_, offset), (start, _) in pairwise(offsets)
    ]
    return ibis.cases(*until, else_=local - offsets[-1][1] * SECOND)


@cache
def _offsets(timezone: str) -> Sequence[tuple[int, int]]:
    if timezone == "UTC":
        return ((0, 0),)
    return tuple(utc_offsets(timezone, EARLIEST // SECOND, int(datetime(2050, 1, 1, tzinfo=UTC).timestamp())))
