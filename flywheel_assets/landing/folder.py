"""The landing folder: which files there are, which intervals their sessions belong to, and which cannot be used.

The index of that is kept in the warehouse and follows the folder: only session ids of new or changed files are read.
Landed files are read, never written."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import LandingError, SettingsError
from flywheel_assets.intervals import QUARTER_HOUR_SECONDS
from flywheel_assets.landing import files as landing_files
from flywheel_assets.landing import index as landing_index
from flywheel_assets.landing.index import LandedFile, LandingIndex
from flywheel_assets.landing.rows import QUARANTINE_REASON, canonical, canonical_types, started, stray_reason, strays
from flywheel_assets.landing.rules import LandingRules, mixed_columns
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW
from flywheel_assets.warehouse.warehouse import Warehouse


class Landing:
    """The folder, and its index in the warehouse."""

    def __init__(self, folder: Path, warehouse: Warehouse, rules: LandingRules) -> None:
        self.folder = folder
        self.rules = rules
        self._warehouse = warehouse
        self._engine = warehouse.engine
        self._index_path = warehouse.folder / "landing_index.parquet"

    def index(self, settled_before: datetime | None = None, most: int | None = None) -> LandingIndex:
        """The index of the folder as it is now. Raises LandingError when there is no such folder.

        ``settled_before``: files modified since are left out as young. ``most``: of new and changed files no more than
        so many are read, the oldest first, and the rest is left for the next time. A file without a readable footer is
        tried each time: permission to read it may be given without a change to it."""
        stored = {f.identity: f for f in landing_index.load(self._index_path, self.rules.digest)}
        known = {identity: f for identity, f in stored.items() if f.schema_digest}
        young_ns = settled_before.timestamp() * 1e9 if settled_before else float("inf")
        present = landing_files.present(self.folder)
        settled = [i for i in present if i[2] < young_ns]
        new = sorted((i for i in settled if i not in stored), key=lambda identity: identity[2])
        again = [i for i in settled if i in stored and i not in known]
        inspected = [self._inspected(*identity) for identity in [*new[:most], *again]]
        counted = self._counted([f for f in inspected if not f.problem])
        files = [known[i] for i in settled if i in known] + [f for f in inspected if f.problem]
        files += [self._with_strays_kept(file) for file in counted]
        if stored != {f.identity: f for f in files}:
            try:
                landing_index.store(self._index_path, self.rules.digest, files)
            except OSError as error:
                raise self._unwritable(error) from None
        return LandingIndex(
            tuple(sorted(files, key=lambda f: f.path)),
            young=tuple(path for path, _, modified_ns in present if modified_ns >= young_ns),
            unread=tuple(path for path, *_ in new[most:]) if most is not None else (),
        )

    def at(self, folder: Path) -> "Landing":
        """Another folder under the same rules."""
        return Landing(folder, self._warehouse, self.rules)

    def look_at(self, name: str) -> LandedFile:
        """One file of the folder as the index would have it; nothing is written."""
        stat = (self.folder / name).stat()
        file = self._inspected(name, stat.st_size, stat.st_mtime_ns)
        return file if file.problem else self._counted([file])[0]

    @contextmanager
    def unchanged(self, files: Sequence[LandedFile]) -> Iterator[None]:
        """When making a table from files fails, says which file changed or is damaged, or that the warehouse cannot be
        written, instead of the engine's own message."""
        try:
            yield
        except self._engine.read_errors as error:
            self.verify(files)
            damage = next(filter(None, map(landing_files.damage, self._paths(files))), None)
            if damage:
                raise LandingError(f"{damage}, in {self.folder}, then run the interval again") from None
            raise self._unwritable(error) from None

    def _unwritable(self, error: Exception) -> SettingsError:
        return SettingsError(
            f"FLYWHEEL_WAREHOUSE_DIR is {self._warehouse.folder}, where landed sessions could not be written: "
            f"{landing_files.reason(error)}; make sure that there is space and permission to write, and run again "
            "(existing files are unchanged)"
        )

    def verify(self, files: Sequence[LandedFile]) -> None:
        """Raises LandingError when one of the files is no longer what was indexed."""
        present = set(landing_files.present(self.folder))
        for file in files:
            if file.identity not in present:
                raise LandingError(f"{file.path} changed while it was read; run the interval again")

    def read(self, files: Sequence[LandedFile]) -> ir.Table:
        """All rows of files, canonical, with file, position and precedence. ``files`` in order, the winner last."""
        one_of_each = {f.schema_digest: f for f in files}.values()
        schemas = [pq.read_schema(path) for path in self._paths([*one_of_each])] if len(one_of_each) > 1 else []
        mixed = [c for c in mixed_columns(schemas) if self.rules.names.get(c, c) not in self.rules.features]
        return canonical(self._named(self._engine.read_landed(self._paths(files), mixed)), self.rules.features)

    def empty(self, index: LandingIndex) -> ir.Table:
        """No rows, with the columns of the file that landed last, or of the contract alone when none did."""
        if index.usable:
            return self.read([max(index.usable, key=lambda f: f.precedence)]).limit(0)
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

    def _inspected(self, path: str, size: int, modified_ns: int) -> LandedFile:
        """The file with its schema judged, from its footer."""
        try:
            schema = pq.read_schema(self.folder / path)
        except (pa.ArrowException, OSError) as error:
            return LandedFile(path, size, modified_ns, "", problem=landing_files.unreadable(path, error))
        fields = "\n".join(f"{f.name}: {f.type}" for f in schema)
        return LandedFile(path, size, modified_ns, digest(fields), problem=self.rules.problem(path, schema))

    def _counted(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """The files with their rows by interval; one whose ids cannot be read hides no other."""
        if not files:
            return []
        try:
            return self._counts(files)
        except self._engine.read_errors as error:
            if len(files) > 1:
                half = len(files) // 2
                return self._counted(files[:half]) + self._counted(files[half:])
            # Without a digest it is tried again at the next look: what failed may have been the machine.
            return [replace(files[0], schema_digest="", problem=landing_files.unreadable(files[0].path, error))]

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

    def _with_strays_kept(self, file: LandedFile) -> LandedFile:
        """Keep a new file's rows of no interval in place of those of the file that it replaces. Those of a file that
        vanished stay: they may be the last copy. A file whose rows cannot be read is set aside."""
        rows = self.read([file]).drop(PRECEDENCE) if file.rows.get(None) else None
        rules = self.rules
        found = None if rows is None else strays(rows, rules.calendar, rules.session_id_pattern, rules.time_column)
        try:
            self._warehouse.quarantine(file.strays_folder, found)
        except self._engine.read_errors as error:
            self.verify([file])
            damage = landing_files.damage(self.folder / file.path)
            if damage is None:
                raise self._unwritable(error) from None
            return replace(file, rows={}, problem=damage)
        return file
