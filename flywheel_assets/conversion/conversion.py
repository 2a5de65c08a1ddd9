"""What a flywheel has of conversion: the definition and what follows from it, and what keeps its tables from being
made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from flywheel_assets.conversion import conversion_dataset, session_horizons
from flywheel_assets.conversion.conversion_file import read_definition
from flywheel_assets.conversion.definition import ConversionDefinition, Measures, in_sessions
from flywheel_assets.errors import ConversionError
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.tables.columns import SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import expand

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

NO_INPUTS = (SESSION_ID.name, USER_ID.name, UNIX.name, session_horizons.HORIZON_SECONDS.name, "converted")
"""Columns of the data set that a model does not learn from."""


class Conversion:
    """Of one flywheel, kept from then on. A ``..._wait`` says why something cannot be used, in a sentence; it is empty
    where it can, or where there is none."""

    def __init__(self, flywheel: "Flywheel") -> None:
        self._flywheel = flywheel
        self._settings = flywheel.settings

    @cached_property
    def definition(self) -> ConversionDefinition:
        """What `conversion.toml` says. Raises ConversionError for a file that is wrong, and where two columns of the
        data set would have one name."""
        mapping = self._flywheel.events.mapping if self._flywheel.has_events else None
        kinds, carried = (in_sessions(mapping), list(mapping.carried)) if mapping else (None, [])
        taken = {column.name for column in conversion_dataset.TABLE.columns}
        definition = read_definition(self._settings.conversion_file, kinds, carried, taken)
        placeholders = self._placeholders(definition)
        for table in (session_horizons.TABLE, conversion_dataset.TABLE):
            columns = expand(table.columns, (), (), (), placeholders=placeholders)
            counts = Counter(column.name.lower() for column in columns)
            twice = [name for name, count in counts.items() if count > 1]
            if twice:
                raise ConversionError(
                    f"{self._settings.conversion_file}: two columns of {table.name} would be named {twice[0]}; rename "
                    "the kind, feature or category that it comes from"
                )
        return definition

    @property
    def placeholders(self) -> Mapping[str, Sequence[str]]:
        """What fills in the placeholders of its tables' columns."""
        return self._placeholders(self.definition)

    def _placeholders(self, definition: ConversionDefinition) -> Mapping[str, Sequence[str]]:
        names: dict[str, Sequence[str]] = {"<category>": definition.categories}
        if definition.column:
            return names | {"<count>": (), "<measure>": (), "<past feature>": self._flywheel.feature_names}
        of = Measures.of(self._flywheel.events.mapping, definition)
        counts = (*session_horizons.GENERAL, *of.counts)
        return names | {"<count>": counts, "<measure>": tuple(of.measures), "<past feature>": tuple(of.features)}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the data set that a model learns from: numbers, booleans, and the categories as texts."""
        columns = self._flywheel.columns(conversion_dataset.TABLE)
        return tuple(column.name for column in columns if column.name not in NO_INPUTS)

    def horizons(self, interval: Interval) -> ir.Table:
        """The rows of session_horizons of an interval, as they would be made now. Raises NotMaterializedError where
        they are made of landed_sessions and that is not there, ConversionError where that lacks a column."""
        flywheel, definition = self._flywheel, self.definition
        if definition.kinds:
            files = flywheel.events.files_around(interval)
            if not files:
                columns = flywheel.columns(session_horizons.TABLE)
                return flywheel.engine.empty({column.name: column.dtype for column in columns})
            cut = flywheel.events.cut(interval, files)
            return session_horizons.of_events(cut, flywheel.events.mapping, definition)
        sessions = flywheel.warehouse.read(landed_sessions.TABLE.name, interval)
        missing = [name for name in (definition.column, *definition.categories) if name not in sessions.columns]
        if missing:
            raise ConversionError(
                f"{self._settings.conversion_file}: the landed sessions of interval {interval.key} have no column "
                f"{', '.join(missing)}; they have {', '.join(sessions.columns)}"
            )
        return session_horizons.of_sessions(sessions, flywheel.feature_names, definition)

    @cached_property
    def wait(self) -> str:
        """Of the definition."""
        if not self._settings.conversion_file.is_file():
            return ""
        try:
            self.definition  # noqa: B018
        except ConversionError as error:
            return str(error)
        return ""

    def problems(self) -> list[str]:
        """Whatever cannot be used, each once."""
        return list(filter(None, [self.wait]))
