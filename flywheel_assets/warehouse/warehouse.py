"""The warehouse: one parquet file per table and interval, seen whole or not at all, that knows what it was made from.

Not here: what the tables mean (`tables`) and who makes them when (`orchestration`)."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.contract import PARTITION
from flywheel_assets.tables.generation import Generation
from flywheel_assets.warehouse.engine import BatchFunction, Engine, footer
from flywheel_assets.warehouse.files import STAGING, locked, put, staging

EXPORTS = {"enriched_export": "sessions", "user_export": "users", "engagement_export": "engagement"}
"""Tables that leave the warehouse as one readable file each, and what their file names begin with."""

LOCKS = "_locks"
CONVERTED_EVENTS = "_events"
OTHERS = (
    "exports", "reports", "csv", "segments", "engagement", "quarantine", "_compiled", CONVERTED_EVENTS, STAGING,
    "landing_index.parquet", "events_index.parquet", "grid.json",
)  # fmt: skip
"""What a warehouse holds beside tables of intervals, and locks."""

STALE_STAGING_SECONDS = 24 * 3600

_GENERATION_KEY = "flywheel.generation"


@dataclass(frozen=True)
class Written:
    """A table of an interval as written. ``seconds`` is the time to make and write it."""

    path: Path
    rows: int
    bytes: int
    seconds: float
    generation: Generation | None


class Warehouse:
    """All tables under one folder, read and written through one engine."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self._footers: dict[Path, tuple[tuple[int, int, int], tuple[int, dict[str, str]]]] = {}

    def path(self, table: str, interval: Interval) -> Path:
        """Where the file of a table and interval is, or would be."""
        if table in EXPORTS:
            name = f"{EXPORTS[table]}_interval_{interval.number:03d}_{interval.first_day}_{interval.last_day}.parquet"
            return self.folder / "exports" / name
        return self.folder / table / f"{PARTITION}={interval.key}" / "part-0.parquet"

    def exists(self, table: str, interval: Interval) -> bool:
        return self.path(table, interval).is_file()

    def read(self, table: str, interval: Interval) -> ir.Table:
        """The table's rows of the interval. Raises NotMaterializedError, also for a file that cannot be read."""
        path, named = self.path(table, interval), f"{table} of interval {interval.key} ({interval.dates})"
        command = f"flywheel run --from {interval.key} --to {interval.key}"
        if not self.exists(table, interval):
            raise NotMaterializedError(
                f"{named} has not been materialized: no file at {path}. Materialize that interval first: {command}"
            )
        if self.rows(table, interval) is None:
            raise NotMaterializedError(
                f"{named} cannot be read: {path} is no whole parquet file. Materialize that interval again: {command}"
            )
        return self.engine.read([path])

    def keys(self, table: str) -> list[str]:
        """The keys of the intervals that the table is there for, oldest first."""
        files = (self.folder / table).glob(f"{PARTITION}=*/part-0.parquet")
        return sorted(path.parent.name.partition("=")[2] for path in files)

    def rows(self, table: str, interval: Interval) -> int | None:
        """How many rows it has, from the footer; None when it is not there or cannot be read."""
        try:
            return self._footer(self.path(table, interval))[0]
        except (OSError, pa.ArrowException):
            return None

    def generation(self, table: str, interval: Interval) -> Generation | None:
        """What it was made from; None when it is not there or was not written here."""
        text = self.note(table, interval, _GENERATION_KEY)
        return Generation.from_json(text) if text else None

    def note(self, table: str, interval: Interval, name: str) -> str | None:
        """A note that was written with the table; None when it or the table is not there, or the file is damaged."""
        try:
            return self._footer(self.path(table, interval))[1].get(name)
        except (OSError, pa.ArrowException):
            return None

    def write(
        self,
        table: str,
        interval: Interval,
        rows: ir.Table,
        generation: Generation,
        notes: Mapping[str, str] | None = None,
        before_replacing: Callable[[], None] = lambda: None,
    ) -> Written:
        """Make the table of the interval anew from an expression. ``notes`` stay with it, see :meth:`note`. What
        ``before_replacing`` raises leaves the old table in place."""

        def write(path: Path, metadata: Mapping[str, str]) -> int:
            written = self.engine.write(rows, path, {**metadata, **(notes or {})})
            before_replacing()
            return written

        written = self._replace(self.path(table, interval), generation, write)
        if table in EXPORTS:  # under another first interval it had another number, and a glob would read both
            for path in (self.folder / "exports").glob(f"{EXPORTS[table]}_interval_*_{interval.first_day}_*.parquet"):
                if path != written.path:
                    path.unlink(missing_ok=True)
        return written

    def write_mapped(
        self,
        table: str,
        interval: Interval,
        rows: ir.Table,
        function: BatchFunction,
        schema: Callable[[pa.Schema], pa.Schema],
        generation: Generation,
        before_replacing: Callable[[Path], None] = lambda staged: None,
    ) -> Written:
        """Make the table of the interval anew by streaming an expression through a function of Arrow batches.
        ``before_replacing`` is given the new file while the old one is in its place; what it raises leaves it there."""

        def write(path: Path, metadata: Mapping[str, str]) -> int:
            written = self.engine.write_mapped(rows, function, schema, path, metadata)
            before_replacing(path)
            return written

        return self._replace(self.path(table, interval), generation, write)

    def keep(
        self,
        table: str,
        interval: Interval,
        rows: pa.Table,
        generation: Generation | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Written:
        """Put a few rows that are at hand in the place of the table's, with ``generation`` and ``notes`` as
        :meth:`write` has them."""

        def write(path: Path, metadata: Mapping[str, str]) -> int:
            pq.write_table(rows.replace_schema_metadata({**metadata, **(notes or {})}), path)
            return rows.num_rows

        return self._replace(self.path(table, interval), generation, write)

    def remove(self, table: str, interval: Interval) -> None:
        """Delete the table of the interval, if it is there."""
        self.path(table, interval).unlink(missing_ok=True)

    def made(self, interval: Interval) -> list[Path]:
        """All that was made of the interval: folders of its tables and of quarantine, exports, pages and CSV files."""
        tables = self.folder.glob(f"*/{PARTITION}={interval.key}")
        exports = self.folder.glob(f"exports/*_interval_*_{interval.first_day}_*.parquet")
        pages = self.folder.glob(f"reports/*_*_{interval.first_day}_*.html")
        return sorted([*tables, *exports, *pages, *self.folder.glob(f"csv/*_{interval.key}.csv")])

    def forget(self, interval: Interval) -> None:
        """Delete all that was made of the interval, and the CSV copies of all intervals, which hold rows of it and are
        made again. The CSV files of other intervals stay: only their own interval makes them. Its lock is the caller's
        to hold."""
        copies = {*self.folder.glob("csv/*")} - {*self.folder.glob("csv/*_????-??-??.csv")}
        for path in [*self.made(interval), *copies]:
            _delete(path)

    def clear(self) -> None:
        """Delete what a warehouse holds, and nothing else that somebody put into its folder. The locks stay: another
        process may wait for one."""
        tables = {path.parent for path in self.folder.glob(f"*/{PARTITION}=*")}
        tables |= {path for path in self.folder.iterdir() if path.is_dir() and not any(path.iterdir())}
        for path in [*tables, *(self.folder / name for name in OTHERS)]:
            _delete(path)

    def quarantine(self, folder: str, rows: ir.Table | None) -> int:
        """Keep rows that cannot be used in ``quarantine/<folder>``, in place of those kept there before, and return how
        many. None, like no rows, leaves no file."""
        path = self._quarantined(folder)
        kept = 0
        if rows is not None:
            kept = self._replace(path, None, lambda staged, metadata: self.engine.write(rows, staged, metadata)).rows
        if not kept:
            self.release(folder)
        return kept

    def release(self, folder: str) -> None:
        """Delete what is kept in ``quarantine/<folder>``, if anything is."""
        shutil.rmtree(self._quarantined(folder).parent, ignore_errors=True)

    def quarantined_rows(self, interval: Interval) -> int:
        path = self._quarantined(f"{PARTITION}={interval.key}")
        return footer(path)[0] if path.is_file() else 0

    @contextmanager
    def lock(self, interval: Interval, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the interval's lock, so that one process at a time writes it. See :func:`locked`."""
        with locked(self.lock_path(interval.key), on_wait):
            yield

    def lock_path(self, name: str) -> Path:
        """Where the lock of that name is."""
        return self.folder / LOCKS / name

    def replace(self, path: Path, write: Callable[[Path], int]) -> Written:
        """Put a file of the warehouse in its place: a reader sees the old one or the new one. ``write`` is given where
        to write it, in staging, and returns its rows."""
        started = time.monotonic()
        with staging(self.folder) as folder:
            staged = folder / path.name
            rows = write(staged)
            size = staged.stat().st_size
            put(staged, path)
        return Written(path, rows, size, time.monotonic() - started, None)

    def sweep(self) -> None:
        """Delete what a killed process left in staging, once it is too old to be still being written."""
        for path in (self.folder / STAGING).glob("*"):
            with suppress(FileNotFoundError):  # whoever wrote it finished meanwhile
                if time.time() - path.stat().st_mtime > STALE_STAGING_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    def _footer(self, path: Path) -> tuple[int, dict[str, str]]:
        """Rows and metadata of the file that is there now. Kept, because a tick of a sensor asks for those of a whole
        history once for each interval after them."""
        found = path.stat()
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        kept = self._footers.get(path)
        if kept is None or kept[0] != state:
            kept = self._footers[path] = (state, footer(path))
        return kept[1]

    def _quarantined(self, folder: str) -> Path:
        return self.folder / "quarantine" / folder / "part-0.parquet"

    def _replace(
        self, path: Path, generation: Generation | None, write: Callable[[Path, Mapping[str, str]], int]
    ) -> Written:
        metadata = {_GENERATION_KEY: generation.to_json()} if generation else {}
        return replace(self.replace(path, lambda staged: write(staged, metadata)), generation=generation)


def _delete(path: Path) -> None:
    """A folder or a file, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
