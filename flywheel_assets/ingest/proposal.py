"""A proposal: what `events.toml` and `features.toml` may say for files of events, with why. Writes nothing."""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import EventsError
from flywheel_assets.features import Feature, features_text
from flywheel_assets.ingest.column_roles import Sample, plain, roles, time_unit
from flywheel_assets.ingest.events import events
from flywheel_assets.ingest.mapping import Carried, EventMapping, Value
from flywheel_assets.ingest.mapping_text import mapping_text
from flywheel_assets.ingest.measures import Measured, fitted, measures
from flywheel_assets.ingest.presets import PLAIN, PRESETS, Preset
from flywheel_assets.ingest.rules import problem
from flywheel_assets.ingest.text_files import READ_ERRORS, convert, is_text
from flywheel_assets.ingest.times import ZONE
from flywheel_assets.warehouse.engine import Engine

MOST_ROWS = 1_000_000
"""Rows that are looked at; of larger files the figures are of so many."""

MOST_LISTED = 20

_OURS = ("events", "copies", "session_end", "likely_bot", "source_sessions", "session_id", "user_id", "timestamp_unix")


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
    user and session, with times in several units, of another source than the preset, and of other columns or types than
    the first."""
    named = ", ".join(file.name for file in files)
    with readable(files) as paths:
        rows = engine.read(paths[:1]) if len(paths) == 1 else _united(engine, files, paths)
        try:
            chosen = _chosen(preset, rows)
            values = {n: v for n, v in chosen.values.items() if v.within in rows.columns}
            sample = Sample(engine, rows.limit(MOST_ROWS), values)
            if not sample.count:
                raise EventsError("there are no rows; expected one event per row")
            found = roles(sample, chosen)
        except EventsError as error:
            raise EventsError(f"{named}: {error}") from None
        proposal = _Draft(sample, chosen, found, named, features, taken).proposal()
        for file, path in zip(files, paths, strict=True):
            fault = problem(file.name, pq.read_schema(path), proposal.mapping)
            if fault:
                raise EventsError(f"{fault}. Its mapping would be that of {files[0].name}: leave out or change one")
    return proposal


@contextmanager
def readable(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Parquet files with the rows of the files, for as long as the context lasts. Raises EventsError."""
    with tempfile.TemporaryDirectory(prefix="flywheel-events-") as folder:
        yield [_readable(file, Path(folder) / f"{n}.parquet") for n, file in enumerate(files)]


def _readable(file: Path, target: Path) -> Path:
    if not file.is_file():
        raise EventsError(f"there is no file at {file}")
    if not file.stat().st_size:
        raise EventsError(f"{file} is empty; expected events")
    try:
        if is_text(file.name):
            convert(file, target)
            return target
        pq.read_schema(file)
    except (pa.ArrowException, ValueError, *READ_ERRORS) as error:
        raise EventsError(
            f"{file} cannot be read as parquet, CSV (.csv, .tsv, .csv.gz) or JSON lines (.jsonl, .ndjson, .json): "
            f"{str(error).strip().splitlines()[0]}"
        ) from None
    return file


def _united(engine: Engine, files: Sequence[Path], paths: Sequence[Path]) -> ir.Table:
    """The rows of several files, which have to have the same columns of the same types."""
    first = pq.read_schema(paths[0]).remove_metadata()
    for file, path in zip(files, paths, strict=True):
        other = pq.read_schema(path).remove_metadata()
        differing = [f.name for f in first if f.name in other.names and other.field(f.name).type != f.type]
        if differing:
            column = differing[0]
            raise EventsError(
                f"{file.name} has {other.field(column).type} in {column!r} and {files[0].name} has "
                f"{first.field(column).type}: begin with files of one form, then flywheel events check the others"
            )
    return engine.read([paths[0]])


