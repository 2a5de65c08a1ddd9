"""The events that have landed: which files decide the sessions of an interval, and what is new to it.

An interval's sessions follow from the events on its own days, and from those after its end that a session of its own
takes in, as those at its start may belong to a session of the interval before. A late event changes the interval that
it is of, and another only where it changes what crosses their boundary."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import ibis.expr.types as ir

from flywheel_assets.ingest.cutting import (
    LOOK_AROUND,
    LOOK_BACK_FOR_COPIES,
    START,
    Cutting,
    around,
    cut_events,
    without_copies,
)
from flywheel_assets.ingest.event_sessions import MADE_FROM
from flywheel_assets.ingest.events import ID, NAME, TIME, USER
from flywheel_assets.ingest.folder import EventsFolder
from flywheel_assets.ingest.session_features import mapped
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.file_index import FileIdentity, FileIndex, LandedFile, identities
from flywheel_assets.warehouse.files import write_whole

_NOTHING = "nothing"
_DAYS_BEFORE = timedelta(microseconds=LOOK_AROUND + LOOK_BACK_FOR_COPIES)
_DAYS_AFTER = timedelta(microseconds=LOOK_AROUND)


class Crossing(NamedTuple):
    """What crosses a boundary of intervals: a digest of the ``events`` after it that belong to a session from before
    it, and one of those after it that are ``copies`` of events before it; ``files`` with events on the days beside it,
    where anything crosses."""

    events: str = _NOTHING
    copies: str = _NOTHING
    files: tuple[str, ...] = ()


class LandedEvents:
    """The folder of events, as ``index`` finds it when it is first needed."""

    def __init__(
        self,
        folder: EventsFolder,
        index: Callable[[], FileIndex],
        timeout_minutes: int,
    ) -> None:
        self.folder = folder
        self.mapping = folder.mapping
        self.identities = folder.identities
        self._find_index = index
        self._warehouse = folder.warehouse
        self._calendar = folder.calendar
        self._timeout_minutes = timeout_minutes

    @cached_property
    def by_day(self) -> FileIndex:
        """The files, with their events by day."""
        return self._find_index()

    @cached_property
    def index(self) -> FileIndex:
        """The files, with their events by key of an interval."""
        return replace(self.by_day, files=tuple(map(self._by_interval, self.by_day.files)))

    def files(self, first: date, last: date) -> list[LandedFile]:
        """The files with events on these days, both included."""
        days = ((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))
        return sorted({f.path: f for day in days for f in self._of_days.get(day, ())}.values(), key=lambda f: f.path)

    @cached_property
    def _of_days(self) -> dict[str, list[LandedFile]]:
        files: dict[str, list[LandedFile]] = defaultdict(list)
        for file in self.by_day.files:
            for day in file.rows:
                if day:
                    files[day].append(file)
        return files

    def files_around(self, interval: Interval) -> list[LandedFile]:
        """The files with events that decide the interval's sessions."""
        return self.files(interval.first_day - _DAYS_BEFORE, interval.last_day + _DAYS_AFTER)

    def cut(self, interval: Interval, files: Sequence[LandedFile]) -> ir.Table:
        """The events of the interval's sessions, as :func:`cut_events` has them."""
        start, end = interval.start_unix, interval.end_unix
        events = around(self.folder.read(files), start, end)
        found = cut_events(events, self.mapping, self._cutting(start, end), start)
        started = found[START]
        return found.filter(started >= interval.start_unix * SECOND, started < interval.end_unix * SECOND)

    def of_interval(self, interval: Interval) -> ir.Table | None:
        """The events of the interval, of sessions or not, copies left out; None without any file."""
        before = timedelta(days=1 if self.mapping.deduplicate == "event_id" else 0)
        files = self.files(interval.first_day - before, interval.last_day)
        if not files:
            return None
        rows = self.folder.read(files)
        when = rows[TIME] >= interval.start_unix * SECOND - (LOOK_BACK_FOR_COPIES if before else 0)
        rows = rows.filter(when, rows[TIME] < interval.end_unix * SECOND)
        if self.mapping.deduplicate:
            rows = without_copies(rows, by_id=bool(before))
        return _within(rows, interval)

    def unmapped(self, interval: Interval) -> dict[str, int]:
        """Events of the interval that make no feature and are not ignored, by name, the most frequent first."""
        files = self.index.of_interval(interval)
        if not files:
            return {}
        rows = _within(self.folder.read(files), interval)
        rest = rows.filter(~mapped(rows, self.mapping))
        counted = rest.group_by(NAME).aggregate(events=rest.count())
        found = self._warehouse.engine.collect(counted.order_by(counted.events.desc(), counted[NAME])).to_pylist()
        return {line[NAME]: line["events"] for line in found}

    def made_from(self, interval: Interval) -> str:
        """What the interval's sessions would be made from now, as the note that event_sessions keeps: the files with
        events of the interval; what crosses its start and its end; and the files that this is read from, where anything
        crosses. ``how``: a digest of what decides that beside the files."""
        start, end = self._crossing(interval.start_unix), self._crossing(interval.end_unix)
        return json.dumps(
            {
                "files": identities(self.index.of_interval(interval)),
                "start": [start.events, start.copies],
                "end": [end.events],
                "beside": sorted({*start.files, *end.files}),
                "how": self._how,
            }
        )

    def fingerprint(self, interval: Interval) -> str:
        """Changes with what :meth:`made_from` says."""
        return digest(self.made_from(interval))

    def news(self, interval: Interval) -> str:
        """What landed since event_sessions of the interval was made, in words; empty without any. A file that vanished
        is not news, nor is another mapping."""
        made = self._made_from(interval)
        if made is None:
            return self.index.news(interval, ())
        now = json.loads(self.made_from(interval))
        parts = [self.index.news(interval, _identities(made))]
        if not self.missing(interval) and made["how"] == now["how"]:
            changed = [name for name in ("start", "end") if now[name] != made[name]]
            parts += [f"a session that crosses its {name} changed" for name in changed]
        return " and ".join(filter(None, parts))

    def missing(self, interval: Interval) -> list[str]:
        """Files that event_sessions of the interval was made from and that vanished or can no longer be used."""
        made = self._made_from(interval)
        if made is None:
            return []
        return sorted({*self.index.missing(_identities(made)), *(set(made["beside"]) - self.index.usable.keys())})

    def _made_from(self, interval: Interval) -> dict[str, Any] | None:
        """The note of event_sessions of the interval; None where it is not there."""
        note = self._warehouse.note("event_sessions", interval, MADE_FROM)
        return json.loads(note) if note else None

    def _cutting(self, start_unix: int, end_unix: int) -> Cutting:
        native = bool(self.mapping.session)
        return Cutting.between(self._calendar, start_unix, end_unix, self._timeout_minutes, native)

    def _crossing(self, boundary: int) -> Crossing:
        """What crosses a boundary of intervals, in Unix seconds. Kept for the files that it is of, since each tick of a
        sensor asks."""
        day = self._calendar.day_at(boundary)
        before, after = self.files(day - timedelta(days=1), day - timedelta(days=1)), self.files(day, day)
        if not before or not after:
            return Crossing()
        files = self.files(day - _DAYS_BEFORE, day + _DAYS_AFTER)
        of = digest(repr((identities(files), self._how)))
        kept = self._crossings.get(str(boundary))
        if kept is None or kept[0] != of:
            self._crossings[str(boundary)] = kept = (of, *self._crossing_now(boundary, files))
            write_whole(self._crossings_path, json.dumps(self._crossings).encode())
        _, events, copies = kept
        crosses = {events, copies} != {_NOTHING}
        return Crossing(events, copies, tuple({f.path for f in [*before, *after]} if crosses else ()))

    def _crossing_now(self, boundary: int, files: Sequence[LandedFile]) -> tuple[str, str]:
        at, cutting = boundary * SECOND, self._cutting(boundary, boundary)
        events = around(self.folder.read(files), boundary, boundary)
        near = events.filter(events[TIME] >= at - cutting.most_gap, events[TIME] < at + cutting.most_gap)
        both = near.group_by(cutting.key).aggregate(_first=near[TIME].min(), _last=near[TIME].max())
        who = both.filter(both["_first"] < at, both["_last"] >= at).select(*cutting.key)
        found = cut_events(events.semi_join(who, cutting.key), self.mapping, cutting, boundary)
        copies = _NOTHING
        if self.mapping.deduplicate == "event_id":
            day = events.filter(events[ID].notnull(), events[TIME] < at + LOOK_BACK_FOR_COPIES)
            earlier = day.filter(day[TIME] < at, day[TIME] >= at - LOOK_BACK_FOR_COPIES).select(USER, ID).distinct()
            copies = self._digest(day.filter(day[TIME] >= at).semi_join(earlier, [USER, ID]).select(USER, ID, TIME))
        return self._digest(found.filter(found[START] < at, found[TIME] >= at).drop(START)), copies

    def _digest(self, rows: ir.Table) -> str:
        """Of all rows, in whatever order; of none ``nothing``."""
        texts = sorted(repr(row) for row in self._warehouse.engine.collect(rows).to_pylist())
        return digest("\n".join(texts)) if texts else _NOTHING

    @cached_property
    def _how(self) -> str:
        return digest(repr((self.mapping.digest, self.identities.digest, self._timeout_minutes)))

    @cached_property
    def _crossings(self) -> dict[str, tuple[str, str, str]]:
        try:
            kept = json.loads(self._crossings_path.read_text())
            return {key: (of, events, copies) for key, (of, events, copies) in kept.items()}
        except (OSError, ValueError):
            return {}

    @property
    def _crossings_path(self) -> Path:
        return self.folder.converted / "crossings.json"

    def _by_interval(self, file: LandedFile) -> LandedFile:
        rows: dict[str | None, int] = {}
        for day, count in file.rows.items():
            key = self._key(day) if day else None
            rows[key] = rows.get(key, 0) + count
        return replace(file, rows=rows)

    def _key(self, day: str) -> str | None:
        number = (date.fromisoformat(day) - self._calendar.first_day).days // self._calendar.days + 1
        return self._calendar.number(number).key


def _identities(made_from: Mapping[str, Any]) -> list[FileIdentity]:
    return [(path, size, modified) for path, size, modified in made_from["files"]]


def _within(events: ir.Table, interval: Interval) -> ir.Table:
    return events.filter(events[TIME] >= interval.start_unix * SECOND, events[TIME] < interval.end_unix * SECOND)
