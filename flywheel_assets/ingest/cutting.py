"""Cutting: which session an event belongs to. The order in which intervals are made has no part in it.

A run is what a user does without a gap over the timeout. It is one session, unless it lasts over 24 hours: then it is
cut at each midnight of the interval timezone, so that two days around an interval decide all of its sessions. Where
events have a native session, a run is what carries the same one, without a gap over NATIVE_TIMEOUT."""

from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from flywheel_assets.ingest.events import ID, NAME, NATIVE, TIME, USER, among
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.intervals import Calendar
from flywheel_assets.settings import MOST_TIMEOUT_MINUTES

LONGEST = 24 * 3600 * SECOND
"""A run that lasts longer is cut at midnights: nobody is awake so long, so it is probably a bot."""

LOOK_AROUND = 48 * 3600 * SECOND
"""Events so long before and after an interval decide which sessions are its own."""

LOOK_BACK_FOR_COPIES = 24 * 3600 * SECOND
"""An event with the id of an earlier one is a copy of it if it is at most so much later."""

NATIVE_TIMEOUT = MOST_TIMEOUT_MINUTES * 60 * SECOND
"""A native session may have gaps that long. Without a limit, one id could tie years together."""

START, CUT = "_start", "_cut"
"""Columns of events that are cut: the time of the first event of the session, and whether its run was cut."""

COPIES = "_copies"
"""The column of events of which copies were left out: how many, of each."""


@ibis.udf.agg.builtin  # type: ignore[untyped-decorator]
def bit_or(bits: dt.int64) -> dt.int64:
    """Of both engines; Ibis 12 knows only DuckDB's."""


_BLOCK = 12 * 3600 * SECOND
_LEAST_BUCKET = _BLOCK // 24


@dataclass(frozen=True)
class Cutting:
    """How events are cut. ``timeout``: microseconds; ``native``: whether they have native sessions; ``midnights``: of
    the interval timezone, in microseconds, in order, all of the span that is cut."""

    timeout: int
    native: bool
    midnights: tuple[int, ...]

    @classmethod
    def between(
        cls, calendar: Calendar, start_unix: int, end_unix: int, timeout_minutes: int, native: bool
    ) -> "Cutting":
        """How to cut events from LOOK_AROUND before ``start_unix`` to LOOK_AROUND after ``end_unix``, in seconds."""
        margin = LOOK_AROUND // SECOND
        first, last = calendar.day_at(start_unix - margin), calendar.day_at(end_unix + margin)
        days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
        midnights = tuple(int(calendar.midnight(day).timestamp()) * SECOND for day in days)
        return cls(timeout_minutes * 60 * SECOND, native, midnights)

    @property
    def key(self) -> list[str]:
        """What a run is of."""
        return [USER, NATIVE] if self.native else [USER]

    @property
    def most_gap(self) -> int:
        return NATIVE_TIMEOUT if self.native else self.timeout


def without_copies(events: ir.Table, by_id: bool) -> ir.Table:
    """The events, each once, with COPIES, how many others were left out for it. Those that are the same in all columns
    are copies of one. Or, ``by_id``, an event is a copy where the user's events of the 24 hours before have its id; the
    copies of an event that count are those of the 24 hours after it. Events without an id are no copies."""
    if not by_id:
        return events.group_by(events.columns).aggregate(**{COPIES: events.count() - 1})
    # Of copies in one moment the same one stays, whoever asks.
    others = [c for c in events.columns if c not in (USER, ID, TIME) and not isinstance(events[c], ir.ArrayValue)]
    order = ibis.window(group_by=[USER, ID], order_by=[TIME, *others])
    day = ibis.range_window(group_by=[USER, ID], order_by=TIME, preceding=0, following=LOOK_BACK_FOR_COPIES)
    marked = events.mutate(_gap=events[TIME] - events[TIME].lag().over(order), _same=events.count().over(day))
    copies = marked["_gap"].notnull() & (marked["_gap"] <= LOOK_BACK_FOR_COPIES) & marked[ID].notnull()
    once = marked.filter(~copies)
    return once.mutate(**{COPIES: ibis.ifelse(once[ID].isnull(), 0, once["_same"] - 1)}).drop("_gap", "_same")


def around(events: ir.Table, start_unix: int, end_unix: int) -> ir.Table:
    """The events that decide the sessions of a span, in Unix seconds."""
    when, margin = events[TIME], LOOK_AROUND + LOOK_BACK_FOR_COPIES
    return events.filter(when >= start_unix * SECOND - margin, when < end_unix * SECOND + LOOK_AROUND)


