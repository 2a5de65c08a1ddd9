"""What assets, checks and commands work with: settings, engine, warehouse, landing folder, models, put together once.

A plain object. It knows nothing of Dagster, so a command or a test makes one as easily as a run does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.errors import ArtefactError, SettingsError
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing.column_names import column_names
from flywheel_assets.landing.extent import Extent
from flywheel_assets.landing.folder import Landing
from flywheel_assets.warehouse.file_index import FileIdentity, FileIndex
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.lineage import Lineage
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Column, Table, expand
from flywheel_assets.users.spine import SPINE, reserved_names
from flywheel_assets.warehouse.engine import DuckDBEngine, Engine
from flywheel_assets.warehouse.interval_grid import hold_to_grid
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Glance:
    """How far the landing folder is looked at: files younger than ``settled_seconds`` may still be written and are left
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

    @cached_property
    def models(self) -> ModelBundle:
        return ModelBundle.open(self.settings.models_dir)

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
        session, user = self.models["session"], self.models["user"]
        rules = LandingRules(
            self.calendar,
            self.settings.session_id_pattern,
            session.features,
            tuple(reserved_names(session.labels, user.labels)),
            column_names(self.settings.columns_file, ("session_id", "user_id", *session.features)),
            self.settings.session_time_column,
        )
        return Landing(self.settings.landing_dir, self.warehouse, rules)

    @cached_property
    def index(self) -> FileIndex:
        """The landing folder as it was when first requested: one run sees one state of it."""
        if self._glance is None:
            return self.landing.index()
        settled_before = self.now() - timedelta(seconds=self._glance.settled_seconds)
        return self.landing.index(settled_before, self._glance.most_files)

    @property
    def minimums(self) -> dict[str, float]:
        """The least value of each session feature that the model was fitted on."""
        return dict(zip(self.models["session"].features, self.models["session"].minimums, strict=True))

    def columns(self, table: Table) -> list[Column]:
        """The contract's columns of a table for the models in use, other landed columns aside."""
        session, user = self.models["session"], self.models["user"]
        return expand(table.columns, session.features, session.labels, user.labels)

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
        counts = self.index.sessions()
        for key in set(self.warehouse.keys("landed_sessions")) & {i.key for i in self.calendar}:
            rows = self.warehouse.rows("landed_sessions", self.calendar.key(key)) or 0
            counts |= {key: max(rows, counts.get(key, 0))} if rows else {}
        return Extent(self.calendar, counts)

    @cached_property
    def lineage(self) -> Lineage:
        return Lineage(self)

    def problems(self) -> list[str]:
        """What landed and is in no table, and what is probably wrong with the rest, one sentence each."""
        return self.index.problems() + [self._clock_error(interval) for interval in self.extent.clock_errors]

    def _clock_error(self, interval: Interval) -> str:
        files = " and ".join(f.path for f in self.index.of_interval(interval)) or "a file that is gone"
        key = interval.key
        first = f"--from {key} " if key < (self.extent.first_key or "") else ""
        return (
            f"{files} has {self.extent.sessions[key]:,} sessions in {interval.dates}, far from all others: probably a "
            f"wrong clock. To make that interval anyway: flywheel run {first}--to {key}"
        )

    def unfinished(self, interval: Interval) -> list[Table]:
        """The tables from landed_sessions to the export that are not there, or were made from other tables than are
        there: a run ended before it reached them."""
        return [table for table in SPINE if not table.previous and self._unfinished(table, interval)]

    def _unfinished(self, table: Table, interval: Interval) -> bool:
        made = self.warehouse.generation(table.name, interval)
        ours = [source for source in table.sources if source.fingerprint is None]
        return made is None or any(made.sources.get(s.name) != self.lineage.stored_digest(s, interval) for s in ours)

    def landed_from(self, interval: Interval) -> list[FileIdentity] | None:
        """The files that landed_sessions was made from; None when it is not there."""
        note = self.warehouse.note("landed_sessions", interval, landed_sessions.MADE_FROM)
        return None if note is None else [(path, size, modified) for path, size, modified in json.loads(note)]


def _engine(settings: Settings) -> Engine:
    if settings.engine == "spark":
        return SparkEngine(settings.memory_limit, settings.threads)
    return DuckDBEngine(settings.memory_limit, settings.threads)
