"""`events.toml`: which column of an event is what, and which events make which feature of a session.

[columns]
user = "visitor"               # without it the native session stands for the user
time = "created_at"
event = "action"               # without it every event is named "event"

[events]
deduplicate = "all_columns"    # or "event_id", or false

[features.leads]
count = ["COMMENT CREATED", "FOLLOW*"]

[features.pricing_views]
count = "page_view"
where = { path = "/pricing*" }

[features.revenue]
sum = "value"
events = "purchase"

[values]
path = { path_of = "page_location" }
page_location = { in = "event_params", key = "page_location", value = "string_value" }

[carry]
first_source = { first = "utm_source" }
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from flywheel_assets.errors import EventsError
from flywheel_assets.tables.generation import digest

TIME_UNITS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1, "nanoseconds": 10**-3}
"""Microseconds per unit of an epoch."""

DURATION_UNITS = {"seconds": 10**6, "minutes": 60 * 10**6, "hours": 3600 * 10**6}

Measure = Literal["count", "sum", "max", "distinct", "duration", "start_hour"]
Deduplicate = Literal["event_id", "all_columns"]

_MEASURES = ("count", "sum", "max", "distinct", "duration", "start_hour")
_ROLES = ("user", "time", "event", "session", "event_id", "time_unit", "timezone")
_OURS = {
    "session_id", "user_id", "timestamp_unix", "timestamp_utc", "events", "copies", "session_end", "likely_bot",
    "source_sessions",
}  # fmt: skip


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
    """What `events.toml` says. ``user`` or ``session`` is empty where events have none, never both."""

    time: str
    user: str = ""
    event: str = ""
    session: str = ""
    event_id: str = ""
    time_unit: str = ""
    timezone: str = "UTC"
    deduplicate: Deduplicate | None = "all_columns"
    ignored: tuple[str, ...] = ()
    identities: str = ""
    features: Mapping[str, Definition] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    carried: Mapping[str, Carried] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes with whatever of the mapping changes sessions; not with comments or order."""
        parts = [self.time, self.user, self.event, self.session, self.event_id, self.time_unit, self.timezone]
        maps = [sorted(part.items()) for part in (self.features, self.values, self.carried)]
        return digest(repr((parts, self.deduplicate, maps)))

    @property
    def referenced(self) -> list[str]:
        """The values that features and carried columns are made of, each once."""
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
        names = [self.user, self.time, self.event, self.session]
        names += [self.event_id] if self.deduplicate == "event_id" else []
        return list(dict.fromkeys(column for name in names + self.referenced for column in self.columns(name)))

    def features_of(self, name: str) -> tuple[str, ...]:
        """The features that an event of that name may make, those of a session's time aside."""
        of_events = {f: d.events for f, d in self.features.items() if d.measure not in ("duration", "start_hour")}
        return tuple(f for f, p in of_events.items() if p is None or any(matches(name, one) for one in p))

    def ignores(self, name: str) -> bool:
        """Whether the mapping says that events of that name make none."""
        return any(matches(name, one) for one in self.ignored)


