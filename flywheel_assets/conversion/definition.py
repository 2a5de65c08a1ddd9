"""What a conversion is, and when it is predicted, as `conversion.toml` says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flywheel_assets.ingest.mapping import Definition, EventMapping

CONVERSION_MODEL = "conversion"
"""The name of the model in its bundle."""

COMMANDS = "flywheel conversion"

TIMES = ("duration", "start_hour")
"""Measures of when a session is. At the horizon others say that: seconds_so_far and hour."""


@dataclass(frozen=True)
class ConversionDefinition:
    """``kinds``: names of what `events.toml` counts, of which one event is a conversion; or, where they are none,
    ``column``: the column of landed sessions that says so when it is above 0. The horizon: after a session's first
    ``events``, or ``minutes`` after its start; with a column both are 0, and the horizon is the start. ``categories``:
    columns of texts that are known by then."""

    kinds: tuple[str, ...] = ()
    column: str = ""
    events: int = 0
    minutes: int = 0
    categories: tuple[str, ...] = ()

    @property
    def horizon(self) -> str:
        """When a session is predicted, in words: every figure carries it."""
        if self.events:
            return "after the first event" if self.events == 1 else f"after the first {self.events} events"
        if self.minutes:
            return f"{self.minutes} {'minute' if self.minutes == 1 else 'minutes'} after the start"
        return "at the start of the session"

    @property
    def conversion(self) -> str:
        """What a conversion is, in words."""
        return f"an event of {' or '.join(self.kinds)}" if self.kinds else f"{self.column} above 0"


@dataclass(frozen=True)
class Measures:
    """What is measured of a session, by name: ``counts`` of events and other ``measures`` up to the horizon, and
    ``features`` of the whole session, which say something of later ones. ``targets``: which events are conversions."""

    counts: Mapping[str, Definition]
    measures: Mapping[str, Definition]
    features: Mapping[str, Definition]
    targets: tuple[Definition, ...]

    @classmethod
    def of(cls, mapping: EventMapping, definition: ConversionDefinition) -> "Measures":
        """What counts a conversion is measured of whole sessions only. A feature that counts what a kind counts is
        measured once."""
        counted = countable(mapping)
        targets = tuple(counted[name] for name in definition.kinds)
        features = {name: one for name, one in mapping.features.items() if one.measure != "start_hour"}
        others = {n: one for n, one in features.items() if one.measure not in ("count", *TIMES)}
        counts = {n: counted[n] for n in in_sessions(mapping) if counted[n] not in targets}
        return cls(counts, others, features, targets)

    @cached_property
    def so_far(self) -> Mapping[str, Definition]:
        """Counts and measures up to the horizon."""
        return {**self.counts, **self.measures}


def countable(mapping: EventMapping) -> dict[str, Definition]:
    """What events are counted by: the kinds of `events.toml`, and the features that count events and equal none."""
    counted = dict(mapping.kinds)
    for name, one in mapping.features.items():
        if one.measure == "count" and name not in counted and one not in counted.values():
            counted[name] = one
    return counted


def in_sessions(mapping: EventMapping) -> list[str]:
    """Those of :func:`countable` that sessions may have: a conversion is one of them."""
    return [name for name, one in countable(mapping).items() if not _outside(mapping, one.events)]


def _outside(mapping: EventMapping, names: Sequence[str] | None) -> bool:
    return names is not None and all(mapping.outside(name) for name in names)
