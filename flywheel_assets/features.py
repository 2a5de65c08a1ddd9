"""The features of a session: which there are, in which order and what they mean. `features.toml` states a team's own.

[features.pageviews]
kind = "count"                # count, amount, share or duration
unit = "pages"                # optional
description = "pages seen"    # optional
"""

import json
import math
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel_assets.errors import SettingsError

KINDS = ("count", "amount", "share", "duration")

LARGEST = 3.4028234e38
"""The largest number in 32 bits, which is what a network computes in."""

_KEYS = ("kind", "unit", "description")

WORKING_COLUMNS = ("cluster", "converted", "distance", "interval_start", "part")
"""What sessions carry beside their features where they are clustered and learnt from."""


@dataclass(frozen=True)
class Feature:
    """A number that each session has. ``kind`` is one of KINDS; only an amount may be negative, as a refund is. Of a
    feature that a model names and nobody described, ``kind``, ``unit`` and ``description`` are empty."""

    name: str
    kind: str = ""
    unit: str = ""
    description: str = ""

    @property
    def least(self) -> float:
        """The least valid value."""
        return -math.inf if self.kind == "amount" else 0.0

    @property
    def meaning(self) -> str:
        """``value of the basket (amount, EUR)``; empty where nobody described it."""
        what = ", ".join(filter(None, (self.kind, self.unit)))
        return f"{self.description} ({what})" if self.description and what else self.description or what

    @property
    def measured(self) -> str:
        """``value of the basket, EUR``: what it measures and in what; empty where nobody described it."""
        return ", ".join(filter(None, (self.description, self.unit)))


SHIPPED = (
    Feature("impressions", "count", "items", "items shown in lists"),
    Feature("pageviews", "count", "pages", "pages seen"),
    Feature("detail_pageviews", "count", "pages", "pages of a single item seen"),
    Feature("favorites", "count", "items", "items marked as a favorite"),
    Feature("shares", "count", "items", "items shared with others"),
    Feature("leads", "count", "leads", "contacts made with a seller"),
    Feature("distinct_categories", "count", "categories", "different categories seen"),
    Feature("distinct_items", "count", "items", "different items seen"),
)
"""The features of the shipped models."""


def model_features(names: Iterable[str], minimums: Iterable[float]) -> tuple[Feature, ...]:
    """The features that a model names, described as the shipped ones where they have their names. ``minimums``: the
    least value of each in the model's training data; where that is negative, the feature is an amount."""
    shipped = {feature.name: feature for feature in SHIPPED}
    known = [shipped.get(name, Feature(name)) for name in names]
    return tuple(
        Feature(one.name, "amount", one.unit, one.description) if least < 0 else one
        for one, least in zip(known, minimums, strict=True)
    )


def read_features(path: Path, taken: Collection[str] = ()) -> tuple[Feature, ...] | None:
    """The features that the file states, in its order; None without the file. ``taken``: names of columns of ours.

    Raises SettingsError, with the line where there is one, for a file that is not TOML or of another form, an unknown
    kind or key, no feature, and a name that is taken, that two features share but for case, or that a column cannot
    have."""
    if not path.is_file():
        return None
    try:
        return features_in(path.read_text(encoding="utf-8"), path, taken)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def features_in(text: str, path: Path, taken: Collection[str] = ()) -> tuple[Feature, ...]:
    """As :func:`read_features`, of a text that ``path`` has or is to have."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    stated = table.get("features")
    if set(table) != {"features"} or not isinstance(stated, dict):
        others = ", ".join(name for name in table if name != "features")
        raise SettingsError(
            f"{path} has {others or 'no table [features.NAME]'}; expected a table [features.NAME] per feature and "
            "nothing else. To write one from a session file: flywheel features init FILE"
        )
    if not stated:
        raise SettingsError(
            f"{path} states no feature; expected one or more. Delete it, then: flywheel features init FILE"
        )
    lower: dict[str, str] = {}
    for name, value in stated.items():
        wrong = name_problem(name, taken) or _wrong(name, value, lower)
        if wrong:
            raise SettingsError(f"{path}{_line(text, name)}, features.{name}: {wrong}")
        lower[name.lower()] = name
    return tuple(Feature(name, **value) for name, value in stated.items())


def name_problem(name: str, taken: Collection[str]) -> str:
    """Why no feature may have the name; empty where one may. ``taken``: names of columns of ours."""
    if not re.fullmatch(r"\w([\w -]*\w)?", name):
        return "no column can have this name; expected letters, digits, underscores, hyphens and blanks"
    ours = next((one for one in (*taken, *WORKING_COLUMNS) if one.lower() == name.lower()), None)
    return f"{ours} is a column of ours; give the feature another name" if ours else ""


def _wrong(name: str, value: Any, others: Mapping[str, str]) -> str:
    """What else is wrong with a feature's name or table; empty when nothing is. ``others``: names of the features
    before it, by their lower case."""
    if name.lower() in others:
        return f"{others[name.lower()]!r} differs in case only; rename or delete one"
    if not isinstance(value, dict):
        return f'it is {value!r}; expected a table with kind = "count"'
    for key, said in value.items():
        if key not in _KEYS:
            return f"unknown key {key}; expected {', '.join(_KEYS)}"
        if not isinstance(said, str):
            return f"{key} is {said!r}; expected a text in quotes"
    if value.get("kind") not in KINDS:
        said = f"kind is {value['kind']!r}" if "kind" in value else "there is no kind"
        return f"{said}; expected {', '.join(KINDS[:-1])} or {KINDS[-1]}"
    return ""


def _line(text: str, name: str) -> str:
    """``, line 3``, where the feature's table begins; empty where it is written in another way."""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.fullmatch(r"\[\s*features\s*\.\s*(.+?)\s*\]\s*(#.*)?", line.strip())
        if header and header[1] in (name, f"'{name}'", quoted(name)):
            return f", line {number}"
    return ""


def features_text(features: Iterable[Feature], comments: Iterable[str] = (), heading: str = "") -> str:
    """The content of `features.toml` that states these. ``comments``: one per feature, empty for none."""
    said = list(comments)
    lines = [
        f"# {heading}" if heading else "# The features of a session, in their order.",
        "# kind: count, amount (may be negative), share or duration. unit and description are for people; leave out",
        "# what you do not want measured, trimmed, clustered and learnt from: such a column passes through.",
    ]
    for position, feature in enumerate(features):
        key = feature.name if re.fullmatch(r"[A-Za-z0-9_-]+", feature.name) else quoted(feature.name)
        lines += ["", *([f"# {said[position]}"] if said and said[position] else []), f"[features.{key}]"]
        lines += [f"{name} = {quoted(getattr(feature, name))}" for name in _KEYS]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as TOML, which escapes what JSON does and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
