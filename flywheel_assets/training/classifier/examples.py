"""The rows that a classifier learns from and is judged on: inputs, target, users and time, checked once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import ArtefactError, TrainingError, nearest
from flywheel_assets.registry.classifier_inputs import InputColumn, InputEncoding, numbers, texts

if TYPE_CHECKING:
    from flywheel_assets.training.classifier.split import Parts

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

LEAST_ROWS, LEAST_SHARE, MOST_VALUES = 20, 0.005, 30
"""A category's value has a place of its own from so many rows and such a share of them on, and so many at most."""


@dataclass(frozen=True)
class Examples:
    """``inputs`` [n rows] has the columns to learn from, of which ``categories`` are text; ``target`` [n]; ``user`` [n]
    numbers the users from 0; ``ids`` [n] tell rows apart. ``time`` [n] puts rows in order, None where nothing does.
    ``interval`` [n] are keys of intervals, None where rows have none. ``notes`` say what was left out, and why.
    ``splits``: those that are given, by name; the first makes the model, the others judge one made in the same way.
    ``groups``: rows [n], by a name, that figures are given of apart too."""

    inputs: pa.Table
    categories: tuple[str, ...]
    target: BoolArray
    user: IntArray
    ids: pa.Array
    time: IntArray | None = None
    interval: npt.NDArray[np.str_] | None = None
    notes: tuple[str, ...] = ()
    splits: "Mapping[str, Parts]" = field(default_factory=dict)
    groups: Mapping[str, BoolArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def has_users(self) -> bool:
        """Whether some user has more than one row."""
        return int(self.user.max(initial=-1)) + 1 < len(self)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.inputs.column_names)

    def take(self, rows: BoolArray | IntArray) -> "Examples":
        """The examples of a mask or of positions, without splits."""
        at = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            inputs=self.inputs.take(pa.array(at)),
            target=self.target[at],
            user=self.user[at],
            ids=self.ids.take(pa.array(at)),
            time=None if self.time is None else self.time[at],
            interval=None if self.interval is None else self.interval[at],
            splits={},
            groups={name: mask[at] for name, mask in self.groups.items()},
        )

    def rows_per_interval(self, rows: BoolArray) -> float:
        """How many rows the intervals of some ``rows`` [n] have on average, those counted that are not among these;
        where rows have no interval, how many these are."""
        if self.interval is None:
            return float(rows.sum())
        keys = np.unique(self.interval[rows])
        return float(np.isin(self.interval, keys).sum() / max(1, len(keys)))

    def without(self, names: Sequence[str]) -> "Examples":
        """The examples without these inputs. Raises TrainingError for one that is none, and where none is left."""
        unknown = [name for name in names if name not in self.names]
        if unknown or set(self.names) <= set(names):
            what = f"{unknown[0]} is no input{nearest(unknown[0], self.names)}" if unknown else "no input is left"
            raise TrainingError(f"{what}; the inputs are: {', '.join(self.names)}")
        kept = [name for name in self.names if name not in names]
        left = tuple(name for name in self.categories if name in kept)
        return replace(self, inputs=self.inputs.select(kept), categories=left)

    def encoding(self, rows: BoolArray) -> InputEncoding:
        """The inputs as numbers, with the values of categories that are frequent among ``rows``."""
        columns = []
        for name in self.names:
            values = None
            if name in self.categories:
                counted = pc.value_counts(texts(self.inputs[name].filter(pa.array(rows))).drop_null()).to_pylist()
                least = max(LEAST_ROWS, LEAST_SHARE * rows.sum())
                frequent = sorted((-one["counts"], one["values"]) for one in counted if one["counts"] >= least)
                values = tuple(sorted(value for _, value in frequent[:MOST_VALUES]))
            columns.append(InputColumn(name, values))
        return InputEncoding(tuple(columns))


