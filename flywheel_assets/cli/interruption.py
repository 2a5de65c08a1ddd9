"""Ctrl-C and TERM: once, a command finishes what it is at and stops; twice, it ends now."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import click

EXIT_CODE = 130
"""As shells have it for a process that Ctrl-C ended."""

Result = TypeVar("Result")


def until_interrupted(work: Callable[[threading.Event], Result], finishing: str) -> Result:
    """What ``work`` returns. It is given an event that the first signal sets, and looks at it between pieces of work;
    ``finishing`` says what is finished first. The second signal ends the process, and what is half written is left in
    staging.

    The work is done in another thread: in the main one Dagster handles signals itself, and fails the step that is under
    way."""
    stopping = threading.Event()

    def stop(number: int, frame: object) -> None:
        if stopping.is_set():
            os._exit(EXIT_CODE)
        stopping.set()
        click.echo(f"\nstopping: {finishing} first. Press Ctrl-C again to end now.", err=True)

    with _handled(stop), ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, stopping)
        while not future.done():  # a wait without end would not let the handler run
            wait([future], 0.2)
        return future.result()


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
