"""What a command takes as a whole process: time, processor time, memory."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CommandError(Exception):
    """A command that was measured failed; the message ends with what it printed."""


@dataclass(frozen=True)
class Spent:
    """``cpu_seconds`` are user and system, of all threads and of the processes that it waited for; ``peak_mb`` (of a
    million bytes) is the most memory that the largest of these processes held. It is never less than what the caller
    holds, which the system counts for the moment before the command begins."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def spent(command: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None) -> Spent:
    """Run a command in a folder, under ``settings`` and none of the caller's own. Raises CommandError."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FLYWHEEL_", "DAGSTER_"))}
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, **(settings or {})}, stdout=printed, stderr=subprocess.STDOUT
        )
        # Not process.wait: only this one says what the process used.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            said = printed.read().decode(errors="replace")[-4000:]
            raise CommandError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{said}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
