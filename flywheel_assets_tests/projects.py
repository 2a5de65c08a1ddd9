"""A landing folder, a warehouse and a Dagster instance of their own, in a folder of a test, over the shipped models."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.definitions import definitions
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.assets import SYSTEM as HISTORY_SYSTEM
from flywheel_assets.ingest import event_sessions
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.jobs import INTERVAL_JOB
from flywheel_assets.orchestration.runs import IntervalRun, run_intervals
from flywheel_assets.settings import Settings
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.users.spine import SPINE

TABLES = {table.name: table for table in SPINE if table is not event_sessions.TABLE}
"""The tables of the spine of a project without events, in the order in which they are made."""

HISTORY = {name: one.table for name, one in HISTORY_SYSTEM.tables.items()}

MODELS = Path(__file__).parents[1] / "models"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Project:
    """``environment``: FLYWHEEL_* settings beside the folders, which stay at their defaults inside of ``folder``."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {"FLYWHEEL_MODELS_DIR": str(MODELS), **environment}
        self.settings = Settings.read(folder, self.environment)
        self.settings.landing_dir.mkdir(parents=True, exist_ok=True)

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.ephemeral()

    @cached_property
    def definitions(self) -> dg.Definitions:
        return definitions(self.settings)

    @property
    def job(self) -> dg.JobDefinition:
        return self.definitions.resolve_job_def(INTERVAL_JOB)

    def with_settings(self, **environment: str) -> "Project":
        """The same folder and the same record of runs under other settings."""
        other = Project(self.folder, **{**self.environment, **environment})
        other.instance = self.instance
        return other

    def copied_to(self, folder: Path) -> "Project":
        """A project that begins with these files, without the record of runs."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Project(folder, **self.environment)

    def land(self, name: str, table: pa.Table, minute: int = 0) -> None:
        """Writes a landing file, last modified so many minutes after some fixed hour."""
        path = self.settings.landing_dir / name
        pq.write_table(table, path)
        modified = datetime(2024, 6, 1, 12, minute, tzinfo=UTC).timestamp()
        os.utime(path, (modified, modified))

    def flywheel(self) -> AbstractContextManager[Flywheel]:
        return Flywheel.open(self.settings)

    def intervals(self, *keys: str) -> list[Interval]:
        return [self.settings.calendar.key(key) for key in keys]

    def run(self, *keys: str) -> list[IntervalRun]:
        """The whole graph for each interval."""
        return list(run_intervals(self.job, self.instance, self.intervals(*keys)))

    def run_forgetting(self, *keys: str) -> list[IntervalRun]:
        """The whole graph, giving up the sessions of files that vanished."""
        return list(run_intervals(self.job, self.instance, self.intervals(*keys), forget_missing=True))

    def materialize(self, key: str, *tables: str, job: str = INTERVAL_JOB) -> dg.ExecuteInProcessResult:
        """A few tables of an interval with their checks, as by hand from the UI. ``job``: one that makes them, whole
        where none is named."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            partition_key=key,
            asset_selection=[dg.AssetKey(table) for table in tables] or None,
            raise_on_error=False,
        )

    def path(self, table: str, key: str) -> Path:
        with self.flywheel() as flywheel:
            return flywheel.warehouse.path(table, *self.intervals(key))

    def table(self, table: str, key: str) -> pa.Table:
        """The table of an interval as its file has it."""
        return pq.ParquetFile(self.path(table, key)).read()

    def rows(self, table: str, key: str) -> list[dict[str, Any]]:
        return self.table(table, key).to_pylist()


def sessions(*rows: Sequence[Any] | Mapping[str, Any]) -> pa.Table:
    """Landed sessions: (user, day and hour UTC as in "2024-01-02 10", pageviews) or a mapping with session_id, user_id
    and some features. The features that are not said are 0."""
    return pa.Table.from_pylist([_session(row) for row in rows], schema=LANDING_SCHEMA)


LANDING_SCHEMA = pa.schema(
    [("session_id", pa.string()), ("user_id", pa.string()), *((feature, pa.float64()) for feature in FEATURES)]
)


def _session(row: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        user, start, pageviews = row
        unix = int(datetime.strptime(start, "%Y-%m-%d %H").replace(tzinfo=UTC).timestamp())
        row = {"session_id": f"{user}.{unix}", "user_id": user, "pageviews": pageviews}
    return dict.fromkeys(FEATURES, 0.0) | dict(row)


def checks(result: dg.ExecuteInProcessResult, table: str) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of a table said in a run, by name."""
    found = result.get_asset_check_evaluations()
    return {check.check_name: check for check in found if check.asset_key == dg.AssetKey(table)}


def materializations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """The tables that a run made, by name."""
    found = [event.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): one for one in found}


def metadata(source: dg.AssetMaterialization | dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: entry.value for name, entry in source.metadata.items()}
