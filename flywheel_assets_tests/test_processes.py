"""What tests rely on when a process of theirs doesn't end: it is told of, and nothing of it stays."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel_assets_tests.processes import Running, StillThereError, wait_until

PARENT = """if True:
    import subprocess, time
    def waits_for_ever():
        with open("held", "w"):
            subprocess.Popen(["tail", "-F", "held"])
            print("started", flush=True)
            time.sleep(1000)
    waits_for_ever()
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running([sys.executable, "-c", PARENT], tmp_path, os.environ, tmp_path / "output.log")
    wait_until(lambda: "started" in running.said(), 60)
    yield running
    running.kill()


def test_a_time_out_tells_what_each_process_holds_and_where_it_is_and_ends_all(running: Running) -> None:
    family = [member.pid for member in running.members()]
    with pytest.raises(StillThereError) as told:
        running.wait(0.1)

    message = str(told.value)
    for pid, command in zip(family, ("-c if True", "tail -F"), strict=True):
        assert f"process {pid}\ncommand: " in message
        assert command in message
    assert f"{running.output.parent / 'held'}\n" in message
    assert "in waits_for_ever\n" in message, "the stack in Python"
    assert "waits in: " in message
    assert "its output:\nstarted\n" in message
    assert running.members() == []


def test_what_a_killed_process_started_goes_with_it_even_when_its_parent_is_gone(running: Running) -> None:
    running.process.kill()  # alone: `tail` goes on, and is nobody's child any longer
    running.process.wait(60)
    (orphan,) = running.members()
    assert orphan.name() == "tail"
    running.kill()

    assert running.members() == []
