"""Which column of events plays which role: found by the names that a preset has for it, and held to what it holds."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.events import entries, value
from flywheel_assets.ingest.mapping import TIME_UNITS, EventMapping, Value
from flywheel_assets.ingest.presets import PLAIN, ROLES, Preset
from flywheel_assets.ingest.text_files import UNREADABLE
from flywheel_assets.ingest.times import EARLIEST, LATEST, microseconds
from flywheel_assets.warehouse.engine import Engine

MOST_EVENT_NAMES = 1000
"""A column with more different values is no name of an event."""

_MOSTLY = 0.95
_FEW = 0.01
_FEW_NAMES = 20
_USER = re.compile(r"(user|visitor|customer|client|member|account|person|anonymous|subscriber|guest|player)")
_EVENT_ID = re.compile(r"(event|message|hit|record|row|log|action|interaction|page_?view|click)_?(id|uuid)$")
_NEEDS_TEXT = ("event", "page", "source", "device")
_IDS = ("user", "session", "event_id")


def plain(name: str) -> str:
    """A name in snake case: ``anonymousId`` and ``COMMENT CREATED`` as anonymous_id and comment_created."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")


@dataclass(frozen=True)
class Sample:
    """Rows of events, and the engine that reads them. ``values``: of the preset, those whose columns are there."""

    engine: Engine
    rows: ir.Table
    values: Mapping[str, Value]

    @cached_property
    def columns(self) -> dict[str, dt.DataType]:
        """What a role can be: the columns, the fields of structs and of repeated structs, and the values."""
        types = {name: dtype for name, dtype in self.rows.schema().items() if name != UNREADABLE}
        leaves = (leaf for name, dtype in types.items() for leaf in _leaves(name, dtype))
        return dict(leaves) | dict.fromkeys(self.values, dt.string)

    def value(self, name: str) -> ir.Value:
        return value(self.rows, EventMapping(time="", values=self.values), name)

    def figures(self, **aggregates: ir.Scalar) -> dict[str, Any]:
        (row,) = self.engine.collect(self.rows.aggregate(**aggregates)).to_pylist()
        return row

    @cached_property
    def count(self) -> int:
        return int(self.figures(rows=self.rows.count())["rows"])

    def filled(self, name: str) -> tuple[int, int]:
        """Rows in which a value is neither null nor empty, and how many different ones there are."""
        text = self.value(name).cast("string")
        some = text.notnull() & (text.strip() != "")
        row = self.figures(filled=some.sum().coalesce(0), different=text.nunique(where=some))
        return int(row["filled"]), int(row["different"])

    def is_number(self, name: str) -> bool:
        found = self.value(name)
        if not isinstance(found, ir.StringValue):
            return bool(found.type().is_numeric())
        number = found.strip().try_cast("float64")
        row = self.figures(numbers=number.count(), filled=(found.strip() != "").sum().coalesce(0))
        return bool(row["filled"] and row["numbers"] >= _MOSTLY * row["filled"])


def _leaves(name: str, dtype: dt.DataType) -> Iterator[tuple[str, dt.DataType]]:
    """A column, or what is in it by name: of a repeated one the array that its field is."""
    inner, repeated = entries(dtype)
    if not isinstance(inner, dt.Struct):
        yield name, dtype
        return
    for field, of in inner.fields.items():
        for leaf, leaf_type in _leaves(f"{name}.{field}", of):
            yield leaf, dt.Array(leaf_type) if repeated else leaf_type


def roles(sample: Sample, preset: Preset) -> dict[str, str]:
    """By role the column that plays it, where there is one.

    Raises EventsError where no column holds a time, or none a user or a session."""
    found: dict[str, str] = {}
    for role in ROLES:
        wanted = [*preset.columns.get(role, ()), *(PLAIN.columns[role] if preset.open else ())]
        free = [name for name in sample.columns if name not in found.values()]
        fitting = [name for name in _named(wanted, free, exact=not preset.open) if _fits(sample, role, name)]
        fitting = fitting or [n for n in _by_form(role, free, sample, preset.open) if _fits(sample, role, n)]
        if fitting:
            found[role] = _fullest(sample, fitting) if role == "user" else fitting[0]
    listed = ", ".join(sample.columns)
    if "time" not in found:
        raise EventsError(
            f"no column holds when an event happened; expected a timestamp, or a number of seconds or milliseconds "
            f"since 1970; found: {listed}"
        )
    if "user" not in found and "session" not in found:
        raise EventsError(
            "no column tells users or sessions apart; expected one like user_id, visitor_id or session_id; found: "
            f'{listed}. Rename it, or write events.toml yourself, with user = "THE COLUMN" and time = '
            f'"{found["time"]}" under [columns]'
        )
    return found


