"""What a flywheel has of conversion: the definition and what follows from it, and what keeps its tables from being
made."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from flywheel_assets.conversion import conversion_dataset, session_horizons
from flywheel_assets.conversion.conversion_file import read_definition
from flywheel_assets.conversion.definition import (
    COMMANDS,
    CONVERSION_MODEL,
    ConversionDefinition,
    Measures,
    in_sessions,
)
from flywheel_assets.errors import ArtefactError, ConversionError
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierInfo
from flywheel_assets.registry.files import has_artefacts
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.tables.columns import SESSION_ID, UNIX, USER_ID
from flywheel_assets.tables.contract import expand
from flywheel_assets.tables.drift import FeatureBaseline

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
        return _why_not(lambda: self.definition) if self._settings.conversion_file.is_file() else ""

    @cached_property
    def model(self) -> ClassifierInfo:
        """The model of conversion in use. Raises ArtefactError where there is none, for a broken one, and for one of
        another conversion, another horizon, or inputs that the data set does not have."""
        return self._usable(ModelBundle.open(self._settings.conversion_models_dir))

    def bundle_of(self, version: str) -> ModelBundle | None:
        """That of a model that is or was in use; None where it is gone or cannot predict the present data set."""
        try:
            bundle = bundle_with(self._settings.conversion_models_dir, {CONVERSION_MODEL: version})
            self._usable(bundle)
        except ArtefactError:
            return None
        return bundle

    def _usable(self, bundle: ModelBundle) -> ClassifierInfo:
        train = f"{COMMANDS} train"
        if CONVERSION_MODEL not in bundle.classifiers:
            raise ArtefactError(f"{bundle.directory} holds no model of conversion; train one: {train}")
        info = bundle.classifiers[CONVERSION_MODEL]
        wanted = (self.definition.conversion, self.definition.horizon)
        if (info.target, info.horizon) != wanted:
            raise ArtefactError(
                f"the model of conversion {info.version} predicts {info.target} {info.horizon}; "
                f"{self._settings.conversion_file} says {' '.join(wanted)}. Train again: {train}"
            )
        missing = [name for name in info.encoding.names if name not in self.inputs]
        if missing:
            raise ArtefactError(
                f"the model of conversion {info.version} needs {', '.join(missing)}, which the data set does not have "
                f"any more. Train again: {train}"
            )
        return info

    def baseline(self, version: str) -> FeatureBaseline | None:
        """The probabilities of a model that is or was in use on the rows that judged it; None where it is gone."""
        try:
            bundle = bundle_with(self._settings.conversion_models_dir, {CONVERSION_MODEL: version})
        except ArtefactError:
            return None
        return bundle.classifiers[CONVERSION_MODEL].baseline

    @cached_property
    def model_wait(self) -> str:
        """Of the model, and of the definition beside it."""
        is_there = has_artefacts(self._settings.conversion_models_dir)
        return self.wait or (_why_not(lambda: self.model) if is_there else "")

    def problems(self) -> list[str]:
        """Whatever cannot be used, each once."""
        return [self.model_wait] if self._settings.conversion_file.is_file() and self.model_wait else []


def _why_not(read: Callable[[], object]) -> str:
    try:
        read()
    except (ConversionError, ArtefactError) as error:
        return str(error)
    return ""
