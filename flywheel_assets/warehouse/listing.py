"""Files of a folder into which others put them: which there are, whether their content is the same, and what keeps one
from being read. Not here: what they must hold."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import FlywheelError

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z")
_NOT_UTF_8 = "the name is not UTF-8. Rename it"
_NAMED = 3
"""So many of the files that are not read for one reason are named; the rest is counted."""


@dataclass(frozen=True)
class FolderKind:
    """What a folder is called in messages, the setting that says where it is, the endings of the names of files that
    are read there, what to do about others, and the error that it raises."""

    name: str
    setting: str
    endings: tuple[str, ...]
    convert: str
    error: type[FlywheelError]


class FileStat(NamedTuple):
    """A file of a folder, by its path inside of it. ``changed_ns`` is when the system last saw it change: a
    copy may bring an old ``modified_ns``, but not that. Not the inode: network file systems make a new one at each
    look."""

    path: str
    size: int
    modified_ns: int
    changed_ns: int


@dataclass
class Listing:
    """What is in a landing folder. ``not_read``: files and folders that cannot be landed, with the reason, which
    follows "is not read: "."""

    files: list[FileStat] = field(default_factory=list)
    not_read: dict[str, str] = field(default_factory=dict)


def listing(folder: Path, kind: FolderKind, own: Path) -> Listing:
    """The files of a folder and its sub-folders, by name. Passed over are names that begin with a dot or an underscore,
    which mark what is not data (``_SUCCESS``, ``_temporary``, ``.part-0.crc``), unless they are those of files that are
    read; and the folder ``own``, if it is inside. A link that leads nowhere is included, so that it gets reported.
    Raises the error of the ``kind`` when the folder does not exist or cannot be listed."""
    found = Listing()
    root = folder.resolve()
    waiting = [("", folder, frozenset([root]))]
    own = own.resolve()
    while waiting:
        prefix, current, inside = waiting.pop()
        try:
            entries = list(os.scandir(current))
        except OSError as error:
            if not prefix:
                raise _unlistable(folder, kind, error) from None
            if not isinstance(error, FileNotFoundError):  # it vanished since
                found.not_read[prefix[:-1]] = f"the folder cannot be listed ({reason(error)}). Make it readable"
            continue
        for entry in entries:
            name = prefix + entry.name
            hidden = entry.name.startswith((".", "_"))
            why = name_problem(entry.name, kind)
            if why == _NOT_UTF_8:
                found.not_read[escaped(name)] = why
            elif _is_folder(entry):
                place = Path(entry.path).resolve()
                if hidden or place == own:
                    continue
                target = place if entry.is_symlink() else None
                if target and any(path.is_relative_to(target) for path in {*inside, current.resolve()}):
                    found.not_read[name] = "the link leads to a folder that it is in. Remove the link"
                else:
                    waiting.append((f"{name}/", Path(entry.path), inside | {target} if target else inside))
            elif why is None:
                _add(found, name, entry)
            elif not hidden:
                found.not_read[name] = why
    found.files.sort()
    return found


def stat(folder: Path, name: str) -> FileStat:
    """One file as :func:`listing` has it. Raises OSError."""
    return _file_stat(name, (folder / name).stat())


def sentences(not_read: Mapping[str, str]) -> Iterator[str]:
    """What is not read, in words: one sentence per reason and kind of file."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, why in sorted(not_read.items()):
        kinds[why, Path(path).suffix.lower()].append(path)
    for (why, _), paths in kinds.items():
        more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
        yield f"{', '.join(paths[:_NAMED])}{more} {'are' if paths[1:] else 'is'} not read: {why}"


def name_problem(name: str, kind: FolderKind) -> str | None:
    """Why a file of that name is not read, as in :class:`Listing`; None for one that is."""
    if not name.isascii() and escaped(name) != name:
        return _NOT_UTF_8
    if name.lower().endswith(kind.endings):
        return None
    if name.lower().endswith(_COMPRESSED):
        return "it is compressed. Unpack first"
    *others, last = kind.endings
    return f"only {', '.join(others)} and {last} files are. {kind.convert}, or move out of the {kind.name}"


def escaped(name: str) -> str:
    """A name as it can be printed and stored: bytes that are no UTF-8 as in ``caf\\xe9.parquet``."""
    return os.fsencode(name).decode(errors="backslashreplace")


def content_digest(path: Path) -> str:
    """A digest of all that is in a file, empty where it cannot be read. Not of the footer alone: a value that is
    corrected may leave size, counts, minimum and maximum as they were."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError:
        return ""


def damage(path: Path, name: str) -> str | None:
    """Why not all rows of a parquet file can be read, by its name and the column; None when they can. Reads all of
    it."""
    said = f"{name} is damaged"
    try:
        for column in pq.read_schema(path).names:
            said = f"{name} is damaged in column {column!r}"
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=[column]):
                    batch.validate(full=True)  # text that is not UTF-8
    except (pa.ArrowException, OSError) as error:
        return f"{said}: {reason(error)}; replace or remove it"
    return None


def unreadable(path: str, error: Exception) -> str:
    """The message about a file whose footer or ids could not be read."""
    if isinstance(error, OSError) and error.errno:
        return f"{path} cannot be opened: {reason(error)}; make it readable, or remove it"
    return f"{path} is not readable as parquet: {reason(error)}; replace or remove it"


def reason(error: Exception) -> str:
    """The first line of an error's message; for a system error only its name, since the path is known."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _unlistable(folder: Path, kind: FolderKind, error: OSError) -> FlywheelError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return kind.error(
            f"there is no {kind.name} at {folder}: create it and put {kind.endings[0].removeprefix('.')} files there, "
            f"or set {kind.setting} to where they are"
        )
    return kind.error(f"the {kind.name} {folder} cannot be listed: {reason(error)}; make it readable")


def _add(found: Listing, name: str, entry: os.DirEntry[str]) -> None:
    try:
        stat = _stat(entry)
    except FileNotFoundError:  # it vanished since
        return
    if S_ISREG(stat.st_mode) or S_ISLNK(stat.st_mode):
        found.files.append(_file_stat(name, stat))
    else:
        found.not_read[name] = "it is not a file with content. Remove it"


def _file_stat(name: str, stat: os.stat_result) -> FileStat:
    return FileStat(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that may not be entered
        return False


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    """Of what an entry leads to; of itself where that is nowhere, a circle, or a folder that may not be entered."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)