def time_unit(sample: Sample, name: str, file: str) -> str:
    """What a column of numbers counts since 1970; empty for timestamps and texts of them.

    Raises EventsError where some count in one unit and some in another, or most of them are no time."""
    when = sample.value(name)
    if not sample.filled(name)[0]:
        raise EventsError(f"{file}: {name}, the time, is null or empty in every row; expected when an event happened")
    if when.type().is_temporal():
        return ""
    text = when.cast("string").strip()
    number = text.try_cast("float64") if isinstance(when, ir.StringValue) else when.cast("float64")
    aggregates = {
        unit: ((number * factor >= EARLIEST) & (number * factor < LATEST)).sum().coalesce(0)
        for unit, factor in TIME_UNITS.items()
    }
    filled = (text != "").sum().coalesce(0)
    iso = microseconds(text, "", "UTC").count() if isinstance(when, ir.StringValue) else filled - filled
    row = sample.figures(filled=filled, iso=iso, example=text.min(), **aggregates)
    counts = {unit: row[unit] for unit in TIME_UNITS if row[unit]} | ({"": row["iso"]} if row["iso"] else {})
    most = max(counts, key=lambda unit: counts[unit], default="")
    others = {unit: n for unit, n in counts.items() if unit != most and n > _FEW * row["filled"]}
    if others:
        said = ", ".join(f"{n:,} {unit or 'timestamps'}" for unit, n in {most: counts[most], **others}.items())
        raise EventsError(
            f"{file}: {name}, the time, mixes units: of {row['filled']:,} values {said} since 1970. Split the file, or "
            "bring the values to one unit"
        )
    if row["filled"] and counts.get(most, 0) * 2 < row["filled"]:
        raise EventsError(
            f"{file}: {name}, the time, is no time in {row['filled'] - counts.get(most, 0):,} of {row['filled']:,} "
            f"rows, as in {row['example']!r}; expected an ISO timestamp, as in 2024-01-15 10:30:00, or an epoch"
        )
    return most


def _named(wanted: Sequence[str], columns: Collection[str], exact: bool) -> list[str]:
    """The columns with the wanted names, in their order: whole, then as a field of a struct, then as an ending."""
    squeezed = {name: plain(name).replace("_", "") for name in columns}
    last = {name: plain(name.rpartition(".")[2]) for name in columns}
    ways = [lambda want, name: plain(want).replace("_", "") == squeezed[name]]
    if not exact:
        ways += [
            lambda want, name: "." in name and last[name] == want,
            lambda want, name: last[name].endswith(f"_{want}"),
        ]
    hits = [name for way in ways for want in wanted for name in columns if way(want, name)]
    return list(dict.fromkeys(hits))


def _by_form(role: str, columns: Sequence[str], sample: Sample, guess: bool) -> list[str]:
    """Columns that no list has and whose names or types say enough."""
    if not guess:
        return []
    if role == "time":
        stamps = [name for name in columns if sample.columns[name].is_timestamp()]
        return stamps if len(stamps) == 1 else []
    if role == "user":
        return [name for name in columns if _USER.search(plain(name))]
    return [name for name in columns if role == "event_id" and _EVENT_ID.search(plain(name))]


def _fits(sample: Sample, role: str, name: str) -> bool:
    dtype = sample.columns[name]
    if dtype.is_array():
        return role in ("item", "category") and not dtype.value_type.is_nested()
    if dtype.is_nested() or dtype.is_unknown() or dtype.is_boolean():
        return False
    if role == "time":
        return (dtype.is_temporal() and not dtype.is_time()) or dtype.is_numeric() or dtype.is_string()
    if dtype.is_temporal() or (role in _NEEDS_TEXT and dtype.is_floating()):
        return False
    if role == "value":
        return sample.is_number(name)
    filled, different = sample.filled(name)
    if role == "event_id":  # what repeats is a copy of an event; what repeats often is no id of one
        return not dtype.is_floating() and filled >= _MOSTLY * sample.count and different >= _MOSTLY * filled
    if role == "event":
        return 0 < different <= min(MOST_EVENT_NAMES, max(filled // 2, _FEW_NAMES))
    if role in ("page", "source", "device"):
        return bool(filled) and dtype.is_string()
    return bool(filled)


def _fullest(sample: Sample, names: Sequence[str]) -> str:
    """The first that nearly every row has, else the one that most have."""
    counts = {name: sample.filled(name)[0] for name in names}
    return next((n for n in names if counts[n] >= (1 - _FEW) * sample.count), max(names, key=lambda n: counts[n]))
