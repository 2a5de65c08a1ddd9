"""Landed files on disk: which there are, and what keeps one from being read. Not here: what they must hold."""

import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISLNK, S_ISREG

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import LandingError
from flywheel_assets.warehouse.files import FileIdentity


def present(folder: Path) -> list[FileIdentity]:
    """The parquet files of a folder, by name. A link that leads nowhere is included, so that it gets reported. Raises
    LandingError when the folder does not exist or cannot be listed."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        raise LandingError(
            f"there is no landing folder at {folder}: create it and put parquet files there, or set "
            "FLYWHEEL_LANDING_DIR to where they are"
        ) from None
    except OSError as error:
        raise LandingError(f"the landing folder {folder} cannot be listed: {reason(error)}; make it readable") from None
    found = []
    for entry in entries:
        if entry.name.lower().endswith(".parquet"):
            with suppress(FileNotFoundError):  # it vanished since
                stat = _stat(entry)
                if S_ISREG(stat.st_mode) or S_ISLNK(stat.st_mode):
                    found.append((entry.name, stat.st_size, stat.st_mtime_ns))
    return sorted(found)


def damage(path: Path) -> str | None:
    """Why not all rows of a file can be read, naming it and the column; None when they can. Reads all of it."""
    said = f"{path.name} is damaged"
    try:
        for column in pq.read_schema(path).names:
            said = f"{path.name} is damaged in column {column!r}"
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


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    """Of what an entry leads to; of itself where that is nowhere, a circle, or a folder that may not be entered."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)
