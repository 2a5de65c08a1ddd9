"""`conversion.toml`: what a conversion is, when it is predicted, and from which texts.

[conversion]
kinds = ["orders"]          # what events.toml counts: one event of these is a conversion
# column = "leads"          # or a column of landed sessions: above 0 is a conversion

[horizon]                   # with kinds, exactly one of the two
events = 3                  # after the session's first 3 events
# minutes = 5               # or 5 minutes after its start

[features]
categories = ["device"]     # texts that are known by then
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from flywheel_assets.conversion.definition import ConversionDefinition
from flywheel_assets.errors import ConversionError
from flywheel_assets.toml_reader import TomlReader, either, read_text

MOST_EVENTS = 1_000
MOST_MINUTES = 24 * 60

WAY_OUT = "to write one: flywheel conversion init"


def read_definition(
    path: Path, kinds: Sequence[str] | None, carried: Collection[str], taken: Collection[str]
) -> ConversionDefinition:
    """The definition in a file. ``kinds``: what events in sessions are counted by, None without events; ``carried``:
    the columns that `events.toml` carries; ``taken``: names that no category may have. Raises ConversionError, which
    names file, line and key."""
    reader = _Reader(read_text(path, ConversionError, WAY_OUT), path, ConversionError)
    return reader.definition(kinds, carried, taken)


class _Reader(TomlReader):
    def definition(
        self, kinds: Sequence[str] | None, carried: Collection[str], taken: Collection[str]
    ) -> ConversionDefinition:
        self.only(self.content, ("conversion", "horizon", "features"), "the file")
        table, horizon = self.table("conversion"), self.table("horizon")
        self.only(table, ("kinds", "column"), "[conversion]")
        self.only(horizon, ("events", "minutes"), "[horizon]")
        if len(table) != 1:
            expected = 'expected kinds, as in kinds = ["orders"], or column, as in column = "leads"'
            raise self.error("conversion", f"[conversion] has {' and '.join(table) or 'nothing'}; {expected}")
        if "column" in table:
            column, chosen = self.text(table, "column", "[conversion]"), tuple[str, ...]()
            if horizon:
                raise self.error(
                    "horizon",
                    "[horizon] is for events: with column a session is predicted at its start. Leave [horizon] out",
                )
        else:
            column, chosen = "", self._kinds(table["kinds"], kinds)
            if len(horizon) != 1:
                found = "both events and minutes" if horizon else "nothing"
                raise self.error("horizon", f"[horizon] has {found}; expected events = 3, or minutes = 5")
        return ConversionDefinition(
            chosen,
            column,
            self._whole(horizon, "events", MOST_EVENTS),
            self._whole(horizon, "minutes", MOST_MINUTES),
            self._categories(None if column else carried, taken, column),
        )

    def _kinds(self, value: object, kinds: Sequence[str] | None) -> tuple[str, ...]:
        where = "[conversion] kinds"
        if kinds is None:
            raise self.error(
                "kinds",
                f"{where} is of events, and there is no events.toml. Name a column of landed sessions, as in "
                'column = "leads", or write one: flywheel events init EVENTS',
                "[conversion]",
            )
        chosen = tuple(dict.fromkeys(self.names(value, where)))
        if not chosen:
            raise self.error("kinds", f"{where} is empty; expected {either(kinds)}", "[conversion]")
        for name in chosen:
            if name not in kinds:
                raise self.error(
                    "kinds",
                    f"{where} has {name!r}; what events.toml counts in sessions is {', '.join(kinds) or 'nothing'}",
                    "[conversion]",
                )
        return chosen

    def _whole(self, horizon: dict[str, object], name: str, most: int) -> int:
        if name not in horizon:
            return 0
        number = self.number(horizon, name, "[horizon]")
        if not (number.is_integer() and 1 <= number <= most):
            raise self.error(
                name, f"[horizon] has {name} = {number:g}; expected a whole number from 1 to {most:,}", "[horizon]"
            )
        return int(number)

    def _categories(self, carried: Collection[str] | None, taken: Collection[str], column: str) -> tuple[str, ...]:
        table, where = self.table("features"), "[features] categories"
        self.only(table, ("categories",), "[features]")
        names = tuple(dict.fromkeys(self.names(table.get("categories", ()), where)))
        for name in names:
            if name == column:
                raise self.error("categories", f"{where} has {name!r}, which says who converts", "[features]")
            if name in taken or not re.fullmatch(r"\w+", name):
                problem = "the name of a column of ours" if name in taken else "no name of a column"
                raise self.error("categories", f"{where} has {name!r}, {problem}; rename it", "[features]")
            if carried is not None and name not in carried:
                raise self.error(
                    "categories",
                    f"{where} has {name!r}; [carry] of events.toml has {', '.join(carried) or 'nothing'}",
                    "[features]",
                )
        return names