def examples_of(
    rows: pa.Table,
    target: str,
    inputs: Sequence[str] | None = None,
    categories: Sequence[str] = (),
    user: str = "",
    row_id: str = "",
    time: str = "",
    interval: str = "",
    positive: str = "",
    source: str = "the table",
) -> Examples:
    """Examples of a labelled table. ``inputs``: by default every column without another role. Text is a category, and
    so is what ``categories`` names, such as codes. ``target`` is boolean, 0 and 1, or ``positive`` is the text of its
    positive class. Rows without a target, and inputs that are constant, are left out, which ``notes`` say.

    Raises TrainingError, naming the column, for one that is missing or infinite, a time with null, a target of one
    class, and a table without inputs."""
    roles = [name for name in (target, user, row_id, time, interval) if name]
    for name in (*roles, *categories, *(inputs or ())):
        if name not in rows.column_names:
            found = ", ".join(rows.column_names)
            raise TrainingError(f"{source} has no column {name!r}{nearest(name, rows.column_names)}; found: {found}")
    notes = []
    unknown = rows[target].null_count
    if unknown:
        rows = rows.filter(pc.is_valid(rows[target]))
        notes.append(f"{unknown:,} rows have no {target} and are left out")
    outcome = _target(rows[target], target, positive, source)
    for name in (time, user, interval):
        missing = pc.sum(pc.is_null(rows[name], nan_is_null=True)).as_py() if name else 0
        if missing:
            raise TrainingError(
                f"{source}: {missing:,} of {len(rows):,} rows have no {name}; fill it in, or leave them out"
            )
    names = list(inputs) if inputs is not None else [name for name in rows.column_names if name not in roles]
    kept, of_text = [], []
    for name in names:
        objection = _objection(name, rows[name], name in categories)
        if objection:
            notes.append(f"{name} is left out: {objection}")
            continue
        kept.append(name)
        of_text += [name] if name in categories or _is_text(rows[name].type) else []
    if not kept:
        raise TrainingError(f"{source} has no input to learn from: {'; '.join(notes) or 'it has no other columns'}")
    count = len(rows)
    return Examples(
        rows.select(kept),
        tuple(of_text),
        outcome,
        _numbered(rows[user]) if user else np.arange(count),
        _combined(texts(rows[row_id])) if row_id else pa.array([str(i) for i in range(count)], pa.string()),
        _time(rows[time], time, source) if time else None,
        np.array(rows[interval].cast(pa.string()).to_pylist(), dtype=np.str_) if interval else None,
        tuple(notes),
    )


def _target(column: pa.ChunkedArray, name: str, positive: str, source: str) -> BoolArray:
    values = sorted(pc.unique(texts(column)).to_pylist())
    shown = ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    if len(values) == 1:
        raise TrainingError(f"{source}: all {len(column):,} rows have {name} {shown}; expected rows of two classes")
    if positive:
        if positive not in values:
            raise TrainingError(f"{source}: no row has {name} {positive!r}; found: {shown or 'no rows'}")
        return np.asarray(pc.equal(texts(column), positive).to_numpy(zero_copy_only=False), bool)
    if pa.types.is_boolean(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), bool)
    if set(values) <= {"0", "1"} and not _is_text(column.type):
        return np.asarray(column.to_numpy() == 1)
    raise TrainingError(
        f"{source}: {name} holds {shown or 'no rows'}; expected true and false, or 0 and 1. Name the value "
        "of the positive class: `positive` under [columns] in the columns file"
    )


def _objection(name: str, column: pa.ChunkedArray, category: bool) -> str:
    """Why a column is no input; empty where it is one. Raises ArtefactError for infinite numbers."""
    name_type = column.type
    if column.null_count == len(column):
        return "it is null in every row"
    if pa.types.is_temporal(name_type) or pa.types.is_nested(name_type) or pa.types.is_binary(name_type):
        return f"it holds {name_type}, neither numbers nor categories"
    if pc.count_distinct(column, mode="all").as_py() == 1:
        return "it is the same in every row"
    if not category and not _is_text(name_type):
        numbers(name, column)
    return ""


def _is_text(dtype: pa.DataType) -> bool:
    plain = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    return pa.types.is_string(plain) or pa.types.is_large_string(plain)


def _numbered(column: pa.ChunkedArray) -> IntArray:
    return _combined(column.dictionary_encode()).indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _combined(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _time(column: pa.ChunkedArray, name: str, source: str) -> IntArray:
    """Whole numbers in the order of time: a column of them as it is, ranks for other numbers, microseconds for
    times."""
    try:
        if pa.types.is_temporal(column.type):
            return column.cast(pa.timestamp("us", getattr(column.type, "tz", None))).cast(pa.int64()).to_numpy()
        if pa.types.is_integer(column.type):
            return column.cast(pa.int64()).to_numpy()
        return np.unique(numbers(name, column), return_inverse=True)[1].astype(np.int64)
    except (pa.ArrowException, ArtefactError):
        raise TrainingError(f"{source}: {name} holds {column.type}; expected times or numbers in their order") from None
