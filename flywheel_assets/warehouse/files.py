"""Writing whole files, and locks: what several processes that share a folder need.

A file is written aside, brought to the disk, and renamed to its name: a reader sees the old one or the new one, whoever
is killed and whenever, and after a power cut too."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STAGING = "_staging"
"""The folder beside a folder's content in which files are written before they get their names."""


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty folder in the staging of ``folder``, gone afterwards with all that was not put in its place."""
    inside = folder / STAGING / uuid.uuid4().hex
    inside.mkdir(parents=True)
    try:
        yield inside
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def put(staged: Path, path: Path) -> None:
    """Rename a finished file to the name that readers look for, on the same file system. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _to_disk(staged)
    staged.replace(path)
    _to_disk(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of a few bytes, whole or not at all, from beside its place. Raises OSError."""
    write_all({path: content})


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several, all of them aside before any gets its name. Raises OSError, and then none has it."""
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            staged[path] = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            staged[path].write_bytes(content)
        for path, aside in staged.items():
            put(aside, path)
    finally:
        for aside in staged.values():
            aside.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock, one process at a time. Waits without bound, after calling ``on_wait``; the system releases it when
    the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
