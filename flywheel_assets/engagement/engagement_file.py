"""`engagement.toml`: what engagement is, how it is judged, and which events are interactions.

engaged_from = 4            # from which strength on somebody engaged
protocol = "last ten"       # or "last one", "time cut": which interactions judge the model that is promoted

[interactions]              # of the flywheel's own events; without it those that were imported
item = "item_id"            # what of events.toml says the item
groups = "category"         # and what the item belongs to, if anything does

[interactions.weights]      # kinds of events.toml: of several that an event is of, the greatest counts
views = 1
comments = 4
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flywheel_assets.errors import EngagementError
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.toml_reader import TomlReader, either, read_text

LAST_TEN, LAST_ONE, TIME_CUT = "last ten", "last one", "time cut"
PROTOCOLS = (LAST_TEN, LAST_ONE, TIME_CUT)


@dataclass(frozen=True)
class EngagementDefinition:
    """``item`` is empty where interactions are imported; ``weights`` by kind of `events.toml`."""

    engaged_from: float = 4.0
    protocol: str = LAST_TEN
    item: str = ""
    groups: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)


def engagement_definition(path: Path, mapping: EventMapping | None) -> EngagementDefinition:
    """What the file says, the defaults where it is missing. ``mapping``: of `events.toml`, None without it. Raises
    EngagementError, which names file, line and key."""
    if not path.is_file():
        return EngagementDefinition()
    reader = _Reader(read_text(path, EngagementError, "expected UTF-8"), path, EngagementError)
    return reader.definition(mapping)


class _Reader(TomlReader):
    def definition(self, mapping: EventMapping | None) -> EngagementDefinition:
        content, where = self.content, "the file"
        self.only(content, ("engaged_from", "protocol", "interactions"), where)
        default = EngagementDefinition()
        engaged_from = self.number(content, "engaged_from", where) if "engaged_from" in content else 4.0
        protocol = self.text(content, "protocol", where) if "protocol" in content else default.protocol
        if protocol not in PROTOCOLS:
            raise self.error("protocol", f"protocol is {protocol!r}; expected {either(PROTOCOLS)}")
        if "interactions" not in content:
            return EngagementDefinition(engaged_from, protocol)
        section = "[interactions]"
        table = self.table("interactions")
        self.only(table, ("item", "groups", "weights"), section)
        if mapping is None:
            raise self.error(
                "interactions",
                f"{section} is of events, and there is no events.toml. Write one: flywheel events init EVENTS",
            )
        for name in ("item", "weights"):
            if name not in table:
                raise self.error("interactions", f"{section} has no {name}; expected item and weights")
        for name in ("item", "groups"):
            if name in table and self.text(table, name, section) not in mapping.referenced:
                raise self.error(
                    name,
                    f"{section} has {name} = {table[name]!r}; what events.toml reads of events is "
                    f"{', '.join(mapping.referenced) or 'nothing'}. Carry it: [carry] of events.toml",
                    section,
                )
        return EngagementDefinition(
            engaged_from, protocol, table["item"], table.get("groups", ""), self._weights(table["weights"], mapping)
        )

    def _weights(self, value: object, mapping: EventMapping) -> dict[str, float]:
        section = "[interactions.weights]"
        table = self.as_table(value, section)
        for name in table:
            if name not in mapping.kinds:
                kinds = ", ".join(mapping.kinds) or "nothing"
                raise self.error(name, f"{section} has {name!r}; what events.toml counts is {kinds}", section)
        if not table:
            raise self.error("weights", f"{section} is empty; expected {either(list(mapping.kinds))}")
        return {name: self.number(table, name, section) for name in table}
