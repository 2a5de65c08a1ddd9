"""What a table is: grain, what it is made from, columns with dtype and meaning, checks, what its rows depend on.

A column's name may hold a placeholder, such as `<feature>` or `<session label>`, and then stands for one column each;
`*` stands for whatever else was landed. :func:`expand` fills them in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.schema as sch
import pyarrow as pa

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.labels import snake_case
from flywheel_assets.tables.verdict import Check

PARTITION = "interval_start"
"""What the folders of a table are called, and so a column to every engine that reads them hive style."""


@dataclass(frozen=True)
class Column:
    """``dtype`` as Ibis prints it, or ``any``."""

    name: str
    dtype: str
    description: str


@dataclass(frozen=True)
class LabelledRows:
    """How a model labels the rows of a table: the model's name, what a row is (``sessions``), the column that tells
    rows apart, the column of the label and the column of the model's version."""

    model: str
    rows: str
    key: str
    label: str
    version: str

    @property
    def parameter(self) -> str:
        """What the table's generation calls the version of the model."""
        return f"{self.model} model"


@dataclass(frozen=True, eq=False)
class Table:
    """``sources`` are the tables it is made from, in the same interval. Those that are ``previous`` too are needed of
    the previous interval, those that are ``earlier`` of every interval from the first with data to the previous one.
    ``look_back`` says, for settings, how many days before the interval's end those reach; without it they reach back to
    the first. ``optional``: tables of the same interval that it is made from too where they can be made, as labels can
    once there is a model. ``fits``: tables over a range of intervals that it rests on.

    ``placeholders`` gives, for a flywheel, the names that fill in placeholders of its columns, beside those of models.

    ``parameters`` gives, for a flywheel and an interval, the settings and versions of models that the rows depend on,
    by a name that a person reads; those that ``model_parameters`` names, for a flywheel, follow the champion, and a
    promotion that changes them leaves a table as it is. ``present_form`` brings parameters that an earlier version of
    Flywheel wrote into today's form. A table that somebody else writes has a ``fingerprint`` of its content instead,
    and ``news``: what it has that a table was not made from, in words, empty without any.

    ``used`` says, of settings, whether a project has the table at all: what is made from it does without where not.
    ``waits`` says, for a flywheel, why it cannot be made now; empty where it can.

    ``companions`` gives, for a flywheel, further files of the interval that are written with it, by their names in the
    warehouse: the table is what it should be only where these are of the same generation.

    ``code_version`` is raised with every change of the rule that gives the same sources other rows or columns: what the
    rule before made is then stale."""

    name: str
    grain: str
    description: str
    sources: tuple["Table", ...]
    columns: tuple[Column, ...]
    previous: tuple["Table", ...] = ()
    earlier: tuple["Table", ...] = ()
    look_back: Callable[[Any], int] | None = None
    optional: tuple["Table", ...] = ()
    fits: tuple["Table", ...] = ()
    placeholders: Callable[[Any], Mapping[str, Sequence[str]]] = lambda flywheel: {}
    checks: tuple[Check, ...] = ()
    labels: LabelledRows | None = None
    parameters: Callable[[Any, Interval], Mapping[str, str]] = lambda flywheel, interval: {}
    model_parameters: Callable[[Any], Sequence[str]] = lambda flywheel: ()
    present_form: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    fingerprint: Callable[[Any, Interval], str] | None = None
    news: Callable[[Any, Interval], str] | None = None
    used: Callable[[Any], bool] = lambda settings: True
    waits: Callable[[Any], str] = lambda flywheel: ""
    companions: Callable[[Any], Sequence[str]] = lambda flywheel: ()
    code_version: int = 1

    @property
    def needs_models(self) -> bool:
        """Whether a model labels it, or a table that it is made from."""
        return self.labels is not None or any(source.needs_models for source in self.sources)

    def sources_in(self, settings: Any) -> list["Table"]:
        """The sources that a project with these settings has."""
        return [source for source in self.sources if source.used(settings)]

    @property
    def schema(self) -> pa.Schema:
        """The columns by their Arrow types, of a table without placeholders."""
        return arrow_schema(self.columns)


def interval_number(flywheel: Any, interval: Interval) -> dict[str, str]:
    """The parameters of a table whose rows hold the number of their interval, and depend on nothing else."""
    return {"interval number": str(interval.number)}


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Columns without placeholders by their Arrow types."""
    return pa.schema([(column.name, dt.dtype(column.dtype).to_pyarrow()) for column in columns])


def expand(
    columns: Iterable[Column],
    features: Sequence[str],
    session_labels: Sequence[str],
    flywheel_labels: Sequence[str],
    others: Iterable[Column] = (),
    placeholders: Mapping[str, Sequence[str]] | None = None,
) -> list[Column]:
    """The columns with every placeholder filled in, in their order. ``placeholders``: names for further ones."""
    fillings: dict[str, Sequence[str]] = {
        "<feature>": features,
        "<session label>": [snake_case(label) for label in session_labels],
        "<user label>": [snake_case(label) for label in flywheel_labels],
        **(placeholders or {}),
    }
    expanded: list[Column] = []
    for column in columns:
        if column.name == "*":
            expanded.extend(others)
            continue
        placeholder = next((p for p in fillings if p in column.name), None)
        names = [column.name.replace(placeholder, f) for f in fillings[placeholder]] if placeholder else [column.name]
        expanded.extend(Column(name, column.dtype, column.description) for name in names)
    return expanded


def wrong_columns(schema: sch.Schema, columns: Sequence[Column]) -> list[str]:
    """Where the columns of a table break the contract, one clause each; empty when they keep it."""
    return [
        f"column {c.name} is {schema.get(c.name, 'missing')}, expected {c.dtype}"
        for c in columns
        if c.name not in schema or not _is_of(schema[c.name], c.dtype)
    ]


def _is_of(found: dt.DataType, expected: str) -> bool:
    if expected == "any":
        return True
    wanted = dt.dtype(expected)
    if isinstance(wanted, dt.Timestamp) and isinstance(found, dt.Timestamp):
        return found.timezone == wanted.timezone
    return found.copy(nullable=True) == wanted
