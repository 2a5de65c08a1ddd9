"""Dagster's record of runs in SQLite at a third of its cost: the class that `dagster.yaml` names as its storage.

Dagster's own opens and closes a connection for each event, at 11 ms (closing the last one of a file writes its log back
and awaits the disk), keeps a file per run, stores the events of assets and checks twice, and stores with each planned
check all weeks that the partitions exclude, 24 kB. Here connections stay open, all runs share the file that Dagster
calls the index, and a planned check is stored with its partition alone.

The files and tables are Dagster's. Runs that its own storage recorded keep their files, and are read from them.

This is the one module that may know Dagster's internals; `test_storage.py` fails when they change."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as db
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.event_api import EventHandlerFn
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster_shared.record import copy
from sqlalchemy.exc import DisconnectionError, OperationalError

LEAST_UNUSED_SHARE = 0.25
"""A file is written anew, and so shrinks, when deleted runs left this much of it unused; new runs use less again."""

_OF_OTHER_PROCESSES: list[dict[str, db.Engine]] = []
"""What a forked process inherited. SQLite's connections must be neither used nor closed there, so they are kept."""


class Connections:
    """Connections to SQLite files, opened when first needed and kept. For all threads of a process."""

    def __init__(self) -> None:
        self._engines: dict[str, db.Engine] = {}
        self._process = os.getpid()

    def engine(self, url: str) -> db.Engine:
        if self._process != os.getpid():
            _OF_OTHER_PROCESSES.append(self._engines)
            self._engines, self._process = {}, os.getpid()
        if url not in self._engines:
            self._engines.setdefault(url, _engine(url))
        return self._engines[url]

    def close(self) -> None:
        """Close those that are not in use. One that is asked for later is opened again."""
        for engine in list(self._engines.values()) if self._process == os.getpid() else ():
            engine.dispose()


@contextmanager
def _kept_open(self: "_Runs | _Schedules") -> Iterator[db.Connection]:
    with self.connections.engine(self._conn_string).begin() as connection:
        yield connection


class _Runs(SqliteRunStorage):
    connect = _kept_open

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        self.connections = Connections()
        super().__init__(conn_string, inst_data)

    def add_run(self, dagster_run: dg.DagsterRun) -> dg.DagsterRun:
        """The partition is in the run's tags. ``partitions_subset`` says it again, in 24 kB."""
        again = PARTITION_NAME_TAG in dagster_run.tags
        super().add_run(copy(dagster_run, partitions_subset=None) if again else dagster_run)
        return dagster_run


class _Schedules(SqliteScheduleStorage):
    connect = _kept_open

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        self.connections = Connections()
        super().__init__(conn_string, inst_data)


class _Events(SqliteEventLogStorage):
    """``connections``: closed when this is disposed of; Dagster disposes of no storage of schedules."""

    def __init__(self, base_dir: str, connections: Connections) -> None:
        self.connections = connections
        self._runs_with_file: set[str] = set()
        self._watcher: SqlPollingEventWatcher | None = None
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        if self._has_file(shard):
            with super()._connect(shard) as connection:
                yield connection
        else:
            with self.connections.engine(self.conn_string_for_shard(INDEX_SHARD_NAME)).begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        with self.index_connection() as connection:
            return db.inspect(connection).has_table(table_name)

    def store_event(self, event: EventLogEntry) -> None:
        if self._has_file(event.run_id):
            super().store_event(event)
        else:
            SqlEventLogStorage.store_event(self, _with_its_partitions_alone(event))

    def get_event_records(self, *args: Any, **kwargs: Any) -> Any:
        return SqlEventLogStorage.get_event_records(self, *args, **kwargs)

    @property
    def is_run_sharded(self) -> bool:
        return False

    def delete_events(self, run_id: str) -> None:
        super().delete_events(run_id)
        with self.index_connection() as connection:
            connection.execute(db.delete(AssetCheckExecutionsTable).where(AssetCheckExecutionsTable.c.run_id == run_id))
        for path in (Path(self.path_for_shard(run_id) + end) for end in ("", "-wal", "-shm")):
            path.unlink(missing_ok=True)

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """By looking for new events: Dagster's waits for a change of the file, which is seldom while it stays open."""
        self._watcher = self._watcher or SqlPollingEventWatcher(self)
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: EventHandlerFn) -> None:
        if self._watcher:
            self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        if self._watcher:
            self._watcher.close()
            self._watcher = None
        self.connections.close()

    def _has_file(self, run_id: str) -> bool:
        """Whether Dagster's own storage recorded the run. A file without events is none of a run: it makes one when it
        only looks for a run that was recorded here."""
        if run_id in ("", INDEX_SHARD_NAME) or not Path(self.path_for_shard(run_id)).exists():
            return False
        if run_id not in self._runs_with_file:
            with super()._connect(run_id) as connection:
                first = connection.execute(db.select(SqlEventLogStorageTable.c.id).limit(1)).first()
            self._runs_with_file |= {run_id} if first else set()
        return run_id in self._runs_with_file


