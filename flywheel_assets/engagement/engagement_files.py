"""The tables of engagement by interactions in `<warehouse>/engagement`: one parquet file each, whole or not at all."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ibis.expr.types as ir

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.warehouse.engine import footer
from flywheel_assets.warehouse.files import staging
from flywheel_assets.warehouse.warehouse import Warehouse, Written

FOLDER = "engagement"
MAKE = "Materialize interactions and engagement_dataset, in this order, or train: flywheel engagement train"

MADE_FROM_KEY = "flywheel.made_from"


class EngagementFiles:
    """Tables by name, in a folder of a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def path(self, table: str) -> Path:
        return self._warehouse.folder / FOLDER / f"{table}.parquet"

    def write(self, table: str, expression: ir.Table, made_from: str) -> Written:
        """The table anew, with the digest of what it is ``made_from``."""
        engine, notes = self._warehouse.engine, {MADE_FROM_KEY: made_from}
        return self._warehouse.replace(self.path(table), lambda staged: engine.write(expression, staged, notes))

    def current(self, table: str, made_from: str) -> Path:
        """The file. Raises NotMaterializedError where there is none, and where it was made from something else."""
        path = self.path(table)
        if not path.is_file():
            raise NotMaterializedError(f"{table} has not been materialized: no file at {path}. {MAKE}")
        if footer(path)[1].get(MADE_FROM_KEY) != made_from:
            raise NotMaterializedError(
                f"{table} was made by another engagement.toml or events.toml, or of other interactions, than there are "
                f"now: {path}. {MAKE}"
            )
        return path

    def read(self, table: str, made_from: str) -> ir.Table:
        """The rows of :meth:`current`."""
        return self._warehouse.engine.read([self.current(table, made_from)])

    @contextmanager
    def stages(self) -> Iterator["Stages"]:
        """Where steps on the way to a table are written, until it is."""
        with staging(self._warehouse.folder) as folder:
            yield Stages(self._warehouse, folder)


class Stages:
    """Steps on the way to a table, as parquet files of a folder."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self._engine = warehouse.engine
        self._folder = folder
        self._numbers = itertools.count()

    def __call__(self, expression: ir.Table) -> ir.Table:
        path = self._folder / f"step{next(self._numbers)}.parquet"
        self._engine.write(expression, path, {})
        return self._engine.read([path])