def matches(name: str, pattern: str) -> bool:
    """Whether a name is the pattern, in which ``*`` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def read_mapping(path: Path, features: Sequence[str]) -> EventMapping:
    """The mapping in `events.toml`, which makes ``features``.

    Raises EventsError, naming file, key and line, for a file of another form, a feature without a definition or with
    two, and one that is not among ``features``."""
    return _Reader(path).mapping(features)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise EventsError(
                f"{path} cannot be read: {error.strerror}; to write one: flywheel events init FILE"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise EventsError(f"{path} is not TOML: {error}") from None

    def mapping(self, features: Sequence[str]) -> EventMapping:
        known = ("columns", "events", "features", "values", "carry")
        self._only(self.content, known, "the file")
        columns = self._table("columns")
        self._only(columns, _ROLES, "[columns]")
        roles = {name: self._text(columns, name, "[columns]") for name in columns}
        if not roles.get("time"):
            raise self.error(
                "time",
                '[columns] has no time: name the column that holds when an event happened, as in time = "created_at"',
            )
        if not roles.get("user") and not roles.get("session"):
            raise self.error(
                "columns", "[columns] has neither user nor session: name the column that tells users apart, or sessions"
            )
        if roles.get("time_unit", "seconds") not in TIME_UNITS:
            raise self.error("time_unit", f"time_unit is {roles['time_unit']!r}; expected {_either(TIME_UNITS)}")
        if roles.get("timezone"):
            try:
                ZoneInfo(roles["timezone"])
            except (ValueError, OSError, LookupError):
                raise self.error(
                    "timezone", f"timezone is {roles['timezone']!r}; expected a timezone's name, as in UTC"
                ) from None
        options = self._table("events")
        self._only(options, ("deduplicate", "ignore", "identities"), "[events]")
        deduplicate = options.get("deduplicate", "event_id" if roles.get("event_id") else "all_columns")
        if deduplicate is True or (deduplicate and deduplicate not in ("event_id", "all_columns")):
            raise self.error(
                "deduplicate", f'deduplicate is {deduplicate!r}; expected "event_id", "all_columns" or false'
            )
        if deduplicate == "event_id" and not roles.get("event_id"):
            raise self.error(
                "deduplicate", 'deduplicate is "event_id", and [columns] names no event_id: name its column'
            )
        values = {name: self._value(name, one) for name, one in self._table("values").items()}
        mapping = EventMapping(
            **roles,
            deduplicate=deduplicate or None,
            ignored=self._names(options.get("ignore", ()), "ignore"),
            identities=self._text(options, "identities", "[events]") if "identities" in options else "",
            features={name: self._definition(name, one, features) for name, one in self._table("features").items()},
            values=values,
            carried={name: self._carried(name, one, features) for name, one in self._table("carry").items()},
        )
        self._check_values(mapping)
        missing = [name for name in features if name not in mapping.features]
        if missing:
            names = ", ".join(missing)
            raise self.error(
                "features",
                f"no event makes the feature {names}: add [features.{missing[0]}], with count = [] where events do not "
                "record it",
            )
        ordered = {name: mapping.features[name] for name in features}
        return EventMapping(**{**vars(mapping), "features": ordered})

    def _definition(self, name: str, value: Any, features: Sequence[str]) -> Definition:
        where = f"[features.{name}]"
        if name not in features:
            raise self.error(
                f"features.{name}",
                f"{where} is no feature; the features are {', '.join(features)}. Add it to features.toml, or drop it",
            )
        if name.lower() in _OURS:
            raise self.error(
                f"features.{name}", f"{where} is the name of a column that sessions of events have: rename it"
            )
        table = self._is_table(value, where)
        self._only(table, (*_MEASURES, "events", "where"), where)
        measures = [m for m in _MEASURES if m in table]
        if len(measures) != 1:
            found = " and ".join(measures) or "none"
            raise self.error(f"features.{name}", f"{where} has {found}; expected one of {_either(_MEASURES)}")
        measure: Any = measures[0]
        conditions = self._is_table(table.get("where", {}), f"{where} where")
        by_value = tuple((of, self._names(texts, f"{where} where {of}")) for of, texts in conditions.items())
        if measure == "count":
            counted = table["count"]
            every = counted == "*"
            if "events" in table:
                raise self.error(f"features.{name}", f"{where} has count and events: name the events in count alone")
            return Definition("count", None if every else self._names(counted, f"{where} count"), by_value)
        events = self._names(table["events"], f"{where} events") if "events" in table else None
        if measure == "start_hour":
            if table[measure] is not True or events is not None or by_value:
                raise self.error(
                    f"features.{name}", f"{where} start_hour is true, alone: it is the hour of the first event"
                )
            return Definition("start_hour")
        of = self._text(table, measure, where)
        if measure == "duration" and (of not in DURATION_UNITS or events is not None or by_value):
            raise self.error(
                f"features.{name}",
                f"{where} has duration = {of!r}; expected {_either(DURATION_UNITS)}, and nothing else",
            )
        return Definition(measure, events, by_value, of)

    def _carried(self, name: str, value: Any, features: Sequence[str]) -> Carried:
        where = f"[carry] {name}"
        table = self._is_table(value, where)
        if name.lower() in _OURS or name in features:
            raise self.error(name, f"{where} is the name of a column that sessions have already: choose another")
        if len(table) != 1 or not {"first", "last"} & set(table):
            raise self.error(name, f'{where} needs first or last, as in {name} = {{ first = "utm_source" }}')
        ((which, of),) = table.items()
        return Carried(self._text({which: of}, which, where), which == "last")

    def _value(self, name: str, value: Any) -> Value:
        where = f"[values] {name}"
        table = self._is_table(value, where)
        if set(table) == {"path_of"}:
            return Value(path_of=self._text(table, "path_of", where))
        if set(table) == {"in", "key", "value"}:
            return Value("", *(self._text(table, part, where) for part in ("in", "key", "value")))
        raise self.error(
            name,
            f'{where} needs path_of = "a value with URLs", or in, key and value, as in {{ in = "event_params", '
            'key = "page_location", value = "string_value" }',
        )

    def _check_values(self, mapping: EventMapping) -> None:
        for name in mapping.values:
            seen, at = {name}, mapping.values[name]
            while at.path_of in mapping.values:
                if at.path_of in seen:
                    raise self.error(name, f"[values] {name} is made from itself")
                seen.add(at.path_of)
                at = mapping.values[at.path_of]

    def _table(self, name: str) -> dict[str, Any]:
        return self._is_table(self.content.get(name, {}), f"[{name}]")

    def _is_table(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(where.strip("[]").split(".")[-1], f"{where} is {value!r}; expected a table")
        return value

    def _text(self, table: Mapping[str, Any], name: str, where: str) -> str:
        value = table[name]
        if not isinstance(value, str) or not value:
            raise self.error(name, f"{where} has {name} = {value!r}; expected a text")
        return value

    def _names(self, value: Any, where: str) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise self.error(where.split()[-1], f"{where} is {value!r}; expected a text, or a list of texts")
        return tuple(names)

    def _only(self, table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
        for name in table:
            if name not in known:
                raise self.error(name, f"{where} has {name!r}; expected {_either(known)}")

    def error(self, key: str, message: str) -> EventsError:
        """The error, with the line on which the key stands, if it does."""
        last = key.split(".")[-1]
        form = rf"^\s*(?:\[\s*{re.escape(key)}\s*\]|\"?{re.escape(last)}\"?\s*=)"
        line = next((n for n, text in enumerate(self.text.splitlines(), 1) if re.search(form, text)), None)
        return EventsError(f"{self.path}{f', line {line}' if line else ''}: {message}")


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
