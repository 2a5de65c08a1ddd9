"""Identities: which ids are one visitor, as a team's file of `user_id, same_as` says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.events import USER
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.engine import Engine

NONE = "none"


@dataclass(frozen=True)
class Identities:
    """``same_as``: by id, the id that stands for the visitor."""

    same_as: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Identities":
        """Of a parquet or CSV file with text columns ``user_id`` and ``same_as``; rows with a null are passed over. An
        id may be the same as one that is the same as a third. Raises EventsError for a file that cannot be read, an id
        that is the same as two others, and ids that are the same as each other in a circle."""
        try:
            if path.suffix == ".csv":
                texts = pa.csv.ConvertOptions(column_types={"user_id": pa.string(), "same_as": pa.string()})
                table = pa.csv.read_csv(path, convert_options=texts)
            else:
                table = pq.read_table(path)
            ids = [table.column(name).cast(pa.string()).to_pylist() for name in ("user_id", "same_as")]
        except (pa.ArrowException, OSError, KeyError) as error:
            raise EventsError(
                f"{path}, the identities, cannot be read: {error}; expected columns user_id and same_as"
            ) from None
        direct: dict[str, str] = {}
        for one, other in zip(*ids, strict=True):
            if one is None or other is None or one == other:
                continue
            if direct.setdefault(one, other) != other:
                raise EventsError(
                    f"{path} says that {one!r} is the same as {direct[one]!r} and {other!r}; expected one of them"
                )
        return cls({one: _root(one, direct, path) for one in direct})

    @cached_property
    def digest(self) -> str:
        """Changes with any identity."""
        return digest(repr(sorted(self.same_as.items()))) if self.same_as else NONE

    def merged(self, events: ir.Table, engine: Engine, folder: Path) -> ir.Table:
        """The events under the ids that stand for their visitors. ``folder``: where the identities are put for the
        engine to read."""
        if not self.same_as:
            return events
        path = folder / f"identities_{self.digest}.parquet"
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"_one": [*self.same_as], "_visitor": [*self.same_as.values()]}), path)
        known = engine.read([path])
        joined = events.left_join(known, events[USER] == known["_one"])
        others = [events[name] for name in events.columns if name != USER]
        return joined.select(*others, **{USER: ibis.coalesce(joined["_visitor"], events[USER])})


def _root(one: str, direct: Mapping[str, str], path: Path) -> str:
    seen, at = {one}, direct[one]
    while at in direct:
        if at in seen:
            raise EventsError(
                f"{path} says that {at!r} is the same as itself, by way of others; expected one to stand for all"
            )
        seen.add(at)
        at = direct[at]
    return at
