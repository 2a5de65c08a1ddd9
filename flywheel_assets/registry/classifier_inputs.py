"""What a classifier reads of a table, and the numbers that become of it: columns of numbers as they are, categories
one-hot with a place for the rare and the unseen and one for the missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import ArtefactError

OTHER, MISSING = "(other)", "(missing)"

LARGEST = float(np.finfo(np.float32).max)
"""Models take float32, in which a larger number is infinite."""


@dataclass(frozen=True)
class InputColumn:
    """A column of numbers or booleans, ``values`` None, or one of categories with the ``values`` that have a place of
    their own."""

    name: str
    values: tuple[str, ...] | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the numbers that it becomes: ``device=mobile``."""
        if self.values is None:
            return (self.name,)
        return tuple(f"{self.name}={value}" for value in (*self.values, OTHER, MISSING))


@dataclass(frozen=True)
class InputEncoding:
    """The inputs of a classifier, in their order."""

    columns: tuple[InputColumn, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The names of the numbers, in their order."""
        return tuple(place for column in self.columns for place in column.places)

    def slices(self) -> Iterator[tuple[str, slice]]:
        """Per input its numbers among ``places``."""
        start = 0
        for column in self.columns:
            yield column.name, slice(start, start + len(column.places))
            start += len(column.places)

    def encode(self, table: pa.Table | pa.RecordBatch) -> npt.NDArray[np.float32]:
        """[n, places]: numbers, NaN for null, booleans as 0 and 1; of each category one 1. Raises ArtefactError for a
        column that is missing, is no number, or holds one that is infinite or beyond LARGEST."""
        missing = [name for name in self.names if name not in table.schema.names]
        if missing:
            raise ArtefactError(
                f"no column {', '.join(map(repr, missing))}, which the model needs; found: "
                f"{', '.join(table.schema.names)}"
            )
        made = np.zeros((table.num_rows, len(self.places)), np.float32)
        for column, (name, place) in zip(self.columns, self.slices(), strict=True):
            if column.values is None:
                made[:, place.start] = numbers(name, table.column(name))
            else:
                made[np.arange(table.num_rows), place.start + _places(table.column(name), column.values)] = 1
        return made

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> "InputEncoding":
        return cls(
            tuple(
                InputColumn(str(one["name"]), None if one["values"] is None else tuple(map(str, one["values"])))
                for one in value
            )
        )

    def to_json(self) -> list[dict[str, Any]]:
        return [{"name": column.name, "values": column.values} for column in self.columns]


def numbers(name: str, column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A column of numbers or booleans as float64, NaN for null. Raises ArtefactError for another one, and for one that
    holds a number that is infinite or beyond LARGEST."""
    try:
        plain = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        values = plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except pa.ArrowException:
        raise ArtefactError(f"column {name!r} holds {column.type}; expected numbers") from None
    infinite = np.isinf(values)
    if infinite.any():
        raise ArtefactError(
            f"column {name!r} is infinite in {int(infinite.sum()):,} of {len(values):,} rows; expected numbers, or "
            "null where none is known"
        )
    beyond = np.abs(values) > LARGEST
    if beyond.any():
        raise ArtefactError(
            f"column {name!r} is beyond {LARGEST:.3g} in {int(beyond.sum()):,} of {len(values):,} rows, such as "
            f"{values[beyond][0]:.3g}; expected smaller numbers, or null where none is known"
        )
    return np.asarray(values, np.float64)


def texts(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of categories as text."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return plain.cast(pa.string())


def _places(column: pa.Array | pa.ChunkedArray, values: Sequence[str]) -> npt.NDArray[np.int64]:
    """The position of each row's value; after them that of the rare and unseen, and that of null."""
    text = texts(column)
    found = pc.index_in(text, value_set=pa.array(values, pa.string())).fill_null(len(values))
    places = found.to_numpy(zero_copy_only=False).astype(np.int64)
    places[text.is_null().to_numpy(zero_copy_only=False)] = len(values) + 1
    return places
