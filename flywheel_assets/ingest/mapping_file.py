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

[kinds]                        # what is counted per user; without it every feature that counts
pricing_visits = { count = "page_view", where = { path = "/pricing*" } }
demo_requests = "demo_request"
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
    objection_to_kind,
)
from flywheel_assets.toml_reader import TomlReader, either, read_text


def read_mapping(path: Path, features: Sequence[str] | None, taken: Collection[str] = ()) -> EventMapping:
    """The mapping in `events.toml`, which makes ``features``; None takes those that it defines.

    ``taken``: names of columns of ours, which no carried value may have. Raises EventsError, naming file, key and line,
    for a file of another form, a feature without a definition or with two, one that is not among ``features``, and a
    name that is taken."""
    text = read_text(path, EventsError, "to write one: flywheel events init FILE")
    return mapping_in(text, path, features, taken)


def mapping_in(text: str, path: Path, features: Sequence[str] | None, taken: Collection[str] = ()) -> EventMapping:
    """As :func:`read_mapping`, of a text that ``path`` has or is to have."""
    reader = _Reader(text, path, taken)
    return reader.mapping(reader.defined if features is None else features)


class _Reader(TomlReader):
    def __init__(self, text: str, path: Path, taken: Collection[str]) -> None:
        super().__init__(text, path, EventsError)
        self.taken = {name.lower() for name in (*TAKEN, *taken)}

    @property
    def defined(self) -> list[str]:
        """The names of the features that the text defines, in its order."""
        return [*self.table("features")]

    def mapping(self, features: Sequence[str]) -> EventMapping:
        known = ("columns", "events", "features", "values", "carry", "kinds")
        self.only(self.content, known, "the file")
        columns = self.table("columns")
        self.only(columns, ROLES, "[columns]")
        roles: dict[str, Any] = {name: self.text(columns, name, "[columns]") for name in columns}
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
            raise self.error("time_unit", f"time_unit is {roles['time_unit']!r}; expected {either(TIME_UNITS)}")
        if roles.get("timezone"):
            try:
                ZoneInfo(roles["timezone"])
            except (ValueError, OSError, LookupError):
                raise self.error(
                    "timezone", f"timezone is {roles['timezone']!r}; expected a timezone's name, as in UTC"
                ) from None
        options = self.table("events")
        self.only(options, ("deduplicate", "ignore", "outside_sessions", "personal", "identities"), "[events]")
        deduplicate = options.get("deduplicate", "event_id" if roles.get("event_id") else "all_columns")
        if deduplicate is True or (deduplicate and deduplicate not in ("event_id", "all_columns")):
            raise self.error(
                "deduplicate", f'deduplicate is {deduplicate!r}; expected "event_id", "all_columns" or false'
            )
        if deduplicate == "event_id" and not roles.get("event_id"):
            raise self.error(
                "deduplicate", 'deduplicate is "event_id", and [columns] names no event_id: name its column'
            )
        values = {name: self._value(name, one) for name, one in self.table("values").items()}
        mapping = EventMapping(
            **roles,
            deduplicate=deduplicate or None,
            ignored=self.names(options.get("ignore", ()), "ignore"),
            outside_sessions=self.names(options.get("outside_sessions", ()), "outside_sessions"),
            personal=self.names(options.get("personal", ()), "personal"),
            identities=self.text(options, "identities", "[events]") if "identities" in options else "",
            features={name: self._definition(name, one, features) for name, one in self.table("features").items()},
            values=values,
            carried={name: self._carried(name, one, features) for name, one in self.table("carry").items()},
        )
        self._check_values(mapping)
        unknown = [name for name in mapping.personal if name not in mapping.carried]
        if unknown:
            carried = ", ".join(mapping.carried) or "nothing"
            raise self.error("personal", f"personal has {unknown[0]!r}, which [carry] does not have: it has {carried}")
        missing = [name for name in features if name not in mapping.features]
        if missing:
            names = ", ".join(missing)
            raise self.error(
                "features",
                f"no event makes the feature {names}: add [features.{missing[0]}], with count = [] where events do not "
                "record it",
            )
        ordered = {name: mapping.features[name] for name in features}
        mapping = replace(mapping, features=ordered)
        if "kinds" not in self.content:
            return mapping
        return replace(mapping, stated_kinds={n: self._kind(n, v, mapping) for n, v in self.table("kinds").items()})

    def _kind(self, name: str, value: Any, mapping: EventMapping) -> Definition:
        where, key = f"[kinds] {name}", f"kinds.{name}"
        objection = objection_to_kind(name, mapping.carried)
        if objection:
            raise self.error(key, f"{where} {objection}: choose another")
        table = {"count": value} if isinstance(value, str | list) else self.as_table(value, where)
        self.only(table, ("count", "where"), where)
        if "count" not in table:
            raise self.error(key, f'{where} needs count, as in {name} = {{ count = "page_view" }}')
        return self._counted(table, where)

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
        table = self.as_table(value, where)
        self.only(table, (*MEASURES, "events", "where"), where)
        measures = [m for m in MEASURES if m in table]
        if len(measures) != 1:
            found = " and ".join(measures) or "none"
            raise self.error(f"features.{name}", f"{where} has {found}; expected one of {either(MEASURES)}")
        measure: Any = measures[0]
        by_value = self._conditions(table, where)
        if measure == "count":
            if "events" in table:
                raise self.error(f"features.{name}", f"{where} has count and events: name the events in count alone")
            return self._counted(table, where)
        events = self.names(table["events"], f"{where} events") if "events" in table else None
        if measure == "start_hour":
            if table[measure] is not True or events is not None or by_value:
                raise self.error(
                    f"features.{name}", f"{where} start_hour is true, alone: it is the hour of the first event"
                )
            return Definition("start_hour")
        of = self.text(table, measure, where)
        if measure == "duration" and (of not in DURATION_UNITS or events is not None or by_value):
            raise self.error(
                f"features.{name}",
                f"{where} has duration = {of!r}; expected {either(DURATION_UNITS)}, and nothing else",
            )
        return Definition(measure, events, by_value, of)

    def _counted(self, table: Mapping[str, Any], where: str) -> Definition:
        names = None if table["count"] == "*" else self.names(table["count"], f"{where} count")
        return Definition("count", names, self._conditions(table, where))

    def _conditions(self, table: Mapping[str, Any], where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        conditions = self.as_table(table.get("where", {}), f"{where} where")
        return tuple((of, self.names(texts, f"{where} where {of}")) for of, texts in conditions.items())

    def _carried(self, name: str, value: Any, features: Sequence[str]) -> Carried:
        where = f"[carry] {name}"
        table = self.as_table(value, where)
        others = [other for other in self.content["carry"] if other != name]
        if name.lower() in self.taken | {other.lower() for other in (*features, *others)}:
            raise self.error(name, f"{where} is the name of a column that sessions have already: choose another")
        if len(table) != 1 or not {"first", "last"} & set(table):
            raise self.error(name, f'{where} needs first or last, as in {name} = {{ first = "utm_source" }}')
        ((which, of),) = table.items()
        return Carried(self.text({which: of}, which, where), which == "last")

    def _value(self, name: str, value: Any) -> Value:
        where = f"[values] {name}"
        table = self.as_table(value, where)
        if set(table) == {"path_of"}:
            return Value(path_of=self.text(table, "path_of", where))
        if set(table) == {"in", "key", "value"}:
            return Value("", *(self.text(table, part, where) for part in ("in", "key", "value")))
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
