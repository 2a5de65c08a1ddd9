"""The landing folder: which files there are, which intervals their sessions belong to, and which cannot be used.

The index of that is kept in the warehouse and follows the folder: only session ids of new or changed files are read.
Landed files are read, never written."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.domain.generations import digest
from flywheel_assets.domain.intervals import QUARTER_HOUR_SECONDS
from flywheel_assets.domain.landed_sessions import FILE, PRECEDENCE, ROW, canonical, session_start, strays
from flywheel_assets.errors import LandingError
from flywheel_assets.storage import landing_index
from flywheel_assets.storage.landing_index import LandedFile, LandingIndex
from flywheel_assets.storage.landing_rules import LandingRules
from flywheel_assets.storage.warehouse import Warehouse


class Landing:
    """The folder, and its index in the warehouse."""

    def __init__(self, folder: Path, warehouse: Warehouse, rules: LandingRules) -> None:
        self.folder = folder
        self.rules = rules
        self._warehouse = warehouse
        self._engine = warehouse.engine
        self._index_path = warehouse.folder / "landing_index.parquet"

    def index(self) -> LandingIndex:
        """The index of the folder as it is now. Raises LandingError when there is no such folder."""
        known = {f.identity: f for f in landing_index.load(self._index_path, self.rules.digest)}
        present = self._present()
        new = [self._inspected(*identity) for identity in present if identity not in known]
        unread = [f for f in new if not f.problem]
        files = [known[i] for i in present if i in known] + [f for f in new if f.problem] + self._counted(unread)
        index = LandingIndex(tuple(sorted(files, key=lambda f: f.path)))
        for file in new:
            self._quarantine_strays(next(f for f in files if f.path == file.path))
        if new or len(known) != len(present):
            landing_index.store(self._index_path, self.rules.digest, index.files)
        return index

    def read(self, files: Sequence[LandedFile]) -> ir.Table:
        """All rows of files, canonical, with file, position and precedence. ``files`` in order, the winner last."""
        rows = self._engine.read_landed([self.folder / f.path for f in files])
        return canonical(rows, self.rules.features)

    def empty(self, index: LandingIndex) -> ir.Table:
        """No rows, with the columns of the file that landed last, or of the contract alone when none did."""
        if index.usable:
            return self.read([max(index.usable, key=lambda f: f.precedence)]).limit(0)
        schema = {"session_id": "string", "user_id": "string", **dict.fromkeys(self.rules.features, "int64")}
        return self._engine.empty(schema | {FILE: "string", ROW: "int64", PRECEDENCE: "int64"})

    def _present(self) -> list[tuple[str, int, int]]:
        try:
            with os.scandir(self.folder) as entries:
                stats = [(e.name, e.stat()) for e in entries if e.name.endswith(".parquet") and e.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            raise LandingError(
                f"there is no landing folder at {self.folder}: create it and put parquet files there, or set "
                "FLYWHEEL_LANDING_DIR to where they are"
            ) from None
        return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)

    def _inspected(self, path: str, size: int, modified_ns: int) -> LandedFile:
        """The file with its schema judged, from its footer."""
        try:
            schema = pq.read_schema(self.folder / path)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            return LandedFile(path, size, modified_ns, "", problem=f"{path} is not readable as parquet: {reason}")
        fields = "\n".join(f"{f.name}: {f.type}" for f in schema)
        return LandedFile(path, size, modified_ns, digest(fields), problem=self.rules.problem(path, schema))

    def _counted(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """The files with their rows by interval. Quarter hours are counted, few in a file, because an interval in a
        zone with daylight saving is not so many seconds."""
        if not files:
            return []
        rows = self._engine.read_landed([self.folder / f.path for f in files])
        ids = rows.select(FILE, session_id=rows.session_id.cast("string"))
        quarters = session_start(ids.session_id, self.rules.session_id_pattern) // QUARTER_HOUR_SECONDS
        counted = ids.group_by(ids[FILE], quarter=quarters.cast("int64")).aggregate(rows=ids.count())
        by_file: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
        for row in self._engine.collect(counted).to_pylist():
            by_file[row[FILE]][self._key(row["quarter"])] += row["rows"]
        return [replace(f, rows=dict(by_file[str(self.folder / f.path)])) for f in files]

    def _key(self, quarter: int | None) -> str | None:
        interval = None if quarter is None else self.rules.calendar.at(quarter * QUARTER_HOUR_SECONDS)
        return interval.key if interval else None

    def _quarantine_strays(self, file: LandedFile) -> None:
        """Keep a new file's rows of no interval in place of those of the file that it replaces. Those of a file that
        vanished stay: they may be the last copy."""
        rows = self.read([file]).drop(PRECEDENCE) if file.rows.get(None) else None
        found = None if rows is None else strays(rows, self.rules.calendar, self.rules.session_id_pattern)
        self._warehouse.quarantine(f"file={digest(file.path)}", found)
