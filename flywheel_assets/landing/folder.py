"""The landing folder: which files there are, which intervals their sessions belong to, and which cannot be used.

The index of that is kept in the warehouse and follows the folder: only session ids of new or changed files are read.
Landed files are read, never written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import LandingError
from flywheel_assets.intervals import QUARTER_HOUR_SECONDS
from flywheel_assets.landing.rows import QUARANTINE_REASON, canonical, canonical_types, started, stray_reason, strays
from flywheel_assets.landing.rules import LandingRules, mixed_columns
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW
from flywheel_assets.warehouse.file_index import FileIndex, LandedFile
from flywheel_assets.warehouse.listing import FolderKind, unreadable
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets.warehouse.watched_folder import WatchedFolder


class Landing(WatchedFolder):
    """The folder, and its index in the warehouse."""

    kind = FolderKind("landing folder", "FLYWHEEL_LANDING_DIR", (".parquet", ".pq"), "Convert to parquet", LandingError)
    index_name = "landing_index.parquet"
    strays_prefix = "file="

    def __init__(self, folder: Path, warehouse: Warehouse, rules: LandingRules) -> None:
        super().__init__(folder, warehouse, rules.digest)
        self.rules = rules

    def at(self, folder: Path) -> "Landing":
        """Another folder under the same rules."""
        return Landing(folder, self.warehouse, self.rules)

    def read(self, files: Sequence[LandedFile], made: Sequence[Path] = ()) -> ir.Table:
        """All rows of files, canonical, with file, position and precedence. ``files`` in order, the winner last.
        ``made``: files of sessions that Flywheel made, which win over none."""
        one_of_each = [*made, *self._paths([*{f.schema_digest: f for f in files}.values()])]
        schemas = [pq.read_schema(path) for path in one_of_each] if len(one_of_each) > 1 else []
        mixed = [c for c in mixed_columns(schemas) if self.rules.names.get(c, c) not in self.rules.features]
        rows = self._engine.read_landed([*made, *self._paths(files)], mixed)
        return canonical(self._named(rows), self.rules.features)

    def empty(self, index: FileIndex) -> ir.Table:
        """No rows, with the columns of the file that landed last, or of the contract alone when none did."""
        if index.usable:
            return self.read([max((f for f in index.files if not f.problem), key=lambda f: f.precedence)]).limit(0)
        schema = canonical_types(self.rules.features)
        if self.rules.time_column:
            schema.setdefault(self.rules.time_column, "timestamp('UTC')")
        return self._engine.empty(schema | {FILE: "string", ROW: "int64", PRECEDENCE: "int64"})

    def _paths(self, files: Sequence[LandedFile]) -> list[Path]:
        return [self.folder / f.path for f in files]

    def _named(self, rows: ir.Table) -> ir.Table:
        """The rows with our column names. Where some files have theirs and some ours, each row has one."""
        if not self.rules.names.keys() & set(rows.columns):
            return rows
        found: dict[str, list[str]] = defaultdict(list)
        for name in rows.columns:
            found[self.rules.names.get(name, name)].append(name)
        types = canonical_types(self.rules.features)
        return rows.select(
            **{
                ours: ibis.coalesce(*(rows[name].cast(types[ours]) for name in names)) if names[1:] else rows[names[0]]
                for ours, names in found.items()
            }
        )

    def _inspected(self, file: LandedFile) -> LandedFile:
        """The file with its schema judged, from its footer."""
        try:
            schema = pq.read_schema(self.folder / file.path)
        except (pa.ArrowException, OSError) as error:
            return replace(file, problem=unreadable(file.path, error))
        fields = "\n".join(f"{f.name}: {f.type}" for f in schema)
        return replace(file, schema_digest=digest(fields), problem=self.rules.problem(file.path, schema))

    def _counts(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """Quarter hours are counted, few in a file, because an interval in a zone with daylight saving is not so many
        seconds."""
        rules = self.rules
        rows = self._named(self._engine.read_landed(self._paths(files)))
        rows = rows.mutate(session_id=rows.session_id.cast("string"))
        rows = started(rows, rules.session_id_pattern, rules.time_column)
        reason = stray_reason(rows, rules.calendar, rules.session_id_pattern, rules.time_column)
        quarter = (rows.timestamp_unix // QUARTER_HOUR_SECONDS).cast("int64")
        counted = rows.group_by(rows[FILE], reason.name(QUARANTINE_REASON), quarter=quarter).aggregate(
            rows=rows.count()
        )
        by_file: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
        by_reason: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in self._engine.collect(counted).to_pylist():
            by_file[row[FILE]][self._key(row["quarter"])] += row["rows"]
            if row[QUARANTINE_REASON]:
                by_reason[row[FILE]][row[QUARANTINE_REASON]] += row["rows"]
        named = zip(files, map(str, self._paths(files)), strict=True)
        return [replace(f, rows=dict(by_file[path]), strays=dict(by_reason[path])) for f, path in named]

    def _key(self, quarter: int | None) -> str | None:
        interval = None if quarter is None else self.rules.calendar.at(quarter * QUARTER_HOUR_SECONDS)
        return interval.key if interval else None

    def _strays(self, file: LandedFile) -> ir.Table:
        rules = self.rules
        rows = self.read([file]).drop(PRECEDENCE)
        return strays(rows, rules.calendar, rules.session_id_pattern, rules.time_column)
