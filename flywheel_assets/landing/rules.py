"""What a landed file must have to be used, judged from its schema alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from flywheel_assets.errors import nearest
from flywheel_assets.intervals import Calendar
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW

WORKING_COLUMNS = (FILE, ROW, PRECEDENCE, "file_row_number", "file_index", "_rank", "_user")
"""What rows carry between landing and their tables: a landed column so named would be lost or stop the reading."""


@dataclass(frozen=True)
class LandingRules:
    """The features that a file must have, the column names that it may not have, and how its sessions find their
    interval: by the column ``time_column`` where one is named, else by the id. ``names``: what a team calls columns of
    ours, theirs to ours. ``named_by``: what says which features there are."""

    calendar: Calendar
    session_id_pattern: str | None
    features: tuple[str, ...]
    reserved: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    time_column: str | None = None
    named_by: str = field(default="the models", repr=False)

    @cached_property
    def digest(self) -> str:
        """Changes with any rule; an index that was made under another digest is made again."""
        return digest(repr(self))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file must have, as we call them."""
        return ("session_id", "user_id", *self.features, *([self.time_column] if self.time_column else []))

    def problem(self, path: str, schema: pa.Schema) -> str | None:
        """Everything that keeps a file from being used, naming it and the columns; None for one that can be used."""
        problems = list(self._problems(schema))
        return f"{path} {'; it also '.join(problems)}" if problems else None

    def _problems(self, schema: pa.Schema) -> Iterator[str]:
        named = [(self.names.get(f.name, f.name), f) for f in schema]
        ours = [name for name, _ in named]
        missing = [name for name in self.needed if name not in ours]
        if missing:
            yield self._missing(missing, schema.names)
        lower = [name.lower() for name in ours]
        repeated = [f.name for name, f in named if lower.count(name.lower()) > 1]
        if repeated:
            yield f"has columns {', '.join(map(repr, repeated))}, the same to us: rename or drop one"
        for name, column in named:
            expected = ""
            if name in ("session_id", "user_id"):
                expected = _not_an_id(column.type)
            elif name in self.features:
                expected = _not_a_feature(column.type)
            elif name == self.time_column and not _is_time(column.type):
                expected = "expected a timestamp, a Unix time or a text (FLYWHEEL_SESSION_TIME_COLUMN names it)"
            if _is_too_wide(column.type):
                expected = "expected at most 38 digits: cast it"
            if expected:
                yield f"has {column.type} in column {column.name!r}; {expected}"
        reserved = {name.lower(): name for name in (*self.reserved, *WORKING_COLUMNS)}
        colliding = {name: reserved[name.lower()] for name in ours if name.lower() in reserved}
        if len(colliding) == 1:
            ((name, our),) = colliding.items()
            yield f"has a column {name!r}, which would collide with our {our!r}: rename it"
        elif colliding:
            theirs, taken = (", ".join(map(repr, names)) for names in (colliding, colliding.values()))
            yield f"has columns {theirs}, which would collide with our {taken}: rename them"

    def _missing(self, names: list[str], found: list[str]) -> str:
        theirs = {our: their for their, our in self.names.items()}
        called = [
            repr(name)
            + (f", which columns.toml calls {theirs[name]!r}" if name in theirs else "")
            + (", which FLYWHEEL_SESSION_TIME_COLUMN names" if name == self.time_column else "")
            + ("" if len(names) > 1 or name == self.time_column else f" ({self._needs} it)")
            + nearest(theirs.get(name, name), found)
            for name in names
        ]
        need = f" ({self._needs} them)" if len(names) > 1 else ""
        none = len(self.features) > 1 and {*self.features} <= {*names}
        own = "; to land features of your own: flywheel features init FILE" if none else ""
        return f"has no column {', '.join(called)}{need}; found: {', '.join(found)}{own}"

    @property
    def _needs(self) -> str:
        return f"{self.named_by} {'need' if self.named_by == 'the models' else 'names'}"


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


def _not_an_id(dtype: pa.DataType) -> str:
    """What is expected in place of the type; empty for a text or a whole number. A float is no id: every id of every
    file would become 1.0, and above 2^53 two ids one."""
    expected = "expected a text or a whole number"
    if pa.types.is_floating(dtype):
        return f"{expected}: pandas makes floats of whole numbers with a gap; write .astype('Int64') of that column"
    return "" if pa.types.is_integer(_values(dtype)) or _kind(dtype) == "text" else expected


def _not_a_feature(dtype: pa.DataType) -> str:
    """What is expected in place of the type; empty for a number."""
    if pa.types.is_null(dtype):
        return "expected a number in each row, and every row is null: write 0 where there is nothing to count"
    if pa.types.is_boolean(dtype):
        return "expected a number: write 1 for true and 0 for false"
    return "" if _is_number(dtype) else "expected a number"


def _is_time(dtype: pa.DataType) -> bool:
    return pa.types.is_timestamp(dtype) or _is_number(dtype) or _kind(dtype) == "text"


def _values(dtype: pa.DataType) -> pa.DataType:
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _is_too_wide(dtype: pa.DataType) -> bool:
    """DuckDB 1.5 reads 1 as 16777216 from a decimal of more than 38 digits."""
    nested = (dtype.field(i).type for i in range(dtype.num_fields))
    return pa.types.is_decimal256(dtype) or any(map(_is_too_wide, nested))


def _is_number(dtype: pa.DataType) -> bool:
    dtype = _values(dtype)
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
