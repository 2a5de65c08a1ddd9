"""What tables were made from and would be made from now, and so which are stale, and why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

Digest = Callable[[Table, Interval], str]
Wanted = Callable[[Table, Interval], Generation]


class Lineage:
    """The generations of tables, as their files say and as they should be."""

    def __init__(self, flywheel: "Flywheel") -> None:
        self.flywheel = flywheel

    def generation(self, table: Table, interval: Interval, digest: Digest | None = None) -> Generation:
        """The generation that a table would have if it were made now from the present tables. ``digest``: of each of
        its sources, in place of :meth:`stored_digest`. One that an earlier version of Flywheel wrote otherwise, of the
        same sources and parameters, is as it was written."""
        digest = digest or self.stored_digest
        sources = {
            source.name: source.fingerprint(self.flywheel, interval) if source.fingerprint else digest(source, interval)
            for source in self._sources(table)
        }
        for source in self._previous(table):
            previous = self.flywheel.extent.previous(interval)
            sources[f"previous {source.name}"] = digest(source, previous) if previous else NOTHING
        for source in table.earlier:
            sources[f"earlier {source.name}"] = digest_of_all(digest(source, i) for i in self._earlier(table, interval))
        wanted = Generation(table.name, sources, table.parameters(self.flywheel, interval), table.code_version)
        return self._as_made(wanted, table, interval)

    def target(
        self,
        table: Table,
        interval: Interval,
        digest: Digest | None = None,
        by_champion: bool = False,
        forget_missing: bool = False,
    ) -> Generation:
        """The generation that a table should have: that of :meth:`generation`, with two exceptions. A promotion leaves
        a table to the models that labelled it, unless it is to be ``by_champion``; files that vanished from the landing
        folder leave it what they held, unless they are to be forgotten."""
        target, made = (
            self.generation(table, interval, digest),
            self.flywheel.warehouse.generation(table.name, interval),
        )
        if made is None:
            return target
        models = () if by_champion else table.model_parameters(self.flywheel)
        landed = () if forget_missing else [source for source in self._sources(table) if source.news]
        old = {name: made.parameters[name] for name in models if name in made.parameters}
        kept = {s.name: made.sources[s.name] for s in landed if s.news and not s.news(self.flywheel, interval)}
        target = replace(target, sources={**target.sources, **kept}, parameters={**target.parameters, **old})
        return self._as_made(target, table, interval)

    def stored_digest(self, table: Table, interval: Interval) -> str:
        """The generation of a table that is there, as a digest; NOTHING where it is not."""
        made = self.flywheel.warehouse.generation(table.name, interval)
        return made.digest if made else NOTHING

    def made_with(self, table: str, interval: Interval, parameter: str) -> str | None:
        """A parameter of a table as it is there; None where it or the parameter is not."""
        made = self.flywheel.warehouse.generation(table, interval)
        return made.parameters.get(parameter) if made else None

    def stale_because(self, table: Table, interval: Interval, wanted: Wanted | None = None) -> str:
        """Why a table is not what ``wanted`` says, in words; empty when it is. By default :meth:`target`."""
        made = self.flywheel.warehouse.generation(table.name, interval)
        if made is None:
            return f"it {self._seen(table.name, interval)}"
        target = (wanted or self.target)(table, interval)
        if made.digest != target.digest:
            news = {source.name: source.news(self.flywheel, interval) for source in self._sources(table) if source.news}
            told = {name: target.sources[name] for name, what in news.items() if what}
            rest = replace(_in_present_form(made, table), sources={**made.sources, **told})
            differences = rest.stale_because(target, self.generation(table, interval))
            return "; ".join(filter(None, [*news.values(), differences]))
        for name in table.companions(self.flywheel):  # a kill between the two leaves the one of before
            if self.flywheel.warehouse.generation(name, interval) != made:
                return f"{self.flywheel.warehouse.path(name, interval).name} beside it {self._seen(name, interval)}"
        return ""

    def inputs(self, table: Table, interval: Interval) -> list[tuple[Table, Interval]]:
        """The tables, each of an interval, that a table of the interval is made from; landed files aside."""
        previous = self.flywheel.extent.previous(interval)
        return [
            *((source, interval) for source in self._sources(table) if source.fingerprint is None),
            *((source, previous) for source in self._previous(table) if previous),
            *((source, i) for source in table.earlier for i in self._earlier(table, interval)),
        ]

    def _earlier(self, table: Table, interval: Interval) -> list[Interval]:
        """The earlier intervals that a table needs."""
        earlier = list(self.flywheel.extent.earlier(interval))
        if table.look_back is None:
            return earlier
        first_day = interval.last_day - timedelta(days=table.look_back(self.flywheel.settings) - 1)
        return [one for one in earlier if one.last_day >= first_day]

    def _sources(self, table: Table) -> list[Table]:
        return [*table.sources_in(self.flywheel.settings), *self.flywheel.makeable(table.optional)]

    def _previous(self, table: Table) -> list[Table]:
        return [source for source in table.previous if source.used(self.flywheel.settings)]

    def _as_made(self, wanted: Generation, table: Table, interval: Interval) -> Generation:
        """The same generation in the form in which an earlier version of Flywheel wrote it, where that is all the
        difference: what was made from the table knows it by that digest."""
        made = self.flywheel.warehouse.generation(table.name, interval) if table.present_form else None
        return made if made and _in_present_form(made, table) == wanted else wanted

    def _seen(self, table: str, interval: Interval) -> str:
        """What is the matter with a file that does not have the generation that it should have."""
        if not self.flywheel.warehouse.exists(table, interval):
            return "is not there"
        unreadable = self.flywheel.warehouse.rows(table, interval) is None
        return "cannot be read" if unreadable else "was not made from these tables"


def _in_present_form(made: Generation, table: Table) -> Generation:
    return replace(made, parameters=table.present_form(made.parameters)) if table.present_form else made
