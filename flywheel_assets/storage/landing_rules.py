"""What a landed file must have to be used, judged from its schema alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from flywheel_assets.domain.generations import digest
from flywheel_assets.domain.intervals import Calendar
from flywheel_assets.domain.landed_sessions import FILE, PRECEDENCE, ROW
from flywheel_assets.storage.column_names import nearest

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
        for name in self.needed:
            if name not in ours:
                yield self._missing(path, name, schema.names)
        lower = [name.lower() for name in ours]
        repeated = [f.name for name, f in named if lower.count(name.lower()) > 1]
        if repeated:
            yield f"{path} has columns {', '.join(map(repr, repeated))}, the same to us: rename or drop one"
        for name, column in named:
            if name in ("session_id", "user_id") and not _is_id(column.type):
                yield f"{path} has {column.type} in column {column.name!r}; expected a text or a whole number"
            if name in self.features and not _is_number(column.type):
                yield f"{path} has {column.type} in column {column.name!r}; expected a number"
        reserved = {name.lower(): name for name in (*self.reserved, *_WORKING_COLUMNS)}
        for name in ours:
            if name.lower() in reserved:
                our = reserved[name.lower()]
                yield f"{path} has a column {name!r}, which would collide with our {our!r}: rename it"

    def _missing(self, path: str, name: str, found: list[str]) -> str:
        theirs = next((t for t, our in self.names.items() if our == name), None)
        called = f", which columns.toml calls {theirs!r}" if theirs else ""
        return (
            f"{path} has no column {name!r}{called} (the models need it){nearest(theirs or name, found)}; "
            f"found: {', '.join(found)}"
        )


def mixed_columns(schemas: Iterable[pa.Schema]) -> list[str]:
    """Columns whose types in files of these schemas do not unite, as a number and a date: they are read as text."""
    kinds: dict[str, set[str]] = {}
    for schema in schemas:
        for column in schema:
            kinds.setdefault(column.name, set()).add(_kind(column.type))
    return sorted(name for name, found in kinds.items() if len(found - {"null"}) > 1)


def _kind(dtype: pa.DataType) -> str:
    """Types of one kind unite by themselves."""
    if pa.types.is_dictionary(dtype):
        return _kind(dtype.value_type)
    if _is_number(dtype):
        return "number"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return "text"
    return str(dtype)


def _is_id(dtype: pa.DataType) -> bool:
    """A float is none: pandas makes one of whole numbers with a gap, and every id of every file would become 1.0."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or _kind(dtype) == "text"


def _is_number(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
