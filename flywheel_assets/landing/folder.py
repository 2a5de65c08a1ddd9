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
from flywheel_assets.landing import index as landing_index
from flywheel_assets.landing import listing as landing_files
from flywheel_assets.landing.index import LandedFile, LandingIndex
from flywheel_assets.landing.listing import FileStat
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
        tried each time: what failed may have been the machine.

        The stored index keeps what it had of files that are gone, young or unread, so that they are the same files when
        they are back, or were only touched."""
        stored = landing_index.load(self._index_path, self.rules.digest)
        young_ns = settled_before.timestamp() * 1e9 if settled_before else float("inf")
        listing = landing_files.listing(self.folder, self._warehouse.folder)
        known, new, again = [], [], []
        for stat in (s for s in listing.files if s.modified_ns < young_ns):
            file = stored.get(stat.path)
            if file is None or file.stat != stat:
                new.append(stat)
            elif file.schema_digest:
                known.append(file)
            else:
                again.append((stat, file))
        new.sort(key=lambda stat: stat.modified_ns)
        seen = [self._seen(stat, stored.get(stat.path)) for stat in new[:most]]
        if most != 0:  # not by who only looks; and what is known of the content need not be read again
            seen += [file if file.content else self._seen(stat, file) for stat, file in again]
        inspected = [self._inspected(f) for f in seen if not f.schema_digest]
        counted = self._counted([f for f in inspected if not f.problem])
        looked_at = [f for f in seen if f.schema_digest] + [f for f in inspected if f.problem]
        looked_at += map(self._with_strays_kept, counted)
        if any(stored.get(f.path) != f for f in looked_at):
            present = {f.path: f for f in looked_at}
            try:
                landing_index.store(self._index_path, self.rules.digest, (stored | present).values())
            except OSError as error:
                raise self._unwritable(error) from None
        return LandingIndex(
            tuple(sorted(known + looked_at, key=lambda f: f.path)),
            young=tuple(s.path for s in listing.files if s.modified_ns >= young_ns),
            unread=tuple(s.path for s in new[most:]) if most is not None else (),
            not_read=listing.not_read,
        )

    def at(self, folder: Path) -> "Landing":
        """Another folder under the same rules."""
        return Landing(folder, self._warehouse, self.rules)

    def look_at(self, name: str) -> LandedFile:
        """One file of the folder as the index would have it; nothing is written."""
        why = landing_files.name_problem(name)
        if why:
            shown = landing_files.escaped(name)
            return LandedFile(shown, 0, 0, problem=next(landing_files.sentences({shown: why})))
        file = self._inspected(self._seen(landing_files.stat(self.folder, name), None))
        return file if file.problem else self._counted([file])[0]

    @contextmanager
    def unchanged(self, files: Sequence[LandedFile]) -> Iterator[None]:
        """When making a table from files fails, says which file changed or is damaged, or that the warehouse cannot be
        written, instead of the engine's own message."""
        try:
            yield
        except self._engine.read_errors as error:
            self.verify(files)
            damage = next(filter(None, (landing_files.damage(self.folder, f.path) for f in files)), None)
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
        for file in files:
            try:
                stat = landing_files.stat(self.folder, file.path)
            except OSError:
                stat = None
            if stat is None or (stat != file.stat and self._seen(stat, file).identity != file.identity):
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

    def _seen(self, stat: FileStat, before: LandedFile | None) -> LandedFile:
        return LandedFile.seen(stat, landing_files.content_digest(self.folder / stat.path), before)

    def _inspected(self, file: LandedFile) -> LandedFile:
        """The file with its schema judged, from its footer."""
        try:
            schema = pq.read_schema(self.folder / file.path)
        except (pa.ArrowException, OSError) as error:
            return replace(file, problem=landing_files.unreadable(file.path, error))
        fields = "\n".join(f"{f.name}: {f.type}" for f in schema)
        return replace(file, schema_digest=digest(fields), problem=self.rules.problem(file.path, schema))

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
            damage = landing_files.damage(self.folder, file.path)
            if damage is None:
                raise self._unwritable(error) from None
            return replace(file, rows={}, problem=damage)
        return file