def cut_events(events: ir.Table, mapping: EventMapping, cutting: Cutting, start_unix: int) -> ir.Table:
    """The events of :func:`around` that sessions have, copies left out, with START and CUT of their sessions."""
    if mapping.deduplicate:
        events = without_copies(events, by_id=mapping.deduplicate == "event_id")
    if mapping.outside_sessions:  # after the copies: an event of a session may be one of an event outside
        events = events.filter(~among(events[NAME], mapping.outside_sessions))
    events = events.filter(events[TIME] >= start_unix * SECOND - LOOK_AROUND)
    return cut(events, cutting)


def cut(events: ir.Table, cutting: Cutting) -> ir.Table:
    """The events with START, int64 microseconds, and CUT."""
    runs = _runs(events, cutting)
    pieces = _pieces(_runs(_suspects(events, cutting), cutting), cutting).view()
    of_piece = [runs[name] == pieces[f"_{name}"] for name in [*cutting.key, "_run"]]
    inside = (runs[TIME] >= pieces["_first"]) & (runs[TIME] <= pieces["_last"])
    joined = runs.left_join(pieces, [*of_piece, inside])
    return joined.select(
        *[runs[name] for name in events.columns],
        **{START: ibis.coalesce(joined["_first"], runs["_run"]), CUT: joined["_first"].notnull()},
    )


def _runs(events: ir.Table, cutting: Cutting) -> ir.Table:
    """The events with ``_run``, the time of the first of their run."""
    # The second window goes by the places of the first: of events of one moment it would begin with another.
    order = ibis.window(group_by=cutting.key, order_by=TIME)
    previous = events[TIME].lag().over(order)
    begins = ibis.ifelse((events[TIME] - previous) <= cutting.most_gap, ibis.null("int64"), events[TIME])
    marked = events.mutate(_begins=begins, _place=ibis.row_number().over(order))
    so_far = ibis.window(group_by=cutting.key, order_by="_place", preceding=None, following=0)
    return marked.mutate(_run=marked["_begins"].max().over(so_far)).drop("_begins", "_place")


def _suspects(events: ir.Table, cutting: Cutting) -> ir.Table:
    """The events, user and time alone, of users who may have a run over 24 hours.

    Such a run fills some twelve hours of the clock, and then each stretch of them that is as long as a timeout. Looking
    for that costs a tenth of cutting everybody's events twice."""
    slim = events.select(*cutting.key, TIME)
    if cutting.native:
        spans = slim.group_by(cutting.key).aggregate(_span=slim[TIME].max() - slim[TIME].min())
        found = spans.filter(spans["_span"] > LONGEST)
    else:
        bucket = max(cutting.timeout, _LEAST_BUCKET)
        count = max(_BLOCK // bucket, 1)
        placed = slim.mutate(
            _block=(slim[TIME] // _BLOCK).cast("int64"),
            _bit=((slim[TIME] % _BLOCK) // bucket).cast("int64"),
        )
        bits = ibis.cases(*((placed["_bit"] == i, 1 << i) for i in range(count)), else_=0).cast("int64")
        blocks = (
            placed.mutate(_bits=bits).group_by([*cutting.key, "_block"]).aggregate(_full=lambda t: bit_or(t["_bits"]))
        )
        found = blocks.filter(blocks["_full"] == (1 << count) - 1)
    return slim.semi_join(found.select(*cutting.key).distinct(), cutting.key)


def _pieces(runs: ir.Table, cutting: Cutting) -> ir.Table:
    """What runs over 24 hours are cut into: key and ``_run``, each with a further underscore, ``_first`` and ``_last``
    time."""
    key = [*cutting.key, "_run"]
    spans = runs.group_by(key).aggregate(_end=runs[TIME].max())
    long = spans.filter(spans["_end"] - spans["_run"] > LONGEST)
    of_long = runs.semi_join(long, key)
    day = ibis.cases(*((of_long[TIME] < at, n) for n, at in enumerate(cutting.midnights)), else_=len(cutting.midnights))
    dated = of_long.mutate(_day=day)
    pieces = dated.group_by([*key, "_day"]).aggregate(_first=dated[TIME].min(), _last=dated[TIME].max())
    return pieces.drop("_day").rename({f"_{name}": name for name in key})
