"""What assets, checks and commands work with: settings, engine, warehouse, landing folder, models, put together once.

A plain object. It knows nothing of Dagster, so a command or a test makes one as easily as a run does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.errors import SettingsError
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing.column_names import column_names
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.index import LandingIndex
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorer, open_scorer
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Column, Table, expand
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all
from flywheel_assets.users.spine import reserved_names
from flywheel_assets.warehouse.engine import DuckDBEngine, Engine
from flywheel_assets.warehouse.files import FileIdentity
from flywheel_assets.warehouse.interval_grid import hold_to_grid
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse

Digest = Callable[[Table, Interval], str]


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
        self._scorers: dict[str, Scorer] = {}

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

    def scorer(self, model: str) -> Scorer:
        """The scorer of the champion's model of that name."""
        if model not in self._scorers:
            self._scorers[model] = open_scorer(self.models, model, self.warehouse.folder / "_compiled")
        return self._scorers[model]

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
    def index(self) -> LandingIndex:
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
    def first_key(self) -> str | None:
        """The key of the first interval with data, also when the files that held it are gone; None without any."""
        made = set(self.warehouse.keys("landed_sessions"))
        kept = next((i.key for i in self.calendar if i.key in made and self.warehouse.rows("landed_sessions", i)), None)
        return min(filter(None, (self.index.first_key(), kept)), default=None)

    def previous_with_data(self, interval: Interval) -> Interval | None:
        """The previous interval; None when nothing landed before this one."""
        return None if self.first_key is None or interval.key <= self.first_key else self.calendar.previous(interval)

    def earlier_with_data(self, interval: Interval) -> list[Interval]:
        """The intervals from the first with data to the one before this, oldest first."""
        previous = self.previous_with_data(interval)
        return self.calendar.between(self.calendar.key(self.first_key), previous) if previous and self.first_key else []

    def to_run(self, now: datetime) -> list[Interval]:
        """Every closed interval from the first with data, oldest first; none without data or while none is closed."""
        last = self.calendar.last_closed(now)
        return self.calendar.between(self.calendar.key(self.first_key), last) if self.first_key and last else []

    def landed_from(self, interval: Interval) -> list[FileIdentity] | None:
        """The files that landed_sessions was made from; None when it is not there."""
        note = self.warehouse.note("landed_sessions", interval, landed_sessions.MADE_FROM)
        return None if note is None else [(path, size, modified) for path, size, modified in json.loads(note)]

    def generation(self, table: Table, interval: Interval, digest: Digest | None = None) -> Generation:
        """The generation that a table would have if it were made now from the present tables. ``digest``: of each of
        its sources, in place of :meth:`stored_digest`."""
        digest = digest or self.stored_digest
        sources = {
            source.name: source.fingerprint(self, interval) if source.fingerprint else digest(source, interval)
            for source in table.sources
        }
        for source in table.previous:
            previous = self.previous_with_data(interval)
            sources[f"previous {source.name}"] = digest(source, previous) if previous else NOTHING
        for source in table.earlier:
            earlier = self.earlier_with_data(interval)
            sources[f"earlier {source.name}"] = digest_of_all(digest(source, i) for i in earlier)
        return Generation(table.name, sources, table.parameters(self, interval))

    def wanted_generation(self, table: Table, interval: Interval) -> Generation:
        """The generation that a table would have if everything it rests on were remade too."""
        return self.generation(table, interval, lambda t, i: self.wanted_generation(t, i).digest)

    def stored_digest(self, table: Table, interval: Interval) -> str:
        """The generation of a table that is there, as a digest; NOTHING where it is not."""
        made = self.warehouse.generation(table.name, interval)
        return made.digest if made else NOTHING

    def stale_because(self, table: Table, interval: Interval, wanted: Callable[[Table, Interval], Generation]) -> str:
        """Why a table is not what ``wanted`` says, in words; empty when it is."""
        made = self.warehouse.generation(table.name, interval)
        if made is None:
            return "it is not there"
        target = wanted(table, interval)
        return made.stale_because(target, self.generation(table, interval)) if made.digest != target.digest else ""


def _engine(settings: Settings) -> Engine:
    if settings.engine == "spark":
        return SparkEngine(settings.memory_limit, settings.threads)
    return DuckDBEngine(settings.memory_limit, settings.threads)
