"""A mapping as the text of `events.toml`, with a comment above each choice."""

import json
import re
from collections.abc import Iterable, Mapping

from flywheel_assets.features import Feature, features_text
from flywheel_assets.ingest.mapping import ROLES, Definition, EventMapping, Value


def mapping_text(mapping: EventMapping, comments: Mapping[str, str], heading: str) -> str:
    """The file that :func:`read_mapping` reads as ``mapping``. ``comments``: by role or option, or by
    ``features.NAME``; ``columns`` and ``features`` stand above their tables."""
    columns = {role: getattr(mapping, role) for role in ROLES}
    given = {role: value for role, value in columns.items() if value and (role, value) != ("timezone", "UTC")}
    if "timezone" in comments:
        given["timezone"] = mapping.timezone
    options: dict[str, object] = {"deduplicate": mapping.deduplicate or False}
    options |= {"ignore": [*mapping.ignored]} if mapping.ignored else {}
    options |= {"outside_sessions": [*mapping.outside_sessions]} if mapping.outside_sessions else {}
    options |= {"personal": [*mapping.personal]} if mapping.personal else {}
    options |= {"identities": mapping.identities} if mapping.identities else {}
    lines = [*_comment(heading), *_comment(comments.get("columns", "")), "", "[columns]"]
    lines += _assignments(given, comments)
    lines += ["", "[events]", *_assignments(options, comments)]
    lines += ["", *_comment(comments["features"])] if "features" in comments else []
    for name, definition in mapping.features.items():
        lines += ["", *_comment(comments.get(f"features.{name}", "")), f"[features.{_key(name)}]"]
        lines += _assignments(_definition(definition), {})
    if mapping.values:
        lines += ["", "[values]", *_assignments({n: _value(v) for n, v in mapping.values.items()}, {})]
    if mapping.carried:
        carried = {name: {"last" if one.last else "first": one.value} for name, one in mapping.carried.items()}
        lines += ["", *_comment(comments.get("carry", "")), "[carry]", *_assignments(carried, {})]
    if mapping.stated_kinds is not None:
        kinds = {name: _kind(one) for name, one in mapping.stated_kinds.items()}
        lines += ["", "[kinds]  # what is counted per user, for the score of intent", *_assignments(kinds, {})]
    return "\n".join(lines) + "\n"


def mapped_features_text(mapping: EventMapping) -> str:
    """The content of `features.toml` with the features that a mapping makes, in its order: counts are counts, sums and
    maxima amounts."""
    kinds = {"sum": "amount", "max": "amount", "duration": "duration"}
    features = [
        Feature(name, kinds.get(one.measure, "count"), one.of if one.measure == "duration" else "")
        for name, one in mapping.features.items()
    ]
    seen = [" ".join(filter(None, (one.measure, one.of))) for one in mapping.features.values()]
    heading = "The features of a session, in their order, of the kinds that the measures in events.toml have."
    return features_text(features, seen, heading)


def _assignments(table: Mapping[str, object], comments: Mapping[str, str]) -> Iterable[str]:
    for name, value in table.items():
        yield from _comment(comments.get(name, ""))
        yield f"{_key(name)} = {_toml(value)}"


def _definition(one: Definition) -> dict[str, object]:
    table: dict[str, object]
    if one.measure == "count":
        table = {"count": "*" if one.events is None else _names(one.events)}
    elif one.measure == "start_hour":
        table = {"start_hour": True}
    else:
        table = {one.measure: one.of} | ({} if one.events is None else {"events": _names(one.events)})
    return table | ({"where": {name: _names(texts) for name, texts in one.where}} if one.where else {})


def _kind(one: Definition) -> object:
    return _definition(one) if one.where else _definition(one)["count"]


def _names(names: tuple[str, ...]) -> object:
    """A single name as a text, but for ``*``, which alone would be every event."""
    return names[0] if len(names) == 1 and names[0] != "*" else [*names]


def _value(one: Value) -> dict[str, str]:
    return {"path_of": one.path_of} if one.path_of else {"in": one.within, "key": one.key, "value": one.field}


def _comment(text: str) -> list[str]:
    """Names of events may hold what a comment of TOML may not."""
    clean = (re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "?", line) for line in text.splitlines())
    return [f"# {line}".rstrip() for line in clean]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
