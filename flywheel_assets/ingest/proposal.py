"""A proposal: what `events.toml` and `features.toml` may say for files of events, with why. Writes nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from flywheel_assets.errors import EventsError
from flywheel_assets.features import WORKING_COLUMNS, Feature, features_text
from flywheel_assets.ingest.column_roles import Sample, roles, time_unit
from flywheel_assets.ingest.mapping import TAKEN, Carried, Definition, EventMapping, Value, objection_to_kind
from flywheel_assets.ingest.mapping_text import mapping_text
from flywheel_assets.ingest.measures import Measured, fitted, measures
from flywheel_assets.ingest.named_files import readable, united
from flywheel_assets.ingest.presets import Preset, preset_of
from flywheel_assets.ingest.proposal_comments import comments, warnings
from flywheel_assets.ingest.rules import problem
from flywheel_assets.ingest.text_files import UNREADABLE
from flywheel_assets.warehouse.engine import Engine

MOST_ROWS = 1_000_000
"""Rows that are looked at; of larger files the figures are of so many."""


@dataclass(frozen=True)
class Proposal:
    """``comments``: by choice, as :func:`mapping_text` takes them. ``seen``: of each feature. ``warnings``: what a
    person has to know before anything is made of it. ``names``: rows by name of event, the most frequent first."""

    preset: str
    mapping: EventMapping
    features: tuple[Feature, ...]
    comments: Mapping[str, str]
    seen: tuple[str, ...]
    warnings: tuple[str, ...]
    names: Mapping[str, int]
    files: str

    def events_toml(self) -> str:
        heading = (
            f"What raw events hold, and which of them make which feature. Seen in {self.files}; preset {self.preset}.\n"
            "Change what is wrong, then: flywheel events check FILE"
        )
        return mapping_text(self.mapping, self.comments, heading)

    def features_toml(self) -> str:
        heading = f"The features of a session, in their order. Seen in {self.files}; events.toml says what makes each."
        return features_text(self.features, self.seen, heading)


def propose(
    engine: Engine,
    files: Sequence[Path],
    preset: str | None = None,
    features: Sequence[Feature] | None = None,
    taken: Collection[str] = (),
) -> Proposal:
    """A mapping of the events in the files, parquet, CSV or JSON lines, and the features that they make.

    ``preset``: a name of PRESETS; None recognizes it by the columns. ``features``: those that a team has stated
    already, which are defined then and no others. ``taken``: names that no feature may have.

    Raises EventsError, naming the file, for one that is missing, empty or unreadable, without a column for time or for
    user and session, with times in several units, of another source than the preset, and without a column that
    the mapping names."""
    named = ", ".join(file.name for file in files)
    with readable(files) as paths:
        rows = united(engine, paths)
        try:
            source = preset_of(preset, [name for name in rows.columns if name != UNREADABLE])
            values = {n: v for n, v in source.values.items() if v.within in rows.columns}
            sample = Sample(engine, rows.limit(MOST_ROWS), values)
            if not sample.count:
                raise EventsError("there are no rows; expected one event per row")
            found = roles(sample, source)
        except EventsError as error:
            raise EventsError(f"{named}: {error}") from None
        proposal = _Draft(sample, source, found, named, features, taken).proposal()
        for file, path in zip(files, paths, strict=True):
            fault = problem(file.name, pq.read_schema(path), proposal.mapping)
            if fault:
                raise EventsError(f"{fault}. Its mapping would be that of {files[0].name}: leave out or change one")
    return proposal


class _Draft:
    """A mapping while it is put together, choice by choice."""

    def __init__(
        self,
        sample: Sample,
        preset: Preset,
        found: dict[str, str],
        files: str,
        stated: Sequence[Feature] | None,
        taken: Collection[str],
    ) -> None:
        self.sample, self.preset, self.roles, self.files = sample, preset, found, files
        self.stated, self.taken = stated, {name.lower() for name in (*taken, *TAKEN, *WORKING_COLUMNS)}
        self.values: dict[str, Value] = dict(sample.values)

    def proposal(self) -> Proposal:
        roles = self.roles
        names = self._names()
        unit = time_unit(self.sample, roles["time"], self.files)
        page = self._page()
        ignored = [name for name in names if name in self.preset.ignored]
        if roles.get("event") and "" in names:
            ignored.append("")
        sample = replace(self.sample, values=self.values)
        found = [*measures(sample, roles, page, names, ignored), *self._of_preset()]
        carried = self._carried(page)
        self.taken |= set(carried)
        made = list(fitted(self.stated, found, names)) if self.stated is not None else self._renamed(found)
        mapping = EventMapping(
            time=roles["time"],
            user=roles.get("user", ""),
            event=roles.get("event", ""),
            session=roles.get("session", ""),
            event_id=roles.get("event_id", ""),
            time_unit=unit,
            deduplicate="event_id" if "event_id" in roles else "all_columns",
            ignored=tuple(ignored),
            features={one.feature.name: one.definition for one in made},
            carried=carried,
            stated_kinds=None if self.stated is None else _kinds(found),
        )
        needed = [mapping.user, mapping.session, mapping.time, mapping.event, mapping.event_id, *mapping.referenced]
        mapping = replace(mapping, values=_needed(self.values, needed))
        seen = {f"features.{one.feature.name}": one.seen for one in made if one.seen}
        return Proposal(
            self.preset.name,
            mapping,
            tuple(one.feature for one in made),
            comments(sample, mapping, names, MOST_ROWS) | seen,
            tuple(one.seen for one in made),
            tuple(warnings(sample, mapping)),
            names,
            self.files,
        )

    def _names(self) -> dict[str, int]:
        """Rows by name of event, the most frequent first; empty without a column that holds it."""
        if "event" not in self.roles:
            return {}
        name = self.sample.value(self.roles["event"]).cast("string").fill_null("")
        rows = self.sample.rows.select(_name=name)
        counted = rows.group_by("_name").aggregate(rows=rows.count())
        lines = self.sample.engine.collect(counted.order_by(counted["rows"].desc(), counted["_name"])).to_pylist()
        return {line["_name"]: line["rows"] for line in lines}

    def _page(self) -> str:
        """The value with the path of a page: the column, or where that holds URLs, what is made of it."""
        page = self.roles.get("page", "")
        if not page:
            return ""
        text = self.sample.value(page).cast("string")
        urls = self.sample.figures(urls=text.re_search("[:][/][/]|[?#]").sum().coalesce(0))["urls"]
        if not urls:
            return page
        name = "page_path" if "page_path" not in self.sample.columns else "path_of_page"
        self.values[name] = Value(path_of=page)
        return name

    def _of_preset(self) -> Iterator[Measured]:
        there = set(self.sample.columns)
        for feature, definition in self.preset.features:
            needed = {definition.of, *(name for name, _ in definition.where)} - {""}
            if needed <= there:
                yield Measured(feature, definition, f"as the preset {self.preset.name} has it")

    def _carried(self, page: str) -> dict[str, Carried]:
        wanted = [
            ("first_source", self.roles.get("source", ""), False),
            ("first_device", self.roles.get("device", ""), False),
            ("landing_page", page, False),
            ("exit_page", page, True),
        ]
        stated = {feature.name for feature in self.stated or ()}
        return {name: Carried(of, last) for name, of, last in wanted if of and name not in stated}

    def _renamed(self, found: Iterable[Measured]) -> list[Measured]:
        """Under names that are not taken, each once."""
        chosen: dict[str, Measured] = {}
        for one in found:
            name = one.feature.name
            while name.lower() in self.taken | set(chosen):
                name += "_count" if one.feature.kind == "count" else "_value"
            chosen[name] = replace(one, feature=replace(one.feature, name=name))
        return [*chosen.values()]


def _kinds(found: Iterable[Measured]) -> dict[str, Definition]:
    """What is counted per user where the features of sessions are a team's own: whatever would have been a count."""
    counts = {one.feature.name: one.definition for one in found if one.definition.measure == "count"}
    return {name: one for name, one in counts.items() if one.events and not objection_to_kind(name)}


def _needed(values: Mapping[str, Value], names: Iterable[str]) -> dict[str, Value]:
    """The values that are used, and what they are made of."""
    needed: dict[str, Value] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in values and name not in needed:
            needed[name] = values[name]
            waiting += [values[name].path_of]
    return {name: one for name, one in values.items() if name in needed}
