"""The landing folder: which files there are, which intervals their sessions belong to, and which cannot be used.

The index of that is kept in the warehouse and follows the folder: only session ids of new or changed files are read.
Landed files are read, never written."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.domain.generations import digest
from flywheel_assets.domain.intervals import QUARTER_HOUR_SECONDS, Calendar, Interval
from flywheel_assets.domain.landed_sessions import FILE, PRECEDENCE, ROW, canonical, session_start
from flywheel_assets.domain.tables import QUARANTINE_REASON
from flywheel_assets.errors import LandingError
from flywheel_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class LandingRules:
    """What a landed file must have, and how its sessions find their interval."""

    calendar: Calendar
    session_id_pattern: str | None
    features: tuple[str, ...]
    reserved: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        return digest(repr(self))


@dataclass(frozen=True)
class LandedFile:
    """A file as it was when it was indexed. ``rows`` counts sessions by interval key, None for rows of no interval;
    ``problem`` says why the whole file is set aside, None for one that is used."""

    path: str
    size: int
    modified_ns: int
    schema_digest: str
    rows: Mapping[str | None, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def identity(self) -> tuple[str, int, int]:
        return self.path, self.size, self.modified_ns

    @property
    def precedence(self) -> tuple[int, str]:
        """Of several rows of one session, that of the file with the greatest stays."""
        return self.modified_ns, self.path


@dataclass(frozen=True)
class LandingIndex:
    """All landed files, by path."""

    files: tuple[LandedFile, ...]

    def of_interval(self, interval: Interval) -> list[LandedFile]:
        """The files with sessions of the interval, the one that wins last."""
        return sorted((f for f in self.files if f.rows.get(interval.key)), key=lambda f: f.precedence)

    def fingerprint(self, interval: Interval) -> str:
        """Changes when a file with sessions of the interval comes, goes or changes."""
        return digest(repr([f.identity for f in self.of_interval(interval)]))

    def rows(self, interval: Interval) -> int:
        """Sessions landed in the interval, before any is found invalid or landed twice."""
        return sum(f.rows.get(interval.key, 0) for f in self.files)

    @property
    def set_aside(self) -> list[LandedFile]:
        return [f for f in self.files if f.problem]

    def first_key(self) -> str | None:
        """The key of the first interval with data; None when nothing landed."""
        return min((key for f in self.files for key in f.rows if key), default=None)


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
        known = {f.identity: f for f in self._stored()}
        present = self._present()
        new = [self._inspected(*identity) for identity in present if identity not in known]
        for path in {path for path, *_ in known.keys() - present} | {f.path for f in new}:
            self._warehouse.release(_strays_folder(path))
        usable = [f for f in new if f.problem is None]
        counted = self._counted(usable) if usable else []
        files = [known[i] for i in present if i in known] + [f for f in new if f.problem] + counted
        index = LandingIndex(tuple(sorted(files, key=lambda f: f.path)))
        if new or len(known) != len(present):
            self._store(index)
        return index

    def read(self, files: Sequence[LandedFile]) -> ir.Table:
        """All rows of files, canonical, with file, position and precedence. ``files`` in order, the winner last."""
        rows = self._engine.read_landed([self.folder / f.path for f in files])
        return canonical(rows, self.rules.features)

    def empty(self, index: LandingIndex) -> ir.Table:
        """No rows, with the columns of the file that landed last, or of the contract alone when none did."""
        usable = sorted((f for f in index.files if f.problem is None), key=lambda f: f.precedence)
        if usable:
            return self.read(usable[-1:]).limit(0)
        schema = {"session_id": "string", "user_id": "string", **dict.fromkeys(self.rules.features, "int64")}
        schema |= {FILE: "string", ROW: "int64", PRECEDENCE: "int64"}
        return self._engine.empty(schema)

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
        return LandedFile(path, size, modified_ns, digest(fields), problem=self._problem(path, schema))

    def _problem(self, path: str, schema: pa.Schema) -> str | None:
        missing = [n for n in ("session_id", "user_id", *self.rules.features) if n not in schema.names]
        if missing:
            return (
                f"{path} has no column {', '.join(map(repr, missing))} (the models need it); "
                f"found: {', '.join(schema.names)}"
            )
        names = [name.lower() for name in schema.names]
        repeated = [name for name in schema.names if names.count(name.lower()) > 1]
        if repeated:
            return f"{path} has columns {', '.join(map(repr, repeated))}, the same but for case: rename one"
        for name in ("session_id", "user_id"):
            if pa.types.is_nested(schema.field(name).type):
                return f"{path} has {schema.field(name).type} in column {name!r}; expected a text"
        for name in self.rules.features:
            if not _is_number(schema.field(name).type):
                return f"{path} has {schema.field(name).type} in column {name!r}; expected a number"
        reserved = {name.lower(): name for name in (*self.rules.reserved, *_WORKING_COLUMNS)}
        for name in schema.names:
            if name.lower() in reserved:
                return (
                    f"{path} has a column {name!r}, which would collide with our {reserved[name.lower()]!r}: rename it"
                )
        return None

    def _counted(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """The files with their rows by interval; their rows of no interval go to quarantine."""
        rows = self._engine.read_landed([self.folder / f.path for f in files])
        ids = rows.select(FILE, session_id=rows.session_id.cast("string"))
        quarters = session_start(ids.session_id, self.rules.session_id_pattern) // QUARTER_HOUR_SECONDS
        counted = ids.group_by(ids[FILE], quarter=quarters.cast("int64")).aggregate(rows=ids.count())
        by_file: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
        for row in self._engine.collect(counted).to_pylist():
            by_file[row[FILE]][self._key(row["quarter"])] += row["rows"]
        result = [LandedFile(*f.identity, f.schema_digest, dict(by_file[str(self.folder / f.path)])) for f in files]
        for file in result:
            if file.rows.get(None):
                self._quarantine_strays(file)
        return result

    def _key(self, quarter: int | None) -> str | None:
        interval = None if quarter is None else self.rules.calendar.at(quarter * QUARTER_HOUR_SECONDS)
        return interval.key if interval else None

    def _quarantine_strays(self, file: LandedFile) -> None:
        calendar = self.rules.calendar
        rows = self.read([file]).drop(PRECEDENCE)
        start = session_start(rows.session_id, self.rules.session_id_pattern)
        reason = ibis.cases(
            (rows.session_id.isnull() | (rows.session_id.strip() == ""), "session_id is null or empty"),
            (start.isnull(), "session_id holds no timestamp"),
            (start < calendar.number(1).start_unix, "before the first interval"),
            (start >= calendar.number(calendar.count).end_unix, "after the last interval"),
        )
        judged = rows.mutate(reason.name(QUARANTINE_REASON))
        strays = judged.filter(judged[QUARANTINE_REASON].notnull())
        self._warehouse.quarantine(_strays_folder(file.path), strays)

    def _stored(self) -> Iterable[LandedFile]:
        """The index as it was last written; nothing when it was made under other rules."""
        if not self._index_path.is_file():
            return []
        table = pq.read_table(self._index_path)
        if (table.schema.metadata or {}).get(b"flywheel.rules") != self.rules.digest.encode():
            return []
        files: dict[str, LandedFile] = {}
        for row in table.to_pylist():
            file = files.setdefault(
                row["path"],
                LandedFile(row["path"], row["size"], row["modified_ns"], row["schema_digest"], {}, row["problem"]),
            )
            if row["rows"]:
                files[row["path"]] = LandedFile(
                    *file.identity, file.schema_digest, {**file.rows, row["interval_start"]: row["rows"]}, file.problem
                )
        return files.values()

    def _store(self, index: LandingIndex) -> None:
        records = [
            (f.path, f.size, f.modified_ns, f.schema_digest, key, rows, f.problem)
            for f in index.files
            for key, rows in (f.rows or {None: 0}).items()
        ]
        columns = list(zip(*records, strict=True)) or [()] * len(_INDEX_SCHEMA)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, _INDEX_SCHEMA, strict=True)]
        table = pa.table(arrays, schema=_INDEX_SCHEMA.with_metadata({"flywheel.rules": self.rules.digest}))
        staged = self._index_path.with_name(f".{self._index_path.name}.{os.getpid()}")
        self._index_path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, staged)
        staged.replace(self._index_path)


_INDEX_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("schema_digest", pa.string()),
        ("interval_start", pa.string()),
        ("rows", pa.int64()),
        ("problem", pa.string()),
    ]
)


_WORKING_COLUMNS = (FILE, ROW, PRECEDENCE, "file_row_number", "_rank")
"""What rows carry between landing and their table: a landed column of such a name would be lost or stop the reading."""


def _strays_folder(path: str) -> str:
    return f"file={digest(path)}"


def _is_number(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
