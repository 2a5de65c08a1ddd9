"""Processes of the project as a team has them: `flywheel run`, and Dagster with its daemon, in the folder of a test."""

import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.orchestration.failures import last_failures
from flywheel_assets.orchestration.home import dagster_home
from flywheel_assets.users.spine import SPINE
from flywheel_assets.users.status import statuses
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.processes import Running
from flywheel_assets_tests.projects import TABLES, Project

BIN = Path(sys.executable).parent

SETTLED_SECONDS, TICK_SECONDS = 2, 5
"""What sensors of a `dagster dev` of tests go by; the daemon looks for sensors that are due every 5 s at most."""

CODE_LOCATION = f"""from flywheel_assets.orchestration import sensors

sensors.SETTLED_SECONDS, sensors.TICK_SECONDS = {SETTLED_SECONDS}, {TICK_SECONDS}

from flywheel_assets.definitions import defs
"""

SORTED_BY = {
    "label_transitions": ["From_Label", "To_Label"],
    "user_distributions": ["user_id"],
    "user_labels": ["user_id"],
}
"""What tells the rows of a table apart; the session id where nothing is said."""


def environment(project: Project) -> dict[str, str]:
    """What processes of the project have in their environment: its settings, and a DAGSTER_HOME in its folder."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("FLYWHEEL_", "DAGSTER_", "PYTEST_"))}
    folders = {
        "FLYWHEEL_LANDING_DIR": str(project.settings.landing_dir),
        "FLYWHEEL_WAREHOUSE_DIR": str(project.settings.warehouse_dir),
    }
    return {**ours, **folders, **project.environment, "DAGSTER_HOME": str(project.folder / ".dagster")}


@contextmanager
def configured(project: Project) -> Iterator[Path]:
    """The project's DAGSTER_HOME with the shipped configuration; in the environment meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(project.folder / ".dagster"))
        yield dagster_home(project.folder)


@contextmanager
def recorded(project: Project) -> Iterator[dg.DagsterInstance]:
    """The record of runs that the project's processes keep."""
    with configured(project) as home, dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def flywheel_run(project: Project, *arguments: str) -> Running:
    """`flywheel run`, started; its output goes to a file of its own in the project's folder."""
    descriptor, output = tempfile.mkstemp(".log", "flywheel_run_", project.folder)
    os.close(descriptor)
    command = [str(BIN / "flywheel"), "run", *arguments]
    return Running(command, project.folder, environment(project), Path(output))


