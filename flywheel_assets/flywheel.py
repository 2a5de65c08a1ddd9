"""What assets, checks and commands work with: settings, engine, warehouse, landing folder, models, put together once.

A plain object. It knows nothing of Dagster, so a command or a test makes one as easily as a run does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.catalog import CONTRACTS
from flywheel_assets.errors import SegmentsError, SettingsError
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.landing.column_names import column_names
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.index import LandingIndex
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.orchestration.requests import FileIdentity
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorer, open_scorer
from flywheel_assets.segments.contracts import FITTED
from flywheel_assets.segments.files import SegmentFiles
from flywheel_assets.segments.segments import Segments
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Column, expand, reserved_names
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all
from flywheel_assets.warehouse.engine import DuckDBEngine, Engine
from flywheel_assets.warehouse.grid import hold_to_grid
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse

LANDED_FILES = "flywheel.landed_files"
"""The note in landed_sessions that lists the files it was made from."""

LABEL_COLUMNS = {"session_predictions": "session_quality_label", "user_labels": "user_flywheel_label"}


class Flywheel:
    """The parts of one process. Models are opened when they are first needed."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.warehouse = Warehouse(settings.warehouse_dir, engine)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, to_write: bool = True) -> Iterator["Flywheel"]:
        """A flywheel with an engine of its own, closed at the end. ``to_write``: whether the warehouse is to be made
        where it is missing, and held to the grid of the settings.

        Raises SettingsError for a warehouse that cannot be written to, or is of another grid."""
        if to_write:
            try:
                settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
                hold_to_grid(settings.warehouse_dir, settings.calendar)
            except OSError as error:
                raise SettingsError(f"FLYWHEEL_WAREHOUSE_DIR is {settings.warehouse_dir}: {error.strerror}") from None
        engine = _engine(settings)
        try:
            yield cls(settings, engine)
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

    @cached_property
    def models(self) -> ModelBundle:
        return ModelBundle.open(self.settings.models_dir)

    def scorer(self, model: str) -> Scorer:
        """The scorer of the champion's model of that name."""
        return open_scorer(self.models, model, self._compiled_dir)

    @property
    def segment_files(self) -> SegmentFiles:
        return SegmentFiles(self.warehouse)

    @cached_property
    def segments(self) -> Segments:
        """The fit of the segments, read once. Raises SegmentsError when nothing has been fitted, or the report of the
        fit is none."""
        files = self.segment_files
        report = files.report()
        if report is None:
            raise SegmentsError(f"there are no segments, no file at {files.report_path}: flywheel segments fit")
        try:
            return Segments.from_json(report)
        except (KeyError, TypeError, ValueError) as error:
            raise SegmentsError(
                f"{files.report_path} is no report of a fit ({error!r}): delete it and fit again, flywheel segments fit"
            ) from None

    @cached_property
    def landing(self) -> Landing:
        session, user = self.models["session"], self.models["user"]
        rules = LandingRules(
            self.calendar,
            self.settings.session_id_pattern,
            session.features,
            tuple(reserved_names(session.labels, user.labels)),
            column_names(self.settings.columns_file, ("session_id", "user_id", *session.features)),
        )
        return Landing(self.settings.landing_dir, self.warehouse, rules)

    def now(self) -> datetime:
        """The clock. Domain and storage never read it: they are told the time."""
        return datetime.now(UTC)

    @cached_property
    def index(self) -> LandingIndex:
        """The landing folder as it was when it was first asked for: one run sees one state of it."""
        return self.landing.index()

    def look(self, settled_before: datetime, most: int) -> None:
        """Take the index as :meth:`Landing.index` has it with these bounds, in place of the whole."""
        self.index = self.landing.index(settled_before, most)

    @property
    def minimums(self) -> dict[str, float]:
        """The least value of each session feature that the model was fitted on."""
        return dict(zip(self.models["session"].features, self.models["session"].minimums, strict=True))

    @property
    def _compiled_dir(self) -> Path:
        return self.warehouse.folder / "_compiled"

    def columns(self, table: str) -> list[Column]:
        """The contract's columns of a table for the models in use, other landed columns aside."""
        session, user = self.models["session"], self.models["user"]
        return expand(CONTRACTS[table].columns, session.features, session.labels, user.labels)

    def row(self, expression: ir.Table) -> dict[str, Any]:
        """The one row of an expression that has one."""
        return self.engine.collect(expression).to_pylist()[0]

    def figures(self, table: ir.Table, aggregates: dict[str, ir.Scalar]) -> dict[str, Any]:
        """The values of aggregates over a table, gathered in one scan."""
        return self.row(table.aggregate(**aggregates))

    def label_counts(self, table: str, interval: Interval | None) -> dict[str, int] | None:
        """Rows by label of session_predictions or user_labels: every label of the model, worst to best, then those
        that only an earlier model had. None when the interval is None or the table is not there."""
        if interval is None or not self.warehouse.exists(table, interval):
            return None
        rows, label = self.warehouse.read(table, interval), LABEL_COLUMNS[table]
        found = self.engine.collect(rows.group_by(label).aggregate(rows=rows.count()).order_by(label)).to_pylist()
        order = (self.models["session"] if table == "session_predictions" else self.models["user"]).order
        return dict.fromkeys(order, 0) | {line[label]: line["rows"] for line in found if line[label] is not None}

    @cached_property
    def first_key(self) -> str | None:
        """The key of the first interval with data, also when the files that held it are gone; None without any."""
        made = set(self.warehouse.keys("landed_sessions"))
        kept = next((i.key for i in self.calendar if i.key in made and self.warehouse.rows("landed_sessions", i)), None)
        return min(filter(None, (self.index.first_key(), kept)), default=None)

    def previous_with_data(self, interval: Interval) -> Interval | None:
        """The previous interval; None when nothing landed before this one, so that there is nothing to come from."""
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
        note = self.warehouse.note("landed_sessions", interval, LANDED_FILES)
        return None if note is None else [(path, size, modified) for path, size, modified in json.loads(note)]

    def generation(
        self, table: str, interval: Interval, stored: Callable[[str, Interval], str] | None = None
    ) -> Generation:
        """The generation that a table has if it is made now from the tables that are there. ``stored``: in place of
        :meth:`stored_digest`, as when many are asked for at one moment."""
        return self._generation(table, interval, stored or self.stored_digest)

    def wanted_generation(self, table: str, interval: Interval) -> Generation:
        """The generation that a table has if everything it rests on is made anew too."""
        return self._generation(table, interval, lambda t, i: self.wanted_generation(t, i).digest)

    def stale_because(self, table: str, interval: Interval, wanted: Callable[[str, Interval], Generation]) -> str:
        """Why a table is not what ``wanted`` says, in words; empty when it is."""
        made = self.warehouse.generation(table, interval)
        if made is None:
            return "it is not there"
        found = wanted(table, interval)
        return made.stale_because(found, self.generation(table, interval)) if made.digest != found.digest else ""

    def _generation(self, table: str, interval: Interval, digest: Callable[[str, Interval], str]) -> Generation:
        sources: dict[str, str] = {}
        contract = CONTRACTS[table]
        for source in contract.sources:
            landing = source == "landing"
            sources[source] = self.index.fingerprint(interval) if landing else digest(source, interval)
        for source in contract.previous:
            previous = self.previous_with_data(interval)
            sources[f"previous {source}"] = digest(source, previous) if previous else NOTHING
        for source in contract.earlier:
            sources[f"earlier {source}"] = digest_of_all(digest(source, i) for i in self.earlier_with_data(interval))
        return Generation(table, sources, self._parameters(table, interval))

    def stored_digest(self, table: str, interval: Interval) -> str:
        """The generation of a table that is there, as a digest; NOTHING where it is not."""
        made = self.warehouse.generation(table, interval)
        return made.digest if made else NOTHING

    def _parameters(self, table: str, interval: Interval) -> dict[str, str]:
        """The settings and model versions that the rows of a table depend on, by a name that a person reads."""
        if table in FITTED:  # a fit is read only for what rests on it
            return {"segments": self.segments.version}
        session, user = self.models["session"], self.models["user"]
        number = {"interval number": str(interval.number)}
        return {
            "landed_sessions": {
                "interval": f"{interval.start:%Y-%m-%dT%H:%MZ} to {interval.end:%Y-%m-%dT%H:%MZ}",
                "features": ", ".join(f"{f} from {m:g}" for f, m in self.minimums.items()),
                "session id pattern": self.settings.session_id_pattern or "default",
                "column names": ", ".join(f"{t} is {o}" for t, o in self.landing.rules.names.items()) or "ours",
            },
            "trimmed_sessions": {"trim quantile": str(self.settings.trim_quantile.normalize())},
            "session_predictions": {"session model": session.version},
            "user_distributions": {"session labels": ", ".join(session.labels)},
            "user_labels": {"user model": user.version},
            "enriched_export": {
                **number,
                "reporting timezone": self.settings.reporting_timezone,
                "user export": str(self.settings.user_export).lower(),
            },
            "label_transitions": number,
            "transition_causes": number,
            "cluster_mix": number,
            "growth_accounting": {**number, "user labels": ", ".join(user.order)},
            "label_mix": {
                **number,
                "session labels": ", ".join(session.order),
                "user labels": ", ".join(user.order),
            },
            "mix_shift": {**number, "user labels": ", ".join(user.order)},
            "transition_forecast": {**number, "user labels": ", ".join(user.order)},
            "sankey_links": {**number, "user labels": ", ".join(user.order)},
        }[table]


def _engine(settings: Settings) -> Engine:
    if settings.engine == "spark":
        return SparkEngine(settings.memory_limit, settings.threads)
    return DuckDBEngine(settings.memory_limit, settings.threads)
