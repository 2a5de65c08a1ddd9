"""What assets, checks and commands work with: settings, engine, warehouse, landing folder, models, put together once.

A plain object. It knows nothing of Dagster, so a command or a test makes one as easily as a run does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.errors import ArtefactError, SettingsError
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing.clock_errors import isolated_ends
from flywheel_assets.landing.column_names import column_names
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.index import FileIdentity, LandingIndex
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.settings import Settings
from flywheel_assets.tables.contract import Column, Table, expand
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all
from flywheel_assets.users.spine import SPINE, reserved_names
from flywheel_assets.warehouse.engine import DuckDBEngine, Engine
from flywheel_assets.warehouse.interval_grid import hold_to_grid
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse

Digest = Callable[[Table, Interval], str]
Wanted = Callable[[Table, Interval], Generation]


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
    def sessions_landed(self) -> dict[str, int]:
        """Sessions per key of an interval with data, oldest first. Of one whose files are gone: those that
        landed_sessions still holds."""
        counts = self.index.sessions()
        for key in set(self.warehouse.keys("landed_sessions")) & {i.key for i in self.calendar} - set(counts):
            rows = self.warehouse.rows("landed_sessions", self.calendar.key(key))
            counts |= {key: rows} if rows else {}
        return dict(sorted(counts.items()))

    @cached_property
    def clock_errors(self) -> list[Interval]:
        """Intervals whose few sessions probably come from a wrong clock, see :func:`isolated_ends`. They are made only
        when somebody asks for them."""
        sessions = {self.calendar.key(key).number: rows for key, rows in self.sessions_landed.items()}
        return [self.calendar.number(number) for number in isolated_ends(sessions)]

    def problems(self) -> list[str]:
        """What landed and is in no table, and what is probably wrong with the rest, one sentence each."""
        return self.index.problems() + [
            f"{' and '.join(f.path for f in self.index.of_interval(i)) or 'a file that is gone'} has "
            f"{self.sessions_landed[i.key]:,} sessions in {i.dates}, far from all others: probably a wrong clock. "
            f"To make that interval anyway: flywheel run --from {i.key} --to {i.key}"
            for i in self.clock_errors
        ]

    @cached_property
    def _keys_with_data(self) -> list[str]:
        wrong = {interval.key for interval in self.clock_errors}
        return [key for key in self.sessions_landed if key not in wrong]

    @property
    def first_key(self) -> str | None:
        """The key of the first interval with data, also when the files that held it are gone; None without any."""
        return next(iter(self._keys_with_data), None)

    def previous_with_data(self, interval: Interval) -> Interval | None:
        """The previous interval; None when nothing landed before this one."""
        return None if self.first_key is None or interval.key <= self.first_key else self.calendar.previous(interval)

    @cached_property
    def _since_first(self) -> list[Interval]:
        """From the first interval with data to the end of the calendar; made once, because a tick of a sensor looks at
        the intervals before each."""
        last = self.calendar.number(self.calendar.count)
        return self.calendar.between(self.calendar.key(self.first_key), last) if self.first_key else []

    def earlier_with_data(self, interval: Interval) -> list[Interval]:
        """The intervals from the first with data to the one before this, oldest first."""
        return [i for i in self._since_first[: interval.number] if i.number < interval.number]

    @property
    def last_number(self) -> int:
        """The number of the interval after the last with data, whose users are Absent: the end of what is made without
        being asked for. 0 without data."""
        return self.calendar.key(self._keys_with_data[-1]).number + 1 if self._keys_with_data else 0

    def to_run(self, now: datetime) -> list[Interval]:
        """The closed intervals from the first with data to the one after the last with data, oldest first; none
        without data or while none is closed."""
        closed = self.calendar.last_closed(now)
        return [i for i in self._since_first if closed and i.number <= min(closed.number, self.last_number)]

    def without_data(self, now: datetime) -> list[Interval]:
        """The closed intervals after those of :meth:`to_run`: they wait until data return."""
        wanted, closed = self.to_run(now), self.calendar.last_closed(now)
        return self.calendar.between(wanted[-1], closed)[1:] if wanted and closed else []

    def missing(self, interval: Interval) -> list[Table]:
        """The tables from landed_sessions to the export that are not there."""
        return [t for t in SPINE if not t.previous and not self.warehouse.exists(t.name, interval)]

    def landed_from(self, interval: Interval) -> list[FileIdentity] | None:
        """The files that landed_sessions was made from; None when it is not there."""
        note = self.warehouse.note("landed_sessions", interval, landed_sessions.MADE_FROM)
        return None if note is None else [(path, size, modified) for path, size, modified in json.loads(note)]

    def generation(self, table: Table, interval: Interval, digest: Digest | None = None) -> Generation:
        """The generation that a table would have if it were made now from the present tables. ``digest``: of each of
        its sources, in place of :meth:`stored_digest`. One that an earlier version of Flywheel wrote otherwise, of the
        same sources and parameters, is as it was written."""
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
        wanted = Generation(table.name, sources, table.parameters(self, interval), table.code_version)
        return self._as_made(wanted, table, interval)

    def target_generation(
        self,
        table: Table,
        interval: Interval,
        digest: Digest | None = None,
        by_champion: bool = False,
        forget_missing: bool = False,
    ) -> Generation:
        """The generation that a table should have: that of :meth:`generation`, with two exceptions. A promotion leaves
        a table to the models that labelled it, unless it is to be ``by_champion``; files that vanished from the landing
        folder leave it what they held, unless they are to be forgotten."""
        target, made = self.generation(table, interval, digest), self.warehouse.generation(table.name, interval)
        if made is None:
            return target
        models = () if by_champion else table.model_parameters
        landed = () if forget_missing else [source for source in table.sources if source.news]
        old = {name: made.parameters[name] for name in models if name in made.parameters}
        kept = {s.name: made.sources[s.name] for s in landed if s.news and not s.news(self, interval)}
        target = replace(target, sources={**target.sources, **kept}, parameters={**target.parameters, **old})
        return self._as_made(target, table, interval)

    def wanted(self, by_champion: bool = False, forget_missing: bool = False) -> Wanted:
        """:meth:`target_generation` if everything that a table rests on were made again too. It remembers what it
        found, so it is good until a table is written."""

        @cache
        def wanted(table: Table, interval: Interval) -> Generation:
            return self.target_generation(
                table, interval, lambda t, i: wanted(t, i).digest, by_champion, forget_missing
            )

        return wanted

    def stored_digest(self, table: Table, interval: Interval) -> str:
        """The generation of a table that is there, as a digest; NOTHING where it is not."""
        made = self.warehouse.generation(table.name, interval)
        return made.digest if made else NOTHING

    def stale_because(self, table: Table, interval: Interval, wanted: Wanted | None = None) -> str:
        """Why a table is not what ``wanted`` says, in words; empty when it is. By default :meth:`target_generation`."""
        made = self.warehouse.generation(table.name, interval)
        if made is None:
            return f"it {self._seen(table.name, interval)}"
        target = (wanted or self.target_generation)(table, interval)
        if made.digest != target.digest:
            news = {source.name: source.news(self, interval) for source in table.sources if source.news}
            told = {name: target.sources[name] for name, what in news.items() if what}
            rest = replace(_in_present_form(made, table), sources={**made.sources, **told})
            differences = rest.stale_because(target, self.generation(table, interval))
            return "; ".join(filter(None, [*news.values(), differences]))
        for name in table.companions(self):  # a kill between the two leaves the one of before
            if self.warehouse.generation(name, interval) != made:
                return f"{self.warehouse.path(name, interval).name} beside it {self._seen(name, interval)}"
        return ""

    def inputs(self, table: Table, interval: Interval) -> list[tuple[Table, Interval]]:
        """The tables, each of an interval, that a table of the interval is made from; landed files aside."""
        previous = self.previous_with_data(interval)
        return [
            *((source, interval) for source in table.sources if source.fingerprint is None),
            *((source, previous) for source in table.previous if previous),
            *((source, i) for source in table.earlier for i in self.earlier_with_data(interval)),
        ]

    def _as_made(self, wanted: Generation, table: Table, interval: Interval) -> Generation:
        """The same generation in the form in which an earlier version of Flywheel wrote it, where that is all the
        difference: what was made from the table knows it by that digest."""
        made = self.warehouse.generation(table.name, interval) if table.present_form else None
        return made if made and _in_present_form(made, table) == wanted else wanted

    def _seen(self, table: str, interval: Interval) -> str:
        """What is the matter with a file that does not have the generation that it should have."""
        if not self.warehouse.exists(table, interval):
            return "is not there"
        unreadable = self.warehouse.rows(table, interval) is None
        return "cannot be read" if unreadable else "was not made from these tables"


def _in_present_form(made: Generation, table: Table) -> Generation:
    return replace(made, parameters=table.present_form(made.parameters)) if table.present_form else made


def _engine(settings: Settings) -> Engine:
    if settings.engine == "spark":
        return SparkEngine(settings.memory_limit, settings.threads)
    return DuckDBEngine(settings.memory_limit, settings.threads)
