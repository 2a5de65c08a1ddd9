"""The pages of a system beside the report, one per interval: their links, what they are made from, and their file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.report import index
from flywheel_assets.intervals import Interval
from flywheel_assets.report.page import GENERATION_META
from flywheel_assets.report.pages import INDEX, Pages
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all


@dataclass(frozen=True)
class SystemPages:
    """``kind`` begins the names of the files. ``shown``: the tables on a page, of which those ``over_time`` are shown
    of all intervals up to its own; ``needed`` have to be there."""

    kind: str
    shown: Sequence[Table]
    over_time: Sequence[Table]
    needed: Sequence[Table]

    def of(self, flywheel: Flywheel) -> Pages:
        return Pages(flywheel.warehouse.folder, self.kind)

    def links(self, flywheel: Flywheel, interval: Interval) -> list[tuple[str, str]]:
        """The index, and the page of the previous interval where there is one or can be."""
        previous = flywheel.extent.previous(interval)
        links = [("All reports", INDEX)]
        if previous and self._possible(flywheel, previous):
            links.append(("Previous interval", self.of(flywheel).path(previous).name))
        return links

    def generation(self, flywheel: Flywheel, interval: Interval, parameters: Mapping[str, str]) -> Generation:
        """What the page would be made from now. ``parameters``: what it shows beside tables."""
        earlier = [i for i in flywheel.calendar if i.number <= interval.number]

        def digest(table: Table) -> str:
            intervals = earlier if table in self.over_time else [interval]
            made = [flywheel.warehouse.generation(table.name, i) for i in intervals]
            return digest_of_all(one.digest for one in made if one) or NOTHING

        return Generation(
            f"{self.kind}_page",
            {table.name: digest(table) for table in self.shown},
            {
                "interval number": str(interval.number),
                "closed": "yes" if flywheel.closed(interval) else "no",
                "links": repr(self.links(flywheel, interval)),
                **parameters,
            },
        )

    def is_stale(self, flywheel: Flywheel, interval: Interval, parameters: Mapping[str, str]) -> bool:
        """Whether the page could be made of the tables that are there, and is missing or made from other data."""
        if not self._possible(flywheel, interval):
            return False
        made = self.of(flywheel).digest(interval, GENERATION_META)
        return made != self.generation(flywheel, interval, parameters).digest

    def write(self, flywheel: Flywheel, interval: Interval, html: str) -> Path:
        """Write the page, and the index of all pages. Raises ReportError when that fails."""
        found = self.of(flywheel)
        written = found.path(interval)
        return found.write(interval, html, lambda: index(flywheel, written))

    def _possible(self, flywheel: Flywheel, interval: Interval) -> bool:
        return all(flywheel.warehouse.exists(table.name, interval) for table in self.needed)


def rows_of(flywheel: Flywheel, table: Table, interval: Interval) -> list[dict[str, Any]]:
    """All rows of a small table; none where it is not there."""
    return flywheel.rows(table, interval) if flywheel.warehouse.exists(table.name, interval) else []


def rows_up_to(flywheel: Flywheel, table: Table, interval: Interval) -> list[tuple[Interval, dict[str, Any]]]:
    """All rows of a small table of the intervals up to this one, the newest first."""
    earlier = [i for i in flywheel.calendar if i.number <= interval.number]
    return [(i, row) for i in reversed(earlier) for row in rows_of(flywheel, table, i)]
