"""Events as the mapping reads them: one row per event, whatever its file calls its columns."""

import re
from collections.abc import Collection, Sequence

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.features import LARGEST
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.times import EARLIEST, LATEST, microseconds

USER, NATIVE, TIME, NAME, ID = "_user", "_native", "_time", "_name", "_id"
"""Columns of events: who, the native session (where events have one), when (int64, microseconds since 1970 UTC), what
happened, and the event's id (where duplicates are told by it)."""

REASON = "reason"

UNNAMED = "event"
"""The name of every event where no column holds one."""


def value_column(mapping: EventMapping, value: str) -> str:
    """The column of events that holds a value of the mapping."""
    return f"_value_{mapping.referenced.index(value)}"


def events(rows: ir.Table, mapping: EventMapping) -> ir.Table:
    """Rows of files as events, those aside that :func:`fault` finds."""
    return rows.filter(fault(rows, mapping).isnull()).select(**_columns(rows, mapping))


def fault(rows: ir.Table, mapping: EventMapping) -> ir.StringValue:
    """Why a row of a file is no event: the first reason that applies, null for an event."""
    columns = _columns(rows, mapping)
    who, when, role = columns[USER], columns[TIME], "user" if mapping.user else "session"
    given = value(rows, mapping, mapping.time)
    expected = f"expected {mapping.time_unit} since 1970" if mapping.time_unit else "expected a timestamp"
    reasons = [
        (who.isnull() | (who.strip() == ""), f"{mapping.user or mapping.session}, the {role}, is null or empty"),
        (given.isnull(), f"{mapping.time} is null"),
        (when.isnull(), f"{mapping.time} is no time: {expected}"),
        (when < EARLIEST, f"{mapping.time} is before 1990: {expected}"),
        (when >= LATEST, f"{mapping.time} is after 2200: {expected}"),
    ]
    for name in mapping.numbers:
        raw = value(rows, mapping, name)
        if isinstance(raw, ir.StringValue):
            nonsense = raw.fill_null("").strip() != "", columns[value_column(mapping, name)].isnull()
            reasons.append((ibis.and_(*nonsense), f"{name} is no number"))
    return ibis.cases(*reasons).cast("string")


def time(rows: ir.Table, mapping: EventMapping) -> ir.IntegerValue:
    """When the event of each row happened: microseconds since 1970 UTC, null where that is no time."""
    return microseconds(value(rows, mapping, mapping.time), mapping.time_unit, mapping.timezone)


def name(rows: ir.Table, mapping: EventMapping) -> ir.StringValue:
    """What happened, empty where that is null."""
    return _text(value(rows, mapping, mapping.event)).fill_null("") if mapping.event else ibis.literal(UNNAMED)


def _columns(rows: ir.Table, mapping: EventMapping) -> dict[str, ir.Value]:
    numbers = set(mapping.numbers)
    columns: dict[str, ir.Value] = {
        USER: _text(value(rows, mapping, mapping.user or mapping.session)),
        TIME: time(rows, mapping),
        NAME: name(rows, mapping),
    }
    if mapping.session:
        columns[NATIVE] = _text(value(rows, mapping, mapping.session))
    if mapping.deduplicate == "event_id":
        columns[ID] = _text(value(rows, mapping, mapping.event_id))
    for one in mapping.referenced:
        found = value(rows, mapping, one)
        columns[value_column(mapping, one)] = _number(found) if one in numbers else found
    return columns


def value(rows: ir.Table, mapping: EventMapping, name: str) -> ir.Value:
    """A value of the mapping for each row: a column, a field within one as in ``device.category``, an entry of a
    repeated column, or the path of a URL. Within a repeated column, as in ``items.item_id``, it is an array."""
    made = mapping.values.get(name)
    if not all(path(column, rows.columns)[0] in rows.columns for column in mapping.columns(name)):
        return ibis.null("string")  # of JSON, in which no row has a value
    if made is None:
        column, *fields = path(name, rows.columns)
        found = _plain(rows[column])
        for part in fields:
            found = _plain(
                found.map(lambda one, part=part: one[part]) if isinstance(found, ir.ArrayValue) else found[part]
            )
        return found
    if made.path_of:
        url = _text(value(rows, mapping, made.path_of))
        found = url.re_replace("^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "").re_replace("[?#].*$", "")
        return ibis.ifelse(found == "", "/", found)
    keyed = _plain(rows[made.within]).filter(lambda entry: entry["key"] == made.key)
    # Spark has no first of an empty array; where a key repeats, the least is the same on both engines.
    return keyed.map(lambda entry: entry["value"][made.field]).mins()


def path(name: str, columns: Collection[str]) -> list[str]:
    """The column that a name leads to, and the fields within it: a column of that whole name goes before."""
    return [name] if name in columns else name.split(".")


def fields(dtype: dt.DataType, parts: Sequence[str]) -> dt.DataType | None:
    """The type of a field within a column of that type, by the way to it; None where it has none."""
    for part in parts:
        dtype, _ = entries(dtype)
        if not isinstance(dtype, dt.Struct) or part not in dtype.fields:
            return None
        dtype = dtype.fields[part]
    return dtype


def entries(dtype: dt.DataType) -> tuple[dt.DataType, bool]:
    """The type of what a repeated column holds, however it is wrapped, and whether it is one; else the type itself."""
    dtype = _wrapped(dtype) or dtype
    return (entries(dtype.value_type)[0], True) if isinstance(dtype, dt.Array) else (dtype, False)


def _wrapped(dtype: dt.DataType) -> dt.Array | None:
    """The array in a list as BigQuery may export it: ``{list: [{element: ...}]}``."""
    if not isinstance(dtype, dt.Struct) or tuple(dtype.fields) != ("list",):
        return None
    values = dtype.fields["list"]
    one = (
        isinstance(values, dt.Array) and isinstance(values.value_type, dt.Struct) and len(values.value_type.fields) == 1
    )
    return dt.Array(next(iter(values.value_type.fields.values()))) if one else None


def _plain(column: ir.Value) -> ir.Value:
    if _wrapped(column.type()) is None:
        return column
    (name,) = column["list"].type().value_type.fields
    return column["list"].map(lambda one: one[name])


def _text(column: ir.Value) -> ir.StringValue:
    return column if isinstance(column, ir.StringValue) else column.cast("string")


def _number(column: ir.Value) -> ir.FloatingValue:
    """Null for what is no finite number: one would make nothing of the whole session."""
    number = column.strip().try_cast("float64") if isinstance(column, ir.StringValue) else column.cast("float64")
    return ibis.ifelse(number.abs() <= LARGEST, number, ibis.null("float64"))  # NaN is above every number


def among(names: ir.Value, patterns: Sequence[str]) -> ir.BooleanValue:
    """Whether a text is one of the patterns, in which ``*`` stands for any text; false for null."""
    exact = [p for p in patterns if "*" not in p]
    tests = [names.isin(exact)] if exact else []
    tests += [names.re_search(f"(?s)^{_regular(p)}$") for p in patterns if "*" in p]
    return ibis.or_(*tests).fill_null(False) if tests else ibis.literal(False)


def _regular(pattern: str) -> str:
    return ".*".join(re.sub(r"([^\w\s])", r"\\\1", part) for part in pattern.split("*"))
