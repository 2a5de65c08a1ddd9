"""What a re-run changed: a labelled table compared with the one that it is about to replace, and the notes about it.

Not here: what counts as a change (`tables.changes`)."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.changes import Changes, changes, happened, moves
from flywheel_assets.tables.contract import LabelledRows, Table
from flywheel_assets.tables.generation import Generation

NOTES = "changes"
"""The table with one row per table and re-run, oldest first, beside those of the contract."""

_PAIR = pa.struct({"from_label": pa.string(), "to_label": pa.string(), "count": pa.int64()})
_COUNTS = ("added", "removed", "relabelled", "unchanged")

SCHEMA = pa.schema(
    {
        "table_name": pa.string(),
        "changed_at": pa.timestamp("us", "UTC"),
        **dict.fromkeys(_COUNTS, pa.int64()),
        "because": pa.string(),
        "pairs": pa.list_(_PAIR),
        "digest_before": pa.string(),
        "digest_after": pa.string(),
    }
)
"""Counts and pairs are null where the tables could not be compared; ``because`` then says why."""


class Replacement:
    """Compares a new file of a table with the one in its place, when called with it just before it goes there.

    The first file of an interval is compared with nothing. A file of the same generation has the same rows by
    construction, so it is not read. A table that cannot be read is not compared and says so: remaking it is the cure,
    and must not fail because of it."""

    def __init__(
        self, flywheel: Flywheel, table: Table, labels: LabelledRows, interval: Interval, generation: Generation
    ) -> None:
        self._flywheel = flywheel
        self._table = table.name
        self._labels = labels
        self._interval = interval
        self._changes: Changes | None = None
        self._seconds = 0.0
        self.generation = generation

    def __call__(self, staged: Path) -> None:
        started = time.monotonic()
        if not self._flywheel.warehouse.exists(self._table, self._interval):
            return
        before = _generation(self._flywheel, self._table, self._interval)
        if before and before.digest == self.generation.digest:
            rows = self._flywheel.warehouse.rows(self._table, self._interval) or 0
            self._changes = Changes(0, 0, 0, rows, ())
            return
        because = before.stale_because(self.generation) if before else "the file that was there is not one of ours"
        try:
            self._changes = self._compared(staged)
        except Exception as error:  # the engine's own, by what is wrong with the old file
            because += f"; not compared: {str(error).strip().splitlines()[0]}"
        self._note(before, because)
        self._seconds = time.monotonic() - started

    @property
    def numbers(self) -> dict[str, float]:
        """``sessions_added`` and so on, and how long it took to find out; none where nothing was replaced."""
        if self._changes is None:
            return {}
        counts = {f"{self._labels.rows}_{kind}": getattr(self._changes, kind) for kind in _COUNTS[:3]}
        return {**counts, "seconds_comparing": round(self._seconds, 3)}

    @property
    def relabelled(self) -> list[dict[str, Any]]:
        """From which label to which, and how many: one row per pair."""
        return [asdict(pair) for pair in self._changes.pairs] if self._changes else []

    def _compared(self, staged: Path) -> Changes:
        before = self._flywheel.warehouse.read(self._table, self._interval)
        after = self._flywheel.engine.read([staged])
        return changes(
            self._flywheel.engine.collect(moves(before, after, self._labels.key, self._labels.label)).to_pylist()
        )

    def _note(self, before: Generation | None, because: str) -> None:
        note = {
            "table_name": self._table,
            "changed_at": self._flywheel.now(),
            **(asdict(self._changes) if self._changes else {}),
            "because": because,
            "digest_before": before.digest if before else None,
            "digest_after": self.generation.digest,
        }
        notes = [*reversed(history(self._flywheel, self._interval)), note]
        self._flywheel.warehouse.keep(NOTES, self._interval, pa.Table.from_pylist(notes, schema=SCHEMA))


def history(flywheel: Flywheel, interval: Interval) -> list[dict[str, Any]]:
    """What re-runs of the interval changed, one row of SCHEMA each, newest first; empty when nothing was replaced."""
    if not flywheel.warehouse.exists(NOTES, interval):
        return []
    notes = flywheel.engine.collect(flywheel.warehouse.read(NOTES, interval)).to_pylist()
    made = {table: _generation(flywheel, table, interval) for table in {note["table_name"] for note in notes}}
    digests = {table: generation.digest if generation else None for table, generation in made.items()}
    return happened(sorted(notes, key=lambda note: note["changed_at"]), digests)[::-1]


def _generation(flywheel: Flywheel, table: str, interval: Interval) -> Generation | None:
    """What the table was made from; None also when its file cannot be read."""
    try:
        return flywheel.warehouse.generation(table, interval)
    except (OSError, pa.ArrowInvalid):
        return None
