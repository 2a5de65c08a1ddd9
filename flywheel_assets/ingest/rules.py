"""What a file of events must have for the mapping to read it, judged from its schema alone."""

from collections.abc import Iterator

import ibis.expr.datatypes as dt
import pyarrow as pa

from flywheel_assets.errors import nearest
from flywheel_assets.ingest.events import entries, fields, path
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.text_files import JSON, UNREADABLE


def problem(file: str, schema: pa.Schema, mapping: EventMapping) -> str | None:
    """Everything that keeps a file from being used, naming it and the columns; None for one that can be used. JSON may
    lack a column that no row has a value for, unless it plays a role."""
    problems = list(_problems(schema, mapping, file.lower().endswith(JSON)))
    return f"{file} {'; it also '.join(problems)}" if problems else None


def _problems(schema: pa.Schema, mapping: EventMapping, is_json: bool) -> Iterator[str]:
    found = [name for name in schema.names if name != UNREADABLE]
    lower = [name.lower() for name in found]
    twice = [name for name in found if lower.count(name.lower()) > 1]
    if twice:
        yield f"has columns {', '.join(map(repr, twice))}, the same to an engine: rename or drop one"
        return
    wanted = mapping.roles if is_json else mapping.needed
    missing = [name for name in dict.fromkeys(path(one, found)[0] for one in wanted) if name not in found]
    if missing:
        named = ", ".join(repr(name) + nearest(name, found) for name in missing)
        yield f"has no column {named}, which events.toml names; found: {', '.join(found)}"
        return
    roles = {
        "user": mapping.user,
        "session": mapping.session,
        "event": mapping.event,
        "event_id": mapping.event_id if mapping.deduplicate == "event_id" else "",
    }
    for role, name in roles.items():
        dtype = _type(schema, mapping, name) if name else None
        if name and dtype is None:
            yield f"has no {name!r}, the {role}, in column {name.split('.')[0]!r}"
        elif dtype is not None and (dtype.is_nested() or _repeated(schema, mapping, name)):
            yield f"has {dtype} in {name!r}, the {role}; expected a text or a number: name a field, as in {name}.id"
        elif dtype is not None and dtype.is_floating() and role != "event":
            yield (
                f"has {dtype} in {name!r}, the {role}; expected a text or a whole number: pandas makes floats of whole "
                "numbers with a gap; write .astype('Int64') of that column"
            )
    yield from _time_problems(_type(schema, mapping, mapping.time), mapping)
    single = {*mapping.numbers, *(of for d in mapping.features.values() for of, _ in d.where)}
    single |= {carried.value for carried in mapping.carried.values()}
    for name in mapping.referenced:
        if not {path(column, found)[0] for column in mapping.columns(name)} <= set(found):
            continue
        dtype = _type(schema, mapping, name)
        if dtype is None:
            yield f"has no {name!r} in column {name.split('.')[0]!r}, which events.toml names"
        elif (
            name in mapping.numbers
            and not dtype.is_nested()
            and not (dtype.is_numeric() or dtype.is_string() or dtype.is_null())
        ):
            yield f"has {dtype} in {name!r}; expected numbers, since a feature is its sum or its maximum"
        elif name in single and _repeated(schema, mapping, name):
            yield f"has several values per event in {name!r}; only distinct counts those of a repeated column"
        elif dtype.is_struct() or dtype.is_map():
            yield f"has {dtype} in {name!r}; expected a text or a number: name a field of it, as in {name}.name"


def _time_problems(dtype: dt.DataType | None, mapping: EventMapping) -> Iterator[str]:
    name = mapping.time
    if dtype is None or not (dtype.is_temporal() or dtype.is_numeric() or dtype.is_string() or dtype.is_null()):
        yield f"has {dtype} in {name!r}, the time; expected a timestamp, a number or a text"
    elif dtype.is_numeric() and not mapping.time_unit:
        yield f'has {dtype} in {name!r}, the time: say in events.toml what it counts, as in time_unit = "milliseconds"'


def _type(schema: pa.Schema, mapping: EventMapping, name: str) -> dt.DataType | None:
    """The type of a value, by its column and field; None where there is no such field. Of a repeated column of keys and
    values and of a path, a text."""
    if name in mapping.values:
        made = mapping.values[name]
        return dt.string if made.path_of else _entry_type(schema, made.within, made.field)
    column, *parts = path(name, schema.names)
    return fields(_ibis(schema, column), parts)


def _entry_type(schema: pa.Schema, column: str, field: str) -> dt.DataType | None:
    keyed = fields(_ibis(schema, column), ["key"])
    return fields(_ibis(schema, column), ["value", field]) if keyed is not None else None


def _repeated(schema: pa.Schema, mapping: EventMapping, name: str) -> bool:
    """Whether an event has several of a value: it is in a repeated column, and not an entry of one."""
    if name in mapping.values:
        return False
    column, *parts = path(name, schema.names)
    found = (fields(_ibis(schema, column), parts[:n]) for n in range(len(parts) + 1))
    return any(entries(dtype)[1] for dtype in found if dtype is not None)


def _ibis(schema: pa.Schema, column: str) -> dt.DataType:
    try:
        return dt.DataType.from_pyarrow(schema.field(column).type)
    except (KeyError, TypeError, NotImplementedError):
        return dt.unknown
