"""Runs whose process died without reporting it. Dagster's monitoring doesn't see them where runs are processes of this
machine, and one that stays "started" for ever would hold its interval for ever."""

import os
import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil

from flywheel_assets.orchestration.jobs import SYSTEM_TAG

PROCESS_TAG = ".dagster/flywheel_process"
"""Where a run is: machine, process and when that process began, so that its number, given out again, is another's. The
UI shows no tags that begin as this one does: it is for nobody to read."""

TAGGED_AFTER = timedelta(minutes=1)
"""A run records where it runs a moment after it starts; one that has not after this long was killed before it could."""

CLOCK_STEP_SECONDS = 60
"""A process's start time is computed from the clock, and moves with it."""


MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
MACHINE_ID_LENGTH = 32

PID_NAMESPACE, PID_NAMESPACE_OF_THE_HOST = Path("/proc/self/ns/pid"), 0xEFFFFFFC
"""Of Linux. Processes in a container have another one, with numbers of its own."""

NODE_CAN_CHANGE = 0b11 << 40
"""The bits of a network address that say that it is none of the hardware's: a random or a private one."""


def this_machine() -> str:
    """What tells this machine from others and stays when its host name changes: the id of its system, or its network
    address. In a container the host name, which stays as long as the container; the id may be that of its image."""
    with suppress(OSError):
        if PID_NAMESPACE.stat().st_ino != PID_NAMESPACE_OF_THE_HOST:
            return socket.gethostname()
    for path in MACHINE_ID_FILES:
        with suppress(OSError):
            found = path.read_text().strip()
            if len(found) == MACHINE_ID_LENGTH:
                return found
    node = uuid.getnode()
    return socket.gethostname() if node & NODE_CAN_CHANGE else f"{node:012x}"


def this_process() -> str:
    """The tag's value for a run of this process."""
    return f"{this_machine()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_gone(process: str) -> bool:
    """Whether a process of this machine has ended; False for one of another machine, about which nothing is known."""
    machine, pid, began = process.rsplit("/", 2)
    if machine not in (this_machine(), socket.gethostname()):  # earlier versions recorded the host name
        return False
    try:
        found = psutil.Process(int(pid))
        another = abs(found.create_time() - float(began)) > CLOCK_STEP_SECONDS
        return another or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end_abandoned_runs(instance: dg.DagsterInstance, now: datetime | None = None) -> list[str]:
    """Report the runs whose process is gone as failed, and return their ids. The daemon then starts those that it
    launched again; one of `flywheel run` waits for the next `flywheel run`."""
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=list(_ON_A_PROCESS)))
    abandoned = [r.dagster_run for r in unfinished if _is_abandoned(instance, r, now or datetime.now(UTC))]
    for run in abandoned:
        instance.report_run_failed(
            run, "The process of this run ended without reporting a result; it was probably killed."
        )
    return [run.run_id for run in abandoned]


def keys_of(runs: Iterable[dg.DagsterRun], tag: str) -> set[str]:
    """The values of a tag among runs."""
    return {run.tags[tag] for run in runs if tag in run.tags}


def _is_abandoned(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    run = record.dagster_run
    process = run.tags.get(PROCESS_TAG)
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id and process else None
    if process and not (parent and parent.tags.get(PROCESS_TAG) == process):  # a retry begins with its parent's tags
        return is_gone(process)
    launched = run.remote_job_origin is not None
    if SYSTEM_TAG not in run.tags or (launched and run.status in _STILL_DAGSTERS):
        return False
    return now - record.update_timestamp.astimezone(UTC) > TAGGED_AFTER


_STILL_DAGSTERS = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
"""What a launched run is in until its process says otherwise; run monitoring has a time limit for these."""

_ON_A_PROCESS = (*_STILL_DAGSTERS, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
