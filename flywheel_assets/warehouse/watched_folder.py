"""A folder into which others put files, and its index in the warehouse: which files there are, how many rows they have
of what, and which cannot be used. The index follows the folder: only new or changed files are read, never written."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import ibis.expr.types as ir

from flywheel_assets.errors import SettingsError
from flywheel_assets.warehouse import file_index
from flywheel_assets.warehouse import listing as listed
from flywheel_assets.warehouse.file_index import FileIndex, LandedFile
from flywheel_assets.warehouse.listing import FileStat, FolderKind
from flywheel_assets.warehouse.warehouse import Warehouse


class WatchedFolder(ABC):
    """A folder of one ``kind``. ``rules_digest`` is of what decides which files can be used and how their rows are
    counted: an index that was made under other rules is made again. ``index_name`` is its file in the warehouse;
    ``strays_prefix`` begins the names of the folders in quarantine with rows of no interval."""

    kind: ClassVar[FolderKind]
    index_name: ClassVar[str]
    strays_prefix: ClassVar[str]

    def __init__(self, folder: Path, warehouse: Warehouse, rules_digest: str) -> None:
        self.folder = folder
        self._rules_digest = rules_digest
        self.warehouse = warehouse
        self._engine = warehouse.engine
        self._index_path = warehouse.folder / self.index_name

    @abstractmethod
    def _inspected(self, file: LandedFile) -> LandedFile:
        """The file with its schema judged: with a ``schema_digest``, or the ``problem`` that it has."""

    @abstractmethod
    def _counts(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """The files with their rows counted. Raises an error of the engine's ``read_errors`` where one is damaged."""

    @abstractmethod
    def _strays(self, file: LandedFile) -> ir.Table:
        """The rows of a file that are of no interval, with the reason."""

    def readable(self, file: LandedFile) -> Path:
        """The parquet file with the rows of a file."""
        return self.folder / file.path

    def index(self, settled_before: datetime | None = None, most: int | None = None) -> FileIndex:
        """The index of the folder as it is now. Raises the error of its kind when there is no such folder.

        ``settled_before``: files modified since are left out as young. ``most``: of new and changed files no more than
        so many are read, the oldest first, and the rest is left for the next time. A file without a readable schema is
        tried each time: what failed may have been the machine.

        The stored index keeps what it had of files that are gone, young or unread, so that they are the same files when
        they are back, or were only touched."""
        stored = file_index.load(self._index_path, self._rules_digest)
        young_ns = settled_before.timestamp() * 1e9 if settled_before else float("inf")
        listing = listed.listing(self.folder, self.kind, self.warehouse.folder)
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
                file_index.store(self._index_path, self._rules_digest, (stored | present).values())
            except OSError as error:
                raise self._unwritable(error) from None
        return FileIndex(
            tuple(sorted(known + looked_at, key=lambda f: f.path)),
            young=tuple(s.path for s in listing.files if s.modified_ns >= young_ns),
            unread=tuple(s.path for s in new[most:]) if most is not None else (),
            not_read=listing.not_read,
            strays_prefix=self.strays_prefix,
        )

    def look_at(self, name: str) -> LandedFile:
        """One file of the folder as the index would have it; nothing is written."""
        why = listed.name_problem(name, self.kind)
        if why:
            shown = listed.escaped(name)
            return LandedFile(shown, 0, 0, problem=next(listed.sentences({shown: why})))
        file = self._inspected(self._seen(listed.stat(self.folder, name), None))
        return file if file.problem else self._counted([file])[0]

    @contextmanager
    def unchanged(self, files: Sequence[LandedFile]) -> Iterator[None]:
        """When making a table from files fails, says which file changed or is damaged, or that the warehouse cannot be
        written, instead of the engine's own message."""
        try:
            yield
        except self._engine.read_errors as error:
            self.verify(files)
            damage = next(filter(None, (listed.damage(self.readable(f), f.path) for f in files)), None)
            if damage:
                raise self.kind.error(f"{damage}, in {self.folder}, then run the interval again") from None
            raise self._unwritable(error) from None

    def verify(self, files: Sequence[LandedFile]) -> None:
        """Raises the error of the folder's kind when one of the files is no longer what was indexed."""
        for file in files:
            try:
                stat = listed.stat(self.folder, file.path)
            except OSError:
                stat = None
            if stat is None or (stat != file.stat and self._seen(stat, file).identity != file.identity):
                raise self.kind.error(f"{file.path} changed while it was read; run the interval again")

    def _seen(self, stat: FileStat, before: LandedFile | None) -> LandedFile:
        return LandedFile.seen(stat, listed.content_digest(self.folder / stat.path), before)

    def _counted(self, files: Sequence[LandedFile]) -> list[LandedFile]:
        """The files with their rows counted; one whose rows cannot be read hides no other."""
        if not files:
            return []
        try:
            return self._counts(files)
        except self._engine.read_errors as error:
            if len(files) > 1:
                half = len(files) // 2
                return self._counted(files[:half]) + self._counted(files[half:])
            # Without a digest it is tried again at the next look: what failed may have been the machine.
            return [replace(files[0], schema_digest="", problem=listed.unreadable(files[0].path, error))]

    def _with_strays_kept(self, file: LandedFile) -> LandedFile:
        """Keep a new file's rows of no interval in place of those of the file that it replaces. Those of a file that
        vanished stay: they may be the last copy. A file whose rows cannot be read is set aside."""
        found = self._strays(file) if file.rows.get(None) else None
        try:
            self.warehouse.quarantine(file_index.strays_folder(self.strays_prefix, file), found)
        except self._engine.read_errors as error:
            self.verify([file])
            damage = listed.damage(self.readable(file), file.path)
            if damage is None:
                raise self._unwritable(error) from None
            return replace(file, rows={}, problem=damage)
        return file

    def _unwritable(self, error: Exception) -> SettingsError:
        return SettingsError(
            f"FLYWHEEL_WAREHOUSE_DIR is {self.warehouse.folder}, where what landed could not be written: "
            f"{listed.reason(error)}; make sure that there is space and permission to write, and run again "
            "(existing files are unchanged)"
        )