def _chosen(name: str | None, rows: ir.Table) -> Preset:
    columns = {plain(column).replace("_", "") for column in rows.columns}

    def has(wanted: Iterable[str]) -> bool:
        return all(plain(one).replace("_", "") in columns for one in wanted)

    recognized = [one for one in PRESETS.values() if any(map(has, one.recognized_by))]
    if "actiondetails" in columns:
        raise EventsError(
            "these are visits, with what happened in a repeated column, actionDetails; expected one row per action. "
            'To make them of it: duckdb -c "copy (select visitorId, idVisit, unnest(actionDetails, recursive := true) '
            "from 'FILE') to 'actions.parquet'\""
        )
    if name is None:
        return recognized[0] if recognized else PLAIN
    asked = PRESETS[name]
    if asked.recognized_by and asked not in recognized:
        expected = " or ".join(" with ".join(one) for one in asked.recognized_by)
        raise EventsError(
            f"the preset {name} reads columns that are not there; expected {expected}; found: "
            f"{', '.join(rows.columns)}. Leave --preset out to have the columns looked at"
        )
    return asked


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
        self.stated, self.taken = stated, {name.lower() for name in (*taken, *_OURS)}
        self.comments: dict[str, str] = {}
        self.warnings: list[str] = []
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
        chosen = list(fitted(self.stated, found, names)) if self.stated is not None else self._renamed(found)
        features = {one.feature.name: one.definition for one in chosen}
        mapping = EventMapping(
            time=roles["time"],
            user=roles.get("user", ""),
            event=roles.get("event", ""),
            session=roles.get("session", ""),
            event_id=roles.get("event_id", ""),
            time_unit=unit,
            deduplicate="event_id" if "event_id" in roles else "all_columns",
            ignored=tuple(ignored),
            features=features,
            carried=carried,
        )
        needed = [mapping.user, mapping.session, mapping.time, mapping.event, mapping.event_id, *mapping.referenced]
        mapping = replace(mapping, values=_needed(self.values, needed))
        self._explain(mapping, names, chosen)
        return Proposal(
            self.preset.name,
            mapping,
            tuple(one.feature for one in chosen),
            self.comments,
            tuple(one.seen for one in chosen),
            tuple(self.warnings),
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

    def _explain(self, mapping: EventMapping, names: Mapping[str, int], chosen: Sequence[Measured]) -> None:
        sample, comments = self.sample, self.comments
        rows = f"{sample.count:,} rows" + (" (only so many were looked at)" if sample.count == MOST_ROWS else "")
        comments["columns"] = f"{rows} were looked at." if sample.count < MOST_ROWS else f"{rows}."
        for role in ("user", "session"):
            if role in self.roles:
                filled, different = sample.filled(self.roles[role])
                gone = f"; {sample.count - filled:,} rows have none" if filled < sample.count else ""
                comments[role] = f"{different:,} different{gone}."
        if gone_users := mapping.user and sample.count - sample.filled(mapping.user)[0]:
            self.warnings.append(f"{gone_users:,} rows have no {mapping.user} and would be set aside")
        if not mapping.user:
            self.warnings.append(
                f"no column tells users apart: {mapping.session} stands for the user, so each user has one session, "
                "and user labels say no more than session labels"
            )
            comments["session"] += " No column tells users apart, so this stands for the user."
        elif mapping.session:
            comments["session"] += (
                " Sessions are those that the events have; without this line a pause of\n30 minutes ends one."
            )
        self._explain_time(mapping)
        self._explain_copies(mapping)
        left = [
            f"{name!r} ({count:,})"
            for name, count in names.items()
            if not _counts(mapping, name) and not mapping.ignores(name)
        ]
        if names:
            comments["event"] = f"{len(names):,} different names."
        if left:
            more = f" and {len(left) - MOST_LISTED:,} more" if len(left) > MOST_LISTED else ""
            comments["features"] = (
                f"No feature counts: {', '.join(left[:MOST_LISTED])}{more}.\nAdd a feature, or list them under ignore."
            )
        if mapping.ignored:
            comments["ignore"] = "Events that say nothing about a visit, and those without a name."
        comments |= {f"features.{one.feature.name}": one.seen for one in chosen if one.seen}
        if mapping.carried:
            comments["carry"] = "Columns that go with a session; no model learns from them."

    def _explain_time(self, mapping: EventMapping) -> None:
        when = self.sample.value(mapping.time)
        zoned = when.cast("string").strip().re_search(ZONE).sum().coalesce(0)
        row = self.sample.figures(first=when.min(), last=when.max(), filled=when.count(), zoned=zoned)
        self.comments["time"] = f"From {row['first']} to {row['last']}."
        has_zone = row["zoned"] == row["filled"] if when.type().is_string() else getattr(when.type(), "timezone", None)
        if mapping.time_unit:
            self.comments["time_unit"] = "Seen from how large the numbers are."
        elif not has_zone:
            self.comments["timezone"] = (
                "Of times without a zone. Taken for UTC; if they are of another, name it, as in Europe/Berlin."
            )

    def _explain_copies(self, mapping: EventMapping) -> None:
        sample = self.sample
        if mapping.deduplicate == "event_id":
            filled, different = sample.filled(mapping.event_id)
            self.comments["deduplicate"] = f"{filled - different:,} rows repeat an id and are taken for copies."
            return
        rows = events(sample.rows, mapping)
        once = rows.distinct()
        counts = (rows.aggregate(n=rows.count()), once.aggregate(n=once.count()))
        every, different = (int(sample.engine.collect(one)["n"][0].as_py()) for one in counts)
        self.comments["deduplicate"] = (
            f"No column is an id of events, so rows that are the same in all columns named here are taken for copies:\n"
            f"{every - different:,} rows are. To keep them all: deduplicate = false"
        )


def _counts(mapping: EventMapping, name: str) -> bool:
    """Whether a feature counts that name, or every event."""
    made = (mapping.features[feature] for feature in mapping.features_of(name))
    return any(one.events is not None or (one.measure == "count" and not one.where) for one in made)


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
