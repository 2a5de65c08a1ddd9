"""What assets, checks and commands work with: settings, engine, warehouse, landing folder, models, put together once.

A plain object. It knows nothing of Dagster, so a command or a test makes one as easily as a run does."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.conversion.conversion import Conversion
from flywheel_assets.engagement.score_models import ScoreModels
from flywheel_assets.errors import ArtefactError, SettingsError
from flywheel_assets.features import Feature, model_features, read_features
from flywheel_assets.ingest import event_sessions
from flywheel_assets.ingest.folder import EventsFolder
from flywheel_assets.ingest.identities import Identities
from flywheel_assets.ingest.landed_events import LandedEvents
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.intent.intent import Intent
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing.column_names import column_names
from flywheel_assets.landing.extent import Extent
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.rules import WORKING_COLUMNS, LandingRules
from flywheel_assets.lineage import Lineage
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.registry.shelves import CANDIDATES, bundle_with, has_champion, versions_in
from flywheel_assets.settings import Settings
from flywheel_assets.tables.columns import FEATURE
from flywheel_assets.tables.contract import Column, Table, expand
from flywheel_assets.users.spine import SPINE, reserved_names
from flywheel_assets.warehouse.engine import DuckDBEngine, Engine
from flywheel_assets.warehouse.file_index import FileIdentity, FileIndex
from flywheel_assets.warehouse.interval_grid import hold_to_grid
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets.warehouse.watched_folder import WatchedFolder


@dataclass(frozen=True)
class Glance:
    """How far a folder is looked at: files younger than ``settled_seconds`` may still be written and are left
    out, and no more than ``most_files`` new ones are read."""

    settled_seconds: int
    most_files: int


class Flywheel:
    """The parts of one process. Models and the landing folder are read when first needed, and kept from then on."""

    def __init__(self, settings: Settings, engine: Engine, glance: Glance | None = None) -> None:
        self.settings = settings
        self.engine = engine
        self.warehouse = Warehouse(settings.warehouse_dir, engine)
        self._glance = glance

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, to_write: bool = True, glance: Glance | None = None) -> Iterator["Flywheel"]:
        """A flywheel with an engine of its own, closed at the end. ``to_write``: whether the warehouse is to be made
        where it is missing, and held to the grid of the settings. ``glance``: None looks at all of the landing folder.

        Raises SettingsError for a warehouse that cannot be written to, or is of another grid."""
        if to_write:
            try:
                settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
                hold_to_grid(settings.warehouse_dir, settings.calendar)
            except OSError as error:
                raise SettingsError(f"FLYWHEEL_WAREHOUSE_DIR is {settings.warehouse_dir}: {error.strerror}") from None
        engine = _engine(settings)
        try:
            yield cls(settings, engine, glance)
        finally:
            engine.close()

    @property
    def calendar(self) -> Calendar:
        return self.settings.calendar

    def interval(self, key: str) -> Interval:
        """The interval with that key. Raises SettingsError for a key that a person mistyped."""
        try:
            return self.calendar.key(key)
        except LookupError as error:
            raise SettingsError(str(error)) from None

    def now(self) -> datetime:
        """The clock. Tables and systems never read it; they are given the time."""
        return datetime.now(UTC)

    def closed(self, interval: Interval) -> bool:
        """Whether the interval is over by now."""
        return interval.closed(self.now())

    @cached_property
    def stated_features(self) -> tuple[Feature, ...] | None:
        """The features that `features.toml` states; None without that file. Raises SettingsError."""
        return read_features(self.settings.features_file, ("session_id", "user_id", *reserved_names((), ())))

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The features of a session, in their order: what lands, is trimmed, clustered and learnt from. Those that
        `features.toml` states; without it the session model's. A model scores by its own, which are some of them.

        Raises SettingsError where neither is there, ArtefactError for models that cannot be opened."""
        if self.stated_features is not None:
            return self.stated_features
        if not self.has_models:
            raise SettingsError(
                f"nothing says which features a session has: {self.settings.models_dir} holds no model and "
                f"{self.settings.features_file} is missing. To write it from a session file: flywheel features init "
                f"FILE. Or set FLYWHEEL_MODELS_DIR to a folder with models, or make one: flywheel models train "
                f"--sample --out {self.settings.models_dir}"
            )
        session = self.models["session"]
        return model_features(session.features, session.minimums)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def minimums(self) -> dict[str, float]:
        """The least valid value of each feature."""
        return {feature.name: feature.least for feature in self.features}

    @cached_property
    def has_models(self) -> bool:
        """Whether the models folder holds a file of a bundle, even of a broken one."""
        return has_champion(self.settings.models_dir)

    @cached_property
    def models(self) -> ModelBundle:
        """The models in use. Raises ArtefactError, for a project of its own features that has none with what to do."""
        if self.stated_features and not self.has_models:
            raise ArtefactError(self.labels_wait)
        return ModelBundle.open(self.settings.models_dir)

    @cached_property
    def labels_wait(self) -> str:
        """Why no session can be labelled yet and what to do next, in a sentence; empty where labels can be made. They
        wait where `features.toml` is there and no model is, or one that takes other features. Raises ArtefactError for
        models that cannot be opened."""
        if self.stated_features is None:
            return ""
        folder = self.settings.models_dir
        new = versions_in(folder / CANDIDATES)
        train = "flywheel segments fit, flywheel segments propose, flywheel models train"
        following = f"flywheel models compare {new[0]}, flywheel models promote {new[0]}" if new else train
        if not self.has_models:
            return f"Labels wait for a model: {folder} has none. Next: {following}"
        missing = [name for name in self.models["session"].features if name not in self.feature_names]
        if not missing:
            return ""
        return (
            f"Labels wait: the session model in {folder} needs {', '.join(missing)}, not in "
            f"{self.settings.features_file}. Add what is missing there, or use a model of your features. "
            f"Next: {following}"
        )

    @property
    def spine(self) -> list[Table]:
        """The tables from event_sessions to label_transitions that can be made now, in their order."""
        return self.makeable(SPINE)

    def makeable(self, tables: Iterable[Table]) -> list[Table]:
        """Those of the tables that can be made now, in their order: those that the project has, less those that
        wait."""
        return [table for table in tables if table.used(self.settings) and not self.why_not(table)]

    def why_not(self, table: Table) -> str:
        """Why a table of the project cannot be made now, in a sentence; empty where it can."""
        return self.labels_wait if table.needs_models and self.labels_wait else table.waits(self)

    @cached_property
    def scorers(self) -> Scorers:
        """:attr:`models`, ready to score, from the archive where others were promoted since: one run has one bundle.

        Raises ArtefactError when others were put in their place and they are nowhere."""
        folder, began_with = self.settings.models_dir, self.models
        try:
            bundle = bundle_with(folder, began_with.versions)
        except ArtefactError:
            now = ModelBundle.open(folder).version  # which says what is wrong with a broken one
            raise ArtefactError(
                f"the models in {folder} were replaced during this run: it began with {began_with.version}, the folder "
                f"holds {now} and its archive no {began_with.version}; run it again"
            ) from None
        return Scorers(bundle, self.warehouse.folder / "_compiled")

    @cached_property
    def landing(self) -> Landing:
        rules = LandingRules(
            self.calendar,
            self.settings.session_id_pattern,
            self.feature_names,
            tuple(reserved_names(*self._labels)),
            column_names(self.settings.columns_file, ("session_id", "user_id", *self.feature_names)),
            self.settings.session_time_column,
            self.settings.features_file.name if self.stated_features else "the models",
        )
        return Landing(self.settings.landing_dir, self.warehouse, rules)

    @cached_property
    def index(self) -> FileIndex:
        """The landing folder as it was when first requested: one run sees one state of it."""
        if self.has_events and not self.landing.folder.exists():  # whoever lands events needs none
            return FileIndex(())
        return self._indexed(self.landing)

    @property
    def indexes(self) -> dict[str, FileIndex]:
        """The folders that are watched, by the names of their assets."""
        return {"landing": self.index, **({"events": self.events.index} if self.has_events else {})}

    @property
    def has_events(self) -> bool:
        """Whether sessions are made of events: `events.toml` is there."""
        return event_sessions.TABLE.used(self.settings)

    @cached_property
    def events(self) -> LandedEvents:
        """The events that landed, read as `events.toml` says. Raises EventsError for a mapping that is none."""
        settings = self.settings
        mapping = read_mapping(settings.events_file, self.feature_names, self._taken_names)
        known = (
            Identities.read(settings.events_file.parent / mapping.identities) if mapping.identities else Identities()
        )
        folder = EventsFolder(settings.events_dir, self.warehouse, mapping, known, self.calendar)
        return LandedEvents(folder, lambda: self._indexed(folder), settings.session_timeout_minutes)

    @cached_property
    def intent(self) -> Intent:
        """Rules, model and experiments of intent."""
        return Intent(self)

    @cached_property
    def conversion(self) -> Conversion:
        """What a conversion is, and when it is predicted."""
        return Conversion(self)

    @cached_property
    def score_models(self) -> ScoreModels:
        """The models of engagement by interval."""
        return ScoreModels(self)

    def _indexed(self, folder: WatchedFolder) -> FileIndex:
        if self._glance is None:
            return folder.index()
        settled_before = self.now() - timedelta(seconds=self._glance.settled_seconds)
        return folder.index(settled_before, self._glance.most_files)

    def columns(self, table: Table) -> list[Column]:
        """The contract's columns of a table for these features and the models in use, other landed columns aside."""
        meanings = {feature.name: feature.meaning or FEATURE.description for feature in self.features}
        expanded = expand(table.columns, self.feature_names, *self._labels, placeholders=table.placeholders(self))
        return [
            replace(column, description=meanings[column.name]) if column.description == FEATURE.description else column
            for column in expanded
        ]

    @property
    def _taken_names(self) -> list[str]:
        """Names that no landed column may have, whoever makes it."""
        return [*reserved_names(*self._labels), *WORKING_COLUMNS]

    @property
    def _labels(self) -> tuple[Sequence[str], Sequence[str]]:
        """Of the session model and of the user model; none where there are no models."""
        return (self.models["session"].labels, self.models["user"].labels) if self.has_models else ((), ())

    def row(self, expression: ir.Table) -> dict[str, Any]:
        """The one row of an expression that has one."""
        return self.engine.collect(expression).to_pylist()[0]

    def rows(self, table: Table, interval: Interval) -> list[dict[str, Any]]:
        """All rows of a small table. Raises NotMaterializedError."""
        return self.engine.collect(self.warehouse.read(table.name, interval)).to_pylist()

    def figures(self, table: ir.Table, aggregates: dict[str, ir.Scalar]) -> dict[str, Any]:
        """The values of aggregates over a table, gathered in one scan."""
        return self.row(table.aggregate(**aggregates))

    def label_counts(self, table: Table, interval: Interval | None) -> dict[str, int] | None:
        """Rows by label of a table that a model labels: every label of the model, worst to best, then those that only
        an earlier model had. None when the interval is None or the table is not there."""
        if interval is None or table.labels is None or not self.warehouse.exists(table.name, interval):
            return None
        rows, label = self.warehouse.read(table.name, interval), table.labels.label
        counted = self.engine.collect(rows.group_by(label).aggregate(rows=rows.count()).order_by(label)).to_pylist()
        order = self.models[table.labels.model].order
        return dict.fromkeys(order, 0) | {line[label]: line["rows"] for line in counted if line[label] is not None}

    @cached_property
    def extent(self) -> Extent:
        """Which intervals have data: by the landing folder, and for files that are gone by landed_sessions."""
        counts = Counter(self.index.sessions())
        if self.has_events:
            counts.update(self.events.index.sessions())
        for key in set(self.warehouse.keys("landed_sessions")) & {i.key for i in self.calendar}:
            rows = self.warehouse.rows("landed_sessions", self.calendar.key(key)) or 0
            if rows:
                counts[key] = max(rows, counts[key])
        return Extent(self.calendar, counts)

    @cached_property
    def lineage(self) -> Lineage:
        return Lineage(self)

    def problems(self) -> list[str]:
        """What landed and is in no table, and what is probably wrong with the rest, one sentence each."""
        events = self.events.index.problems() if self.has_events else []
        intent = self.intent.problems() if self.has_events else []
        return self.landing_problems() + events + intent + self.conversion.problems()

    def landing_problems(self) -> list[str]:
        """Those of the landing folder, and of intervals."""
        return self.index.problems() + [self._clock_error(interval) for interval in self.extent.clock_errors]

    def _clock_error(self, interval: Interval) -> str:
        found = [
            *self.index.of_interval(interval),
            *(self.events.index.of_interval(interval) if self.has_events else ()),
        ]
        files = " and ".join(f.path for f in found) or "a file that is gone"
        key = interval.key
        first = f"--from {key} " if key < (self.extent.first_key or "") else ""
        rows = "rows" if self.has_events else "sessions"
        return (
            f"{files} has {self.extent.sessions[key]:,} {rows} in {interval.dates}, far from all others: probably a "
            f"wrong clock. To make that interval anyway: flywheel run {first}--to {key}"
        )

    def unfinished(self, interval: Interval) -> list[Table]:
        """The tables from landed_sessions to the export that are not there, or were made from other tables than are
        there: a run ended before it reached them."""
        return [table for table in self.spine if not table.previous and self._unfinished(table, interval)]

    def _unfinished(self, table: Table, interval: Interval) -> bool:
        made = self.warehouse.generation(table.name, interval)
        ours = [source for source in table.sources_in(self.settings) if source.fingerprint is None]
        return made is None or any(made.sources.get(s.name) != self.lineage.stored_digest(s, interval) for s in ours)

    def landed_from(self, interval: Interval) -> list[FileIdentity] | None:
        """The files that landed_sessions was made from; None when it is not there."""
        note = self.warehouse.note("landed_sessions", interval, landed_sessions.MADE_FROM)
        return None if note is None else [(path, size, modified) for path, size, modified in json.loads(note)]


def _engine(settings: Settings) -> Engine:
    if settings.engine == "spark":
        return SparkEngine(settings.memory_limit, settings.threads)
    return DuckDBEngine(settings.memory_limit, settings.threads)
