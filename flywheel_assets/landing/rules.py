"""What a landed file must have to be used, judged from its schema alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from flywheel_assets.intervals import Calendar
from flywheel_assets.landing.column_names import nearest
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW

_WORKING_COLUMNS = (FILE, ROW, PRECEDENCE, "file_row_number", "file_index", "_rank", "_user")
"""What rows carry between landing and their tables: a landed column so named would be lost or stop the reading."""


@dataclass(frozen=True)
class LandingRules:
    """The features that a file must have, the column names that it may not have, and how its sessions find their
    interval. ``names``: what a team calls columns of ours, theirs to ours."""

    calendar: Calendar
    session_id_pattern: str | None
    features: tuple[str, ...]
    reserved: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes with any rule; an index that was made under another digest is made again."""
        return digest(repr(self))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file must have, as we call them."""
        return ("session_id", "user_id", *self.features)

    def problem(self, path: str, schema: pa.Schema) -> str | None:
        """Why a file cannot be used, naming it and the column; None for one that can."""
        return next(self._problems(path, schema), None)

    def _problems(self, path: str, schema: pa.Schema) -> Iterator[str]:
        named = [(self.names.get(f.name, f.name), f) for f in schema]
        ours = [name for name, _ in named]
        missing = [name for name in self.needed if name not in ours]
        if missing:
            yield self._missing(path, missing, schema.names)
        lower = [name.lower() for name in ours]
        repeated = [f.name for name, f in named if lower.count(name.lower()) > 1]
        if repeated:
            yield f"{path} has columns {', '.join(map(repr, repeated))}, the same to us: rename or drop one"
        for name, column in named:
            if name in ("session_id", "user_id") and not _is_id(column.type):
                yield f"{path} has {column.type} in column {column.name!r}; expected a text or a whole number"
            if name in self.features and not _is_number(column.type):
                yield f"{path} has {column.type} in column {column.name!r}; expected a number"
            if _is_too_wide(column.type):
                yield f"{path} has {column.type} in column {column.name!r}; expected at most 38 digits: cast it"
        reserved = {name.lower(): name for name in (*self.reserved, *_WORKING_COLUMNS)}
        for name in ours:
            if name.lower() in reserved:
                our = reserved[name.lower()]
                yield f"{path} has a column {name!r}, which would collide with our {our!r}: rename it"

    def _missing(self, path: str, names: list[str], found: list[str]) -> str:
        theirs = {our: their for their, our in self.names.items()}
        called = [
            repr(name)
            + (f", which columns.toml calls {theirs[name]!r}" if name in theirs else "")
            + ("" if len(names) > 1 else " (the models need it)")
            + nearest(theirs.get(name, name), found)
            for name in names
        ]
        need = " (the models need them)" if len(names) > 1 else ""
        return f"{path} has no column {', '.join(called)}{need}; found: {', '.join(found)}"


def mixed_columns(schemas: Iterable[pa.Schema]) -> list[str]:
    """Columns whose types in files of these schemas do not unite, as a number and a date: they are read as text. To an
    engine `Device` and `device` are one column."""
    kinds: dict[str, set[str]] = {}
    spellings: dict[str, set[str]] = {}
    for schema in schemas:
        for column in schema:
            kinds.setdefault(column.name.lower(), set()).add(_kind(column.type))
            spellings.setdefault(column.name.lower(), set()).add(column.name)
    mixed = [name for name, found in kinds.items() if not _unite(found - {"null"})]
    return sorted(spelling for name in mixed for spelling in spellings[name])


def _unite(kinds: set[str]) -> bool:
    """64 bits without a sign and numbers with one make 128 bits, which parquet has not: they would be written as
    floats, and ids above 2^53 as other ids."""
    numbers = {"signed", "unsigned", "uint64", "fraction"}
    return len(kinds) < 2 or (kinds <= numbers and not {"signed", "uint64"} <= kinds)


def _kind(dtype: pa.DataType) -> str:
    """Types of one kind unite by themselves."""
    if pa.types.is_dictionary(dtype):
        return _kind(dtype.value_type)
    if pa.types.is_uint64(dtype):
        return "uint64"
    if pa.types.is_integer(dtype):
        return "unsigned" if pa.types.is_unsigned_integer(dtype) else "signed"
    if _is_number(dtype):
        return "fraction"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return "text"
    return str(dtype)


def _is_id(dtype: pa.DataType) -> bool:
    """A float is none: pandas makes one of whole numbers with a gap, and every id of every file would become 1.0."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or _kind(dtype) == "text"


def _is_too_wide(dtype: pa.DataType) -> bool:
    """DuckDB 1.5 reads 1 as 16777216 from a decimal of more than 38 digits."""
    nested = (dtype.field(i).type for i in range(dtype.num_fields))
    return pa.types.is_decimal256(dtype) or any(map(_is_too_wide, nested))


def _is_number(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
