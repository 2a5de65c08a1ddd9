"""What a landed file must have to be used, judged from its schema alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from flywheel_assets.domain.generations import digest
from flywheel_assets.domain.intervals import Calendar
from flywheel_assets.domain.landed_sessions import FILE, PRECEDENCE, ROW

_WORKING_COLUMNS = (FILE, ROW, PRECEDENCE, "file_row_number", "file_index", "_rank", "_user")
"""What rows carry between landing and their tables: a landed column so named would be lost or stop the reading."""


@dataclass(frozen=True)
class LandingRules:
    """The features that a file must have, the column names that it may not have, and how its sessions find their
    interval."""

    calendar: Calendar
    session_id_pattern: str | None
    features: tuple[str, ...]
    reserved: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """Changes with any rule; an index that was made under another digest is made again."""
        return digest(repr(self))

    def problem(self, path: str, schema: pa.Schema) -> str | None:
        """Why a file cannot be used, naming it and the column; None for one that can."""
        return next(self._problems(path, schema), None)

    def _problems(self, path: str, schema: pa.Schema) -> Iterator[str]:
        needed = ("session_id", "user_id", *self.features)
        missing = [name for name in needed if name not in schema.names]
        if missing:
            found = ", ".join(schema.names)
            yield f"{path} has no column {', '.join(map(repr, missing))} (the models need it); found: {found}"
            return
        names = [name.lower() for name in schema.names]
        repeated = [name for name in schema.names if names.count(name.lower()) > 1]
        if repeated:
            yield f"{path} has columns {', '.join(map(repr, repeated))}, the same but for case: rename one"
            return
        for name in ("session_id", "user_id"):
            if pa.types.is_nested(schema.field(name).type):
                yield f"{path} has {schema.field(name).type} in column {name!r}; expected a text"
        for name in self.features:
            if not _is_number(schema.field(name).type):
                yield f"{path} has {schema.field(name).type} in column {name!r}; expected a number"
        ours = {name.lower(): name for name in (*self.reserved, *_WORKING_COLUMNS)}
        for name in schema.names:
            if name.lower() in ours:
                yield f"{path} has a column {name!r}, which would collide with our {ours[name.lower()]!r}: rename it"


def _is_number(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