@contextmanager
def dagster_dev(project: Project) -> Iterator[Running]:
    """`dagster dev` on a free port of this machine, stopped at the end with all that it started."""
    with configured(project):
        pass
    (project.folder / "flywheel_of_tests.py").write_text(CODE_LOCATION)
    (project.folder / "workspace.yaml").write_text(
        "load_from:\n  - python_file: {relative_path: flywheel_of_tests.py, location_name: flywheel}\n"
    )
    command = [str(BIN / "dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(_free_port())]
    running = Running(command, project.folder, environment(project), project.folder / "dagster.log")
    try:
        yield running
    finally:
        running.stop()


def served_at(project: Project) -> str | None:
    """The address of the UI, once `dagster dev` says that it serves it."""
    said = re.search(r"Serving dagster-webserver on (\S+)", (project.folder / "dagster.log").read_text())
    return said[1] if said else None


def workers(dagster: Running) -> list[psutil.Process]:
    """The processes under `dagster dev` that runs are in: the code server spawns one for each."""
    found = []
    for member in dagster.members():
        with suppress(psutil.Error):
            found += [member] if "spawn_main" in " ".join(member.cmdline()) else []
    return found


def unfinished(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    return instance.get_runs(dg.RunsFilter(statuses=[s for s in dg.DagsterRunStatus if s not in ended]))


def overlaps(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """Pairs of runs that were making tables of one interval at the same moment."""
    spans: dict[str, list[tuple[float, float, str]]] = {}
    for run in instance.get_runs():
        steps = instance.all_logs(
            run.run_id, of_type={dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
        )
        times = [step.timestamp for step in steps]
        if times:
            spans.setdefault(run.tags["dagster/partition"], []).append((min(times), max(times), run.run_id))
    together = []
    for of_interval in spans.values():
        ordered = sorted(of_interval)
        together += [(a[2], b[2]) for a, b in pairwise(ordered) if b[0] < a[1]]
    return together


def tables(project: Project, *keys: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The rows of every table that is there, sorted, by table and key."""
    warehouse = Warehouse(project.settings.warehouse_dir, engine=None)
    paths = {(table, i.key): warehouse.path(table, i) for table in TABLES for i in project.intervals(*keys)}
    return {where: rows(path, where[0]) for where, path in paths.items() if path.is_file()}


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table's file, sorted."""
    found: pa.Table = pq.ParquetFile(path).read()
    return found.sort_by([(name, "ascending") for name in SORTED_BY.get(table, ["session_id"])]).to_pylist()


def differences(found: Mapping[tuple[str, str], Any], expected: Mapping[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """Where two sets of tables are not the same."""
    return sorted(where for where in {*found, *expected} if found.get(where) != expected.get(where))


class Versions:
    """A project whose landing files are now of one version, now of the other, with the tables that each leads to.

    ``versions``: landing files by name, each version with the same names."""

    def __init__(self, folder: Path, versions: Sequence[Mapping[str, pa.Table]], **settings: str) -> None:
        self.project = Project(folder / "killed", **settings)
        self.keys = [interval.key for interval in self.project.settings.calendar]
        self.versions = versions
        self.expected = [self._expected(folder / f"version_{n}", files, settings) for n, files in enumerate(versions)]
        # What an earlier kill may leave: whoever reads it fails, and sweeping leaves what is so young.
        staged = self.project.settings.warehouse_dir / "_staging" / "killed" / "part-0.parquet"
        staged.parent.mkdir(parents=True)
        staged.write_bytes(b"half of a file")

    def land(self, version: int, age_seconds: float = 0) -> None:
        """Put the files of a version in place, each as a whole."""
        for name, table in self.versions[version].items():
            path = self.project.folder / name
            pq.write_table(table, path)
            os.utime(path, (time.time() - age_seconds, time.time() - age_seconds))
            path.replace(self.project.settings.landing_dir / name)

    def written_at(self, table: str, key: str) -> int | None:
        """When the table was last written, in nanoseconds."""
        (interval,) = self.project.intervals(key)
        path = Warehouse(self.project.settings.warehouse_dir, engine=None).path(table, interval)
        return path.stat().st_mtime_ns if path.is_file() else None

    def broken(self) -> list[str]:
        """The tables that are of neither version, and files that cannot be read or that belong to nothing."""
        folder = self.project.settings.warehouse_dir
        found = tables(self.project, *self.keys)
        wrong = [
            f"{where} is of no version"
            for where, rows in found.items()
            if rows not in [e[where] for e in self.expected]
        ]
        for path in folder.rglob("*"):
            place = path.relative_to(folder)
            if place.parts[0] == "_staging" or path.is_dir():
                continue
            if path.suffix == ".parquet" and not path.name.startswith("."):
                pq.ParquetFile(path).read()
            if place.parts[0] in TABLES and path.name != "part-0.parquet":
                wrong.append(f"{place} belongs to nothing")
        return wrong

    def is_of(self, version: int) -> bool:
        """Whether every table is there and of that version."""
        return not differences(tables(self.project, *self.keys), self.expected[version])

    def states(self, instance: dg.DagsterInstance) -> set[str]:
        """What `flywheel status` says of the intervals."""
        with self.project.flywheel() as flywheel:
            return {s.state for s in statuses(flywheel, last_failures(instance, SPINE), flywheel.now())}

    def _expected(self, folder: Path, files: Mapping[str, pa.Table], settings: Mapping[str, str]) -> dict[Any, Any]:
        project = Project(folder, **settings)
        for name, table in files.items():
            project.land(name, table)
        assert [run.failure for run in project.run(*self.keys)] == [""] * len(self.keys)
        return tables(project, *self.keys)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
