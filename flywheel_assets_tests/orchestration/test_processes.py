"""Runs whose process is gone are ended; all others are left alone."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from flywheel_assets.orchestration import processes
from flywheel_assets.orchestration.jobs import INTERVAL_JOB, SYSTEM_TAG
from flywheel_assets.orchestration.processes import PROCESS_TAG, end_abandoned_runs, is_gone, this_machine, this_process

STARTED, QUEUED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED
LATER = timedelta(minutes=5)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="module")
def gone() -> str:
    """What a process that ended said of itself."""
    code = "from flywheel_assets.orchestration.processes import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run(
    instance: dg.DagsterInstance,
    process: str | None,
    status: dg.DagsterRunStatus = STARTED,
    ours: bool = True,
    parent: str | None = None,
    launched: bool = False,
) -> str:
    """A run in the record of runs, by its id: one of `flywheel run`, or one that the daemon launched."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("flywheel"), "__repository__")
    made = dg.DagsterRun(
        job_name=INTERVAL_JOB,
        status=status,
        tags=({PROCESS_TAG: process} if process else {}) | ({SYSTEM_TAG: "users"} if ours else {}),
        parent_run_id=parent,
        root_run_id=parent,
        remote_job_origin=RemoteJobOrigin(repository, INTERVAL_JOB) if launched else None,
    )
    instance.add_run(made)
    return made.run_id


def ended(instance: dg.DagsterInstance, after: timedelta = timedelta()) -> list[str]:
    return end_abandoned_runs(instance, datetime.now(UTC) + after)


def test_a_run_whose_process_is_gone_fails(instance: dg.DagsterInstance, gone: str) -> None:
    run_id = run(instance, gone)

    assert ended(instance) == [run_id]
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert ended(instance) == []


def test_a_run_of_a_living_process_is_left_however_long_it_takes(instance: dg.DagsterInstance) -> None:
    run(instance, this_process())

    assert ended(instance, timedelta(days=30)) == []


def test_a_run_of_another_machine_is_left(instance: dg.DagsterInstance, gone: str) -> None:
    run(instance, "elsewhere/" + gone.split("/", 1)[1])

    assert ended(instance, LATER) == []


def named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is called so from now on."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)


@pytest.fixture
def on_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is in no container, and its machine's id is in this file."""
    monkeypatch.setattr(processes, "PID_NAMESPACE", tmp_path / "none")
    monkeypatch.setattr(processes, "MACHINE_ID_FILES", (tmp_path / "missing", tmp_path / "machine-id"))
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    return tmp_path / "machine-id"


def ended_on(machine: str, gone: str) -> str:
    return f"{machine}/{gone.split('/', 1)[1]}"


def test_a_machine_whose_name_changed_still_knows_its_dead_runs(
    on_a_host: Path, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named("laptop.office", monkeypatch)
    process = ended_on(this_machine(), gone)
    named("laptop.home", monkeypatch)

    assert is_gone(process)
    assert not is_gone(this_process())


def test_a_machine_of_the_same_name_is_another_one(on_a_host: Path, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named("worker", monkeypatch)
    process = ended_on(this_machine(), gone)
    on_a_host.write_text("f" * 32)

    assert not is_gone(process)


def test_a_run_that_an_earlier_version_recorded_by_host_name_is_known(gone: str) -> None:
    assert is_gone(ended_on(socket.gethostname(), gone))


def test_a_container_is_known_by_its_name_whatever_the_id_in_its_image(
    on_a_host: Path, gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one image and one home: neither ends what runs in the other."""
    (tmp_path / "namespace").touch()
    monkeypatch.setattr(processes, "PID_NAMESPACE", tmp_path / "namespace")
    named("one", monkeypatch)
    process = ended_on(this_machine(), gone)
    assert is_gone(process)

    named("two", monkeypatch)
    assert not is_gone(process)


@pytest.mark.parametrize("content", ["", "uninitialized\n", None])
def test_a_machine_without_an_id_is_known_by_its_hardware_and_else_by_its_name(
    on_a_host: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    on_a_host.unlink() if content is None else on_a_host.write_text(content)
    named("laptop", monkeypatch)

    monkeypatch.setattr(uuid, "getnode", lambda: 0x001122334455)
    assert this_machine() == "001122334455"
    monkeypatch.setattr(uuid, "getnode", lambda: 0x021122334455)  # a private address, which changes
    assert this_machine() == "laptop"


def test_a_process_that_was_given_the_number_of_a_gone_one_is_another(instance: dg.DagsterInstance) -> None:
    host, pid, began = this_process().rsplit("/", 2)

    assert is_gone(f"{host}/{pid}/{float(began) - 3600:.2f}")


def test_a_clock_that_was_set_ends_no_run() -> None:
    host, pid, began = this_process().rsplit("/", 2)

    assert not is_gone(f"{host}/{pid}/{float(began) + 2:.2f}")


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = f"{this_machine()}/{child.pid}/{psutil.Process(child.pid).create_time():.2f}"
    assert not is_gone(process)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(process)
    child.communicate()


def test_a_run_that_waits_in_the_queue_is_left(instance: dg.DagsterInstance, gone: str) -> None:
    run(instance, None, QUEUED, launched=True)
    run(instance, gone, QUEUED, launched=True)

    assert ended(instance, LATER) == []


def test_a_run_that_is_tried_again_has_not_ended_with_the_process_of_the_first(
    instance: dg.DagsterInstance, gone: str
) -> None:
    first = run(instance, gone, dg.DagsterRunStatus.FAILURE)
    again = run(instance, gone, parent=first)

    assert ended(instance) == []
    assert ended(instance, LATER) == [again]


def test_a_run_that_was_killed_before_it_said_where_it_is_fails_after_a_while(instance: dg.DagsterInstance) -> None:
    runs = {run(instance, None), run(instance, None, dg.DagsterRunStatus.NOT_STARTED)}

    assert ended(instance, timedelta(seconds=50)) == []
    assert set(ended(instance, timedelta(seconds=70))) == runs


def test_a_run_that_dagster_has_yet_to_start_is_left_to_its_time_limit(instance: dg.DagsterInstance) -> None:
    for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING):
        run(instance, None, status, launched=True)
    started = run(instance, None, STARTED, launched=True)

    assert ended(instance, LATER) == [started]


def test_a_run_of_a_job_that_is_not_ours_is_left(instance: dg.DagsterInstance) -> None:
    run(instance, None, ours=False)

    assert ended(instance, LATER) == []