class FlywheelStorage(DagsterSqliteStorage):
    """Runs, events and ticks in ``base_dir``, where Dagster's own SQLite storage has them."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super(DagsterSqliteStorage, self).__init__()
        self.base_dir = base_dir
        self._inst_data = inst_data
        history = Path(base_dir) / "history"
        connections = Connections()
        self._run_storage, self._schedule_storage = runs, schedules = (
            _Runs.from_local(f"{history}{os.sep}"),
            _Schedules.from_local(str(Path(base_dir) / "schedules")),
        )
        assert isinstance(schedules, _Schedules)
        for one in (runs, schedules):
            one.connections.close()  # those that a new file was set up by
            one.connections = connections
        self._event_log_storage = _Events(str(history / "runs"), connections)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        Path(config_value["base_dir"]).mkdir(parents=True, exist_ok=True)
        return cls(config_value["base_dir"], inst_data)


def shrink(instance: dg.DagsterInstance) -> None:
    """Return the space of deleted runs to the disk, file by file, where it is worth it and nobody else is writing."""
    runs, events = instance.run_storage, instance.event_log_storage
    if not isinstance(runs, _Runs) or not isinstance(events, _Events):
        return
    for url in (runs._conn_string, events.conn_string_for_shard(INDEX_SHARD_NAME)):
        with suppress(OperationalError), events.connections.engine(url).connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")  # no transaction holds a VACUUM
            unused, pages = (connection.exec_driver_sql(f"PRAGMA {n}").scalar_one() for n in _COUNTS)
            if unused > LEAST_UNUSED_SHARE * pages:
                connection.exec_driver_sql("VACUUM")


_COUNTS = ("freelist_count", "page_count")


def _with_its_partitions_alone(event: EventLogEntry) -> EventLogEntry:
    if event.dagster_event is None or event.dagster_event_type != DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        return event
    planned = event.dagster_event.asset_check_planned_data
    if planned.partitions_subset is None:
        return event
    keys = DefaultPartitionsSubset(set(planned.partitions_subset.get_partition_keys()))
    planned = copy(planned, partitions_subset=keys)
    return event._replace(dagster_event=event.dagster_event._replace(event_specific_data=planned))


def _engine(url: str) -> db.Engine:
    engine = db.create_engine(url, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}, max_overflow=-1)
    path = db.make_url(url).database or ""

    @db.event.listens_for(engine, "connect")
    def opened(connection: Any, record: Any) -> None:
        # The log of a file survives its process; only a power cut can lose the last events, and then no table.
        connection.execute("PRAGMA synchronous=NORMAL")
        record.info["file"] = _identity(path)

    @db.event.listens_for(engine, "checkout")
    def used(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError(f"{path} is another file now")

    return engine


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = Path(path).stat()
        return found.st_dev, found.st_ino
    return None
