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
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.mapping import (
    DURATION_UNITS,
    MEASURES,
    ROLES,
    TAKEN,
    TIME_UNITS,
    Carried,
    Definition,
    EventMapping,
    Value,
)


def read_mapping(path: Path, features: Sequence[str] | None, taken: Collection[str] = ()) -> EventMapping:
    """The mapping in `events.toml`, which makes ``features``; None takes those that it defines.

    ``taken``: names of columns of ours, which no carried value may have. Raises EventsError, naming file, key and line,
    for a file of another form, a feature without a definition or with two, one that is not among ``features``, and a
    name that is taken."""
    try:
        return mapping_in(path.read_text(encoding="utf-8"), path, features, taken)
    except OSError as error:
        raise EventsError(f"{path} cannot be read: {error.strerror}; to write one: flywheel events init FILE") from None
    except UnicodeDecodeError as error:
        raise EventsError(f"{path} is not TOML: {error}") from None


def mapping_in(text: str, path: Path, features: Sequence[str] | None, taken: Collection[str] = ()) -> EventMapping:
    """As :func:`read_mapping`, of a text that ``path`` has or is to have."""
    reader = _Reader(text, path, taken)
    return reader.mapping(reader.defined if features is None else features)


class _Reader:
    def __init__(self, text: str, path: Path, taken: Collection[str]) -> None:
        self.path, self.text = path, text
        self.taken = {name.lower() for name in (*TAKEN, *taken)}
        try:
            self.content: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise EventsError(f"{path} is not TOML: {error}") from None

    @property
    def defined(self) -> list[str]:
        """The names of the features that the text defines, in its order."""
        return [*self._table("features")]

    def mapping(self, features: Sequence[str]) -> EventMapping:
        known = ("columns", "events", "features", "values", "carry")
        self._only(self.content, known, "the file")
        columns = self._table("columns")
        self._only(columns, ROLES, "[columns]")
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
                f"{where} is no feature; the features are {', '.join(features)}. Add it to features.toml, or drop "
                "it; where there is no features.toml, flywheel start writes it from this file",
            )
        if name.lower() in TAKEN:
            raise self.error(
                f"features.{name}", f"{where} is the name of a column that sessions of events have: rename it"
            )
        table = self._is_table(value, where)
        self._only(table, (*MEASURES, "events", "where"), where)
        measures = [m for m in MEASURES if m in table]
        if len(measures) != 1:
            found = " and ".join(measures) or "none"
            raise self.error(f"features.{name}", f"{where} has {found}; expected one of {_either(MEASURES)}")
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
        others = [other for other in self.content["carry"] if other != name]
        if name.lower() in self.taken | {other.lower() for other in (*features, *others)}:
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
