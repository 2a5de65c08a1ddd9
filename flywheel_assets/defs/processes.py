"""Runs whose process died without a word. Dagster's monitoring doesn't see them where runs are processes of this
machine, and one that stays "started" for ever would hold its interval for ever."""

import os
import socket
from collections.abc import Iterable

import dagster as dg
import psutil

PROCESS_TAG = "flywheel/process"
"""Where a run is: machine, process and when that process began, so that its number, given out again, is another's."""


def this_process() -> str:
    """The tag's value for a run of this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_gone(process: str) -> bool:
    """Whether a process of this machine has ended; False for one of another machine, of which nothing is known."""
    host, pid, began = process.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(pid))
        return f"{found.create_time():.2f}" != began or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end_abandoned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report the runs whose process is gone as failed, and return their ids. The daemon then starts those that it
    launched again; one of `flywheel run` waits for the next `flywheel run`."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=list(_ON_A_PROCESS)))
    abandoned = [run for run in unfinished if PROCESS_TAG in run.tags and is_gone(run.tags[PROCESS_TAG])]
    for run in abandoned:
        instance.report_run_failed(run, "The process of this run ended without a word; it was probably killed.")
    return [run.run_id for run in abandoned]


def keys_of(runs: Iterable[dg.DagsterRun], tag: str) -> set[str]:
    """The values of a tag among runs."""
    return {run.tags[tag] for run in runs if tag in run.tags}


_ON_A_PROCESS = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
