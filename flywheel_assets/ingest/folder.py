"""The folder of events: which files there are, on which days their events are, and which cannot be used."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.events import REASON, events, fault, time
from flywheel_assets.ingest.identities import Identities
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.rules import problem
from flywheel_assets.ingest.text_files import CSV, JSON, READ_ERRORS, UNREADABLE, convert, is_text
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import QUARTER_HOUR_SECONDS, Calendar
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import FILE
from flywheel_assets.warehouse.file_index import LandedFile
from flywheel_assets.warehouse.listing import FolderKind, unreadable
from flywheel_assets.warehouse.warehouse import CONVERTED_EVENTS, Warehouse
from flywheel_assets.warehouse.watched_folder import WatchedFolder

_QUARTER = QUARTER_HOUR_SECONDS * SECOND


class EventsFolder(WatchedFolder):
    """The folder, and its index in the warehouse: of each file, events by day of the interval timezone."""

    kind = FolderKind(
        "folder of events",
        "FLYWHEEL_EVENTS_DIR",
        (".parquet", ".pq", *CSV, *JSON),
        "Export one of these",
        EventsError,
    )
    index_name = "events_index.parquet"
    strays_prefix = "events_file="

    def __init__(
        self, folder: Path, warehouse: Warehouse, mapping: EventMapping, identities: Identities, calendar: Calendar
    ) -> None:
        super().__init__(folder, warehouse, digest(repr((mapping.digest, calendar))))
        self.mapping = mapping
        self.identities = identities
        self.calendar = calendar

    @property
    def converted(self) -> Path:
        """Where text files are as parquet."""
        return self.warehouse.folder / CONVERTED_EVENTS

    def readable(self, file: LandedFile) -> Path:
        if not is_text(file.path):
            return super().readable(file)
        path = self.converted / f"{file.content}.parquet"
        if not path.is_file():
            self.warehouse.replace(path, partial(convert, self.folder / file.path))
        return path

    def read(self, files: Sequence[LandedFile]) -> ir.Table:
        """The events of files, merged by identity. Files of one schema are read together; where types differ, values
        are texts."""
        found = [events(rows, self.mapping) for _, rows in self._by_schema(files)]
        types = [table.schema() for table in found]
        mixed = {name for name in found[0].columns if len({schema[name] for schema in types}) > 1}
        found = [table.mutate(**{name: table[name].cast("string") for name in mixed}) for table in found]
        united = ibis.union(*found) if len(found) > 1 else found[0]
        return self.identities.merged(united, self._engine, self.converted)

    def raw(self, file: LandedFile) -> ir.Table:
        """The rows of a file as they are."""
        return self._engine.read([self.readable(file)])

    def _by_schema(self, files: Sequence[LandedFile]) -> Iterator[tuple[list[LandedFile], ir.Table]]:
        ordered = sorted(files, key=lambda file: file.schema_digest)
        for _, same in groupby(ordered, key=lambda file: file.schema_digest):
            group = list(same)
            yield group, self._engine.read_landed([self.readable(file) for file in group])

    def _inspected(self, file: LandedFile) -> LandedFile:
        if not file.size:
            return replace(file, problem=f"{file.path} is empty; replace or remove it")
        try:
            schema = pq.read_schema(self.readable(file))
        except (pa.ArrowException, ValueError, *READ_ERRORS) as error:
            return replace(file, problem=_why_unreadable(file, error))
        fields = "\n".join(f"{f.name}: {f.type}" for f in schema)
        return replace(file, schema_digest=digest(fields), problem=problem(file.path, schema, self.mapping))

    def _counts(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        counted: list[LandedFile] = []
        for group, rows in self._by_schema(files):
            when = time(rows, self.mapping)
            quarter = (when // _QUARTER).cast("int64")
            lines = rows.group_by(rows[FILE], self._stray_reason(rows).name(REASON), quarter=quarter).aggregate(
                rows=rows.count()
            )
            by_file: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
            by_reason: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
            for line in self._engine.collect(lines).to_pylist():
                by_file[line[FILE]][None if line[REASON] else self._day(line["quarter"])] += line["rows"]
                if line[REASON]:
                    by_reason[line[FILE]][line[REASON]] += line["rows"]
            paths = [str(self.readable(file)) for file in group]
            counted += [
                replace(f, rows=dict(by_file[p]), strays=dict(by_reason[p])) for f, p in zip(group, paths, strict=True)
            ]
        return counted

    def _strays(self, file: LandedFile) -> ir.Table:
        rows = self.raw(file)
        judged = rows.mutate(self._stray_reason(rows).name(REASON))
        return judged.filter(judged[REASON].notnull())

    def _stray_reason(self, rows: ir.Table) -> ir.StringValue:
        """Why a row is no event of an interval; null for one that is."""
        when, calendar = time(rows, self.mapping), self.calendar
        first, end = calendar.number(1).start_unix * SECOND, calendar.number(calendar.count).end_unix * SECOND
        no_event = fault(rows, self.mapping)
        lines = [(rows[UNREADABLE].notnull(), "the line cannot be read")] if UNREADABLE in rows.columns else []
        return ibis.cases(
            *lines,
            (no_event.notnull(), no_event),
            (when < first, "before the first interval"),
            (when >= end, "after the last interval"),
        ).cast("string")

    def _day(self, quarter: int) -> str:
        return _day_of(self.calendar, quarter)


@cache
def _day_of(calendar: Calendar, quarter: int) -> str:
    return calendar.day_at(quarter * QUARTER_HOUR_SECONDS).isoformat()


def _why_unreadable(file: LandedFile, error: Exception) -> str:
    if not is_text(file.path) or (isinstance(error, OSError) and error.errno):
        return unreadable(file.path, error)
    kind = "CSV" if file.path.lower().endswith(CSV) else "JSON lines"
    return f"{file.path} cannot be read as {kind} in UTF-8: {str(error).strip().splitlines()[0]}; replace or remove it"
