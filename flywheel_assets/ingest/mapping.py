"""What events hold, as `events.toml` says: which column is what, and which events make which feature of a session."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from flywheel_assets.tables.generation import digest

TIME_UNITS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1, "nanoseconds": 10**-3}
"""Microseconds per unit of an epoch."""

DURATION_UNITS = {"seconds": 10**6, "minutes": 60 * 10**6, "hours": 3600 * 10**6}

Measure = Literal["count", "sum", "max", "distinct", "duration", "start_hour"]
Deduplicate = Literal["event_id", "all_columns"]

MEASURES = ("count", "sum", "max", "distinct", "duration", "start_hour")
ROLES = ("user", "time", "event", "session", "event_id", "time_unit", "timezone")
TAKEN = {
    "session_id", "user_id", "timestamp_unix", "timestamp_utc", "events", "copies", "session_end", "likely_bot",
    "source_sessions",
}  # fmt: skip
"""Columns of sessions of events: neither a feature nor a carried value may have their names."""


OUTCOMES = (
    "purchases",
    "purchase",
    "orders",
    "conversions",
    "subscriptions",
    "payments",
    "leads",
    "signups",
    "bookings",
)
"""Kinds that are taken for a conversion where nobody says which is, the likeliest first."""

TAKEN_BY_USERS = {
    "user_id", "day", "events", "sessions", "seconds", "likely_bot", "active_days", "pages_per_session", "minutes",
    "features_used", "trend", "first_seen_days",
}  # fmt: skip
"""Columns of users: no kind may have their names."""


@dataclass(frozen=True)
class Definition:
    """How a feature is measured. ``events``: names that count, with ``*`` for any text; None: every event. ``where``:
    values that match too, by name. ``of``: the value that is summed, or whose maximum or distinct values count, or the
    unit of a duration."""

    measure: Measure
    events: tuple[str, ...] | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    of: str = ""


@dataclass(frozen=True)
class Carried:
    """A value of the first or the last event of a session that has one."""

    value: str
    last: bool = False


@dataclass(frozen=True)
class Value:
    """A value that is not a column itself. ``path_of``: the path of the URL in another value. ``within``: a repeated
    column of keys and values, as GA4's ``event_params``; then ``key`` says which, and ``field`` which of its typed
    values."""

    path_of: str = ""
    within: str = ""
    key: str = ""
    field: str = ""


@dataclass(frozen=True)
class EventMapping:
    """What `events.toml` says. ``user`` or ``session`` is empty where events have none, never both. Events with a
    name of ``outside_sessions`` are part of no session; ``personal`` are carried columns that hold personal data and
    are kept on purpose."""

    time: str
    user: str = ""
    event: str = ""
    session: str = ""
    event_id: str = ""
    time_unit: str = ""
    timezone: str = "UTC"
    deduplicate: Deduplicate | None = "all_columns"
    ignored: tuple[str, ...] = ()
    outside_sessions: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    identities: str = ""
    features: Mapping[str, Definition] = field(default_factory=dict)
    stated_kinds: Mapping[str, Definition] | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    carried: Mapping[str, Carried] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes with whatever of the mapping changes sessions; not with comments or order."""
        parts = [self.time, self.user, self.event, self.session, self.event_id, self.time_unit, self.timezone]
        maps = [sorted(part.items()) for part in (self.features, self.values, self.carried)]
        further = [*self.outside_sessions]
        if self.deduplicate == "all_columns":  # which the values of kinds are among
            further += self.referenced[len(self._of_features) :]
        return digest(repr((parts, self.deduplicate, maps, *([further] if further else []))))

    @cached_property
    def kinds(self) -> Mapping[str, Definition]:
        """What is counted per user: what [kinds] states, without it the features that count events of some names."""
        if self.stated_kinds is not None:
            return self.stated_kinds
        counts = {name: one for name, one in self.features.items() if one.measure == "count" and one.events}
        return {name: one for name, one in counts.items() if not objection_to_kind(name, self.carried)}

    @property
    def kinds_digest(self) -> str:
        """Changes with whatever of the mapping changes what is counted per user."""
        return digest(repr((self.digest, sorted(self.kinds.items()))))

    @property
    def referenced(self) -> list[str]:
        """The values that features, carried columns and kinds are made of, each once."""
        return list(dict.fromkeys([*self._of_features, *(n for one in self.kinds.values() for n, _ in one.where)]))

    @property
    def _of_features(self) -> list[str]:
        names: list[str] = []
        for definition in self.features.values():
            names += [definition.of] if definition.measure in ("sum", "max", "distinct") else []
            names += [name for name, _ in definition.where]
        return list(dict.fromkeys(names + [c.value for c in self.carried.values()]))

    @property
    def numbers(self) -> list[str]:
        """The values that have to be numbers."""
        of = (d.of for d in self.features.values() if d.measure in ("sum", "max"))
        return list(dict.fromkeys(of))

    def columns(self, value: str) -> list[str]:
        """What of a file a value, or a role, is read from: a column, or a field within, as in ``device.category``."""
        made = self.values.get(value)
        if made is None:
            return [value] if value else []
        return self.columns(made.path_of) if made.path_of else [made.within]

    @property
    def needed(self) -> list[str]:
        """The columns, or fields within them, that every file of events must have."""
        return list(dict.fromkeys(self.roles + [column for name in self.referenced for column in self.columns(name)]))

    @property
    def roles(self) -> list[str]:
        """Those of them that play a role: user, time, event, session, and the id where copies are told by it."""
        names = [self.user, self.time, self.event, self.session]
        names += [self.event_id] if self.deduplicate == "event_id" else []
        return list(dict.fromkeys(column for name in names for column in self.columns(name)))

    def features_of(self, name: str) -> tuple[str, ...]:
        """The features that an event of that name may make, those of a session's time aside."""
        of_events = {f: d.events for f, d in self.features.items() if d.measure not in ("duration", "start_hour")}
        return tuple(f for f, p in of_events.items() if p is None or any(matches(name, one) for one in p))

    def kinds_of(self, name: str) -> tuple[str, ...]:
        """The kinds that an event of that name may be of."""
        events = {kind: one.events for kind, one in self.kinds.items()}
        return tuple(kind for kind, of in events.items() if of is None or any(matches(name, one) for one in of))

    def outside(self, name: str) -> bool:
        """Whether events of that name are part of no session."""
        return any(matches(name, one) for one in self.outside_sessions)

    def ignores(self, name: str) -> bool:
        """Whether the mapping says that events of that name make none."""
        return any(matches(name, one) for one in self.ignored)


def objection_to_kind(name: str, carried: Collection[str] = ()) -> str:
    """Why a name cannot be a kind's, whose name columns of tables have; empty where it can."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        return "is no name of a column: expected lower-case letters, digits and underscores, as in demo_requests"
    taken = name in TAKEN_BY_USERS or name.startswith("days_since_") or name in {one.lower() for one in carried}
    return "is the name of a column that users have already" if taken else ""


def matches(name: str, pattern: str) -> bool:
    """Whether a name is the pattern, in which ``*`` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None
