"""Processes that tests start: each writes to a file, leads a session of its own, is waited for with an end, and is
killed with all that it started. On a time-out it tells what each of them is doing.

Not to a pipe: that stays open for as long as anything holds it. Dagster mirrors the output of a run by a `tail -F` of
its own; one that is started between a look at the family and the kill of its parent lives for ever, and holds it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ENDS_SECONDS = 60
"""How long what was killed may take to be gone."""

IN_EVERY_PYTHON = """import faulthandler, os, signal
from pathlib import Path

# Started in the background by a shell, tests may ignore INT, and a Dagster that inherits this would never stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
stacks = Path(__file__).with_name(f"{os.getpid()}.stacks").open("w")
faulthandler.register(signal.SIGUSR1, file=stacks)
"""
"""A `sitecustomize` module, which each Python that a process starts runs too."""


class StillThereError(AssertionError):
    """A process, or one that it started, has not ended in time; the message tells what each of them is doing."""


class Running:
    """A process in ``folder``, started. Its output, and that of all that it starts, is appended to ``output``."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path) -> None:
        self.command, self.output = " ".join(command), output
        self.stacks = folder / ".stacks"
        self.stacks.mkdir(exist_ok=True)
        (self.stacks / "sitecustomize.py").write_text(IN_EVERY_PYTHON)
        paths = [str(self.stacks), *filter(None, [environment.get("PYTHONPATH")])]
        with output.open("a") as file:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait(self, seconds: float) -> int:
        """The code that it ends with. Where it doesn't in so long, it is killed, and StillThereError raised."""
        self.wait_until(lambda: self.process.poll() is not None, seconds)
        return self.process.wait()

    def wait_until(self, condition: Callable[[], Any], seconds: float, every_seconds: float = 0.1) -> None:
        """Until something is so. Where it isn't in so long, the process is killed, and StillThereError raised."""
        try:
            wait_until(condition, seconds, every_seconds)
        except TimeoutError as error:
            told = self.account()
            self.kill()
            raise StillThereError(f"{self.command}: {error}\n{told}") from None
        except BaseException:  # the test's own time is up, or somebody stopped it
            self.kill()
            raise

    def stop(self) -> None:
        """TERM, so that it takes its children along, and KILL for whatever is left after 30 s."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.kill()

    def kill(self) -> None:
        """KILL, at once, for it and all that it started; they are gone when this returns."""
        deadline = time.monotonic() + ENDS_SECONDS
        while members := self.members():
            if time.monotonic() > deadline:
                raise StillThereError(f"{self.command}: not gone {ENDS_SECONDS} s after KILL\n{self.account()}")
            for member in members:
                with suppress(ProcessLookupError):
                    os.killpg(os.getpgid(member.pid), signal.SIGKILL)
            time.sleep(0.02)
        self.process.wait(ENDS_SECONDS)

    def killed_after(self, seconds: float) -> bool:
        """Whether it was still there to be killed after so long."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return False
        self.kill()
        return True

    def members(self) -> list[psutil.Process]:
        """The processes of its session. Zombies hold nothing, and are not among them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def account(self) -> str:
        """Of each process of the session: command, status, open files, where it waits, and its stacks."""
        members = self.members()
        for member in members:
            if self._stacks(member).exists():  # any other is ended by this signal
                with suppress(psutil.NoSuchProcess):
                    member.send_signal(signal.SIGUSR1)
        with suppress(TimeoutError):
            wait_until(lambda: all(s.stat().st_size for s in map(self._stacks, members) if s.exists()), 5)
        return "\n".join([*map(self._account, members), f"its output:\n{self.said()[-5000:]}"])

    def _stacks(self, process: psutil.Process) -> Path:
        return self.stacks / f"{process.pid}.stacks"

    def _account(self, process: psutil.Process) -> str:
        of = Path("/proc") / str(process.pid)
        facts = {
            "command": lambda: " ".join(process.cmdline()),
            "parent": process.ppid,
            "status": process.status,
            "waits in": (of / "wchan").read_text,
            "kernel stack": (of / "stack").read_text,
            "open files": lambda: "".join(f"\n  {fd.name} {fd.readlink()}" for fd in sorted((of / "fd").iterdir())),
            "Python stacks": self._stacks(process).read_text,
        }
        return "\n".join([f"process {process.pid}", *(f"{name}: {_tried(fact)}" for name, fact in facts.items())])


def wait_until(condition: Callable[[], Any], seconds: float, every_seconds: float = 0.1) -> float:
    """The seconds until it held; raises TimeoutError when it doesn't in the given time."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"not within {seconds} s: {getattr(condition, '__name__', condition)}")
        time.sleep(every_seconds)
    return time.monotonic() - started


def _tried(fact: Callable[[], Any]) -> Any:
    try:
        return fact()
    except (psutil.Error, OSError) as error:
        return f"not to be had ({type(error).__name__})"
