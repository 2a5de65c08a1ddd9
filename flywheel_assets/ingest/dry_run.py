"""A dry run of events: what would become of one file under the present mapping. Writes nothing."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.cutting import Cutting, cut_events
from flywheel_assets.ingest.events import NAME, TIME, USER
from flywheel_assets.ingest.folder import EventsFolder
from flywheel_assets.ingest.landed_events import LandedEvents
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.session_features import mapped, sessions
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.settings import interval_advice
from flywheel_assets.warehouse.engine import Engine
from flywheel_assets.warehouse.file_index import FileIndex, LandedFile, objection
from flywheel_assets.warehouse.warehouse import Warehouse

CLOCK_ERRORS = 0.001
"""No setting is proposed for the sake of the earliest and the latest events up to this share: their clocks may be
wrong."""


@dataclass(frozen=True)
class EventName:
    """A name of events: how many there are, how many of them make some feature, are of some kind or are ignored, which
    features and kinds, and whether they are part of sessions."""

    name: str
    events: int
    mapped: int
    features: tuple[str, ...]
    ignored: bool
    kinds: tuple[str, ...] = ()
    outside: bool = False

    @property
    def read_as(self) -> str:
        """The features and kinds; or that it is ignored, or makes none."""
        kinds = [kind for kind in self.kinds if kind not in self.features]
        named = ", ".join([*self.features, *(f"{kind} per user" for kind in kinds)])
        outside = ", outside of sessions" if self.outside else ""
        if not named:
            return ("ignored" if self.ignored else "no feature") + outside
        rest = "" if self.mapped == self.events else f"; {self.events - self.mapped:,} make no feature"
        return named + outside + rest


@dataclass(frozen=True)
class EventsDryRun:
    """``file``: as the index would have it, or with the problem that sets it aside. ``rows``: all; ``events``: those of
    some interval, of which ``copies`` are left out. ``names``, ``users``, ``first`` and ``last``, UTC, and ``future``,
    how many are later than now, are of events in an interval or not. ``sessions``: what the file alone makes, of which
    ``merged`` hold several native sessions that began in one second. ``bots``: users who are active for over 24 hours
    without a pause. ``intervals``: events by key of an interval. ``advice``: settings that would let more in."""

    file: LandedFile
    rows: int = 0
    events: int = 0
    copies: int = 0
    names: tuple[EventName, ...] = ()
    users: int = 0
    first: datetime | None = None
    last: datetime | None = None
    sessions: int = 0
    merged: int = 0
    bots: int = 0
    intervals: Mapping[str, int] = field(default_factory=dict)
    future: int = 0
    advice: tuple[str, ...] = ()

    @property
    def objection(self) -> str:
        """Why the file should not land as it is: it is set aside, or fewer than half of its rows are events. Empty for
        one that can land."""
        few = f"{'little' if self.events else 'nothing'} would land: {self.events:,} of {self.rows:,} rows are events"
        return objection(self.file, self.rows, self.events, few)


def dry_run(path: Path, landed: LandedEvents, timeout_minutes: int, now: datetime) -> EventsDryRun:
    """What the folder of events would make of the file. Raises EventsError when there is no such file."""
    if not path.is_file():
        raise EventsError(f"there is no file at {path}")
    ours, engine = landed.folder, landed.folder.warehouse.engine
    with tempfile.TemporaryDirectory(prefix="flywheel-events-") as folder:
        there = EventsFolder(
            path.absolute().parent.resolve(),
            Warehouse(Path(folder), engine),  # where a text file is converted to
            ours.mapping,
            ours.identities,
            ours.calendar,
        )
        file = there.look_at(path.name)
        if file.problem:
            return EventsDryRun(file)
        read_once = Path(folder) / "events.parquet"  # times in texts are dear to read, and five queries ask for them
        engine.write(there.read([file]), read_once, {})
        return _counted(engine.read([read_once]), file, there, timeout_minutes, now)


def _counted(
    every: ir.Table, file: LandedFile, there: EventsFolder, timeout_minutes: int, now: datetime
) -> EventsDryRun:
    engine, calendar = there.warehouse.engine, there.calendar
    first, end = calendar.number(1).start_unix * SECOND, calendar.number(calendar.count).end_unix * SECOND
    inside = every.filter(every[TIME] >= first, every[TIME] < end)
    figures = _row(
        engine,
        every.aggregate(
            timed=every.count(),
            users=every[USER].nunique(),
            first=every[TIME].min(),
            last=every[TIME].max(),
            future=(every[TIME] > int(now.timestamp() * SECOND)).sum().coalesce(0),
        ),
    )
    rows, timed = sum(file.rows.values()), figures.pop("timed")
    if not timed:
        return EventsDryRun(file, rows)
    few = int(timed * CLOCK_ERRORS)
    ordered = [every.select(TIME).order_by(order) for order in (every[TIME].asc(), every[TIME].desc())]
    earliest, latest = (_row(engine, one.limit(1, offset=few))[TIME] // SECOND for one in ordered)
    by_interval = LandedEvents(there, lambda: FileIndex((file,)), timeout_minutes).index.sessions()
    return EventsDryRun(
        file,
        rows,
        names=_names(engine, every, there.mapping),
        users=figures["users"],
        first=datetime.fromtimestamp(figures["first"] // SECOND, UTC),
        last=datetime.fromtimestamp(figures["last"] // SECOND, UTC),
        future=figures["future"],
        intervals=dict(sorted(by_interval.items())),
        advice=tuple(interval_advice(calendar, earliest, latest, "events")),
        **_made(engine, inside, there, timeout_minutes),
    )


def _made(engine: Engine, events: ir.Table, there: EventsFolder, timeout_minutes: int) -> dict[str, int]:
    """``events``, ``copies``, ``sessions``, ``merged`` and ``bots`` of the events of intervals."""
    mapping = there.mapping
    found = _row(engine, events.aggregate(events=events.count(), first=events[TIME].min(), last=events[TIME].max()))
    if not found["events"]:
        return {}
    first, end = found["first"] // SECOND, found["last"] // SECOND + 1
    cutting = Cutting.between(there.calendar, first, end, timeout_minutes, bool(mapping.session))
    table = sessions(cut_events(events, mapping, cutting, first), mapping)
    made = _row(
        engine,
        table.aggregate(
            copies=table.copies.sum().coalesce(0),
            sessions=table.count(),
            merged=(table.source_sessions > 1).sum().coalesce(0),
            bots=table.user_id.nunique(where=table.likely_bot),
        ),
    )
    return {"events": found["events"], **made}


def _names(engine: Engine, rows: ir.Table, mapping: EventMapping) -> tuple[EventName, ...]:
    counted = rows.group_by(NAME).aggregate(events=rows.count(), mapped=mapped(rows, mapping).sum())
    lines = engine.collect(counted.order_by(counted.events.desc(), counted[NAME])).to_pylist()
    return tuple(
        EventName(
            line[NAME],
            line["events"],
            line["mapped"],
            () if mapping.outside(line[NAME]) else mapping.features_of(line[NAME]),
            mapping.ignores(line[NAME]),
            mapping.kinds_of(line[NAME]),
            mapping.outside(line[NAME]),
        )
        for line in lines
    )


def _row(engine: Engine, expression: ir.Table) -> dict[str, Any]:
    (row,) = engine.collect(expression).to_pylist()
    return row
