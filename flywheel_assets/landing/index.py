"""The index of landed files: what each holds, by interval, and which cannot be used; kept as one small parquet file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.files import FileIdentity, write_whole

_RULES_KEY = b"flywheel.rules"

_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("schema_digest", pa.string()),
        ("interval_start", pa.string()),
        ("rows", pa.int64()),
        ("problem", pa.string()),
        ("stray_reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class LandedFile:
    """A file as it was when it was indexed. ``rows`` counts sessions by interval key, None for rows of no interval,
    which ``strays`` counts by reason; ``problem`` says why the whole file is set aside, None for one that is used."""

    path: str
    size: int
    modified_ns: int
    schema_digest: str
    rows: Mapping[str | None, int] = field(default_factory=dict)
    problem: str | None = None
    strays: Mapping[str, int] = field(default_factory=dict)

    @property
    def identity(self) -> FileIdentity:
        return self.path, self.size, self.modified_ns

    @property
    def strays_folder(self) -> str:
        """Where in quarantine its rows of no interval are."""
        return f"file={digest(self.path)}"

    @property
    def precedence(self) -> tuple[int, str]:
        """Of several rows of one session, that of the file with the greatest stays."""
        return self.modified_ns, self.path


@dataclass(frozen=True)
class LandingIndex:
    """All landed files, by path, but for those left out: ``young`` ones, which may still be written, and ``unread``
    ones, left for the next time."""

    files: tuple[LandedFile, ...]
    young: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def of_interval(self, interval: Interval) -> list[LandedFile]:
        """The files with sessions of the interval, the one that wins last."""
        return sorted((f for f in self.files if f.rows.get(interval.key)), key=lambda f: f.precedence)

    def only(self, interval: Interval) -> bool:
        """Whether the files with sessions of the interval hold no row of another, or of none."""
        return all(set(f.rows) == {interval.key} for f in self.of_interval(interval))

    def missing(self, made_from: Iterable[FileIdentity]) -> list[str]:
        """Paths of files that a table was made from and that vanished or can no longer be used."""
        usable = {f.path for f in self.usable}
        return sorted(path for path, *_ in made_from if path not in usable)

    def fingerprint(self, interval: Interval) -> str:
        """Changes when a file with sessions of the interval comes, goes or changes."""
        return digest(repr(identities(self.of_interval(interval))))

    def rows(self, interval: Interval) -> int:
        """Sessions landed in the interval, before any is found invalid or landed twice."""
        return sum(f.rows.get(interval.key, 0) for f in self.files)

    @property
    def set_aside(self) -> list[LandedFile]:
        return [f for f in self.files if f.problem]

    def problems(self) -> list[str]:
        """What landed and is in no interval, in words: files set aside, and rows that belong to none."""
        return [f.problem for f in self.files if f.problem] + [
            f"{f.path} has {f.rows[None]:,} rows of no interval, kept in quarantine/{f.strays_folder}: "
            + ", ".join(f"{reason} ({rows:,})" for reason, rows in sorted(f.strays.items(), key=_rare_last))
            for f in self.files
            if f.rows.get(None)
        ]

    @property
    def usable(self) -> list[LandedFile]:
        return [f for f in self.files if not f.problem]

    def first_key(self) -> str | None:
        """The key of the first interval with data; None when nothing landed."""
        return min((key for f in self.files for key in f.rows if key), default=None)


def _rare_last(reason_and_rows: tuple[str, int]) -> tuple[int, str]:
    reason, rows = reason_and_rows
    return -rows, reason


def identities(files: Iterable[LandedFile]) -> list[FileIdentity]:
    """What tells files from others, and from earlier files of the same name."""
    return [f.identity for f in files]


def load(path: Path, rules: str) -> list[LandedFile]:
    """The files of an index; none where it is missing, broken, or made under rules of another digest."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):  # none, or a damaged one: all that it says can be read again
        return []
    if (table.schema.metadata or {}).get(_RULES_KEY) != rules.encode():
        return []
    files: dict[str, LandedFile] = {}
    for row in table.to_pylist():
        identity = row["path"], row["size"], row["modified_ns"]
        file = files.get(row["path"], LandedFile(*identity, row["schema_digest"], {}, row["problem"]))
        key, reason, rows = row["interval_start"], row["stray_reason"], row["rows"]
        counted = {key: file.rows.get(key, 0) + rows} if rows else {}
        strays = {reason: rows} if reason else {}
        files[row["path"]] = replace(file, rows={**file.rows, **counted}, strays={**file.strays, **strays})
    return list(files.values())


def store(path: Path, rules: str, files: Iterable[LandedFile]) -> None:
    """Write an index, whole or not at all."""
    records = [
        (*f.identity, f.schema_digest, key, rows, f.problem, reason) for f in files for key, reason, rows in _counts(f)
    ]
    lines = [dict(zip(_SCHEMA.names, record, strict=True)) for record in records]
    table = pa.Table.from_pylist(lines, _SCHEMA).replace_schema_metadata({_RULES_KEY: rules.encode()})
    content = pa.BufferOutputStream()
    pq.write_table(table, content)
    write_whole(path, content.getvalue().to_pybytes())


def _counts(file: LandedFile) -> list[tuple[str | None, str | None, int]]:
    """Its rows by interval key, or by the reason why they have none; one line with 0 for a file without rows."""
    counts: list[tuple[str | None, str | None, int]] = [(key, None, rows) for key, rows in file.rows.items() if key]
    counts += [(None, reason, rows) for reason, rows in file.strays.items()]
    return counts or [(None, None, 0)]
