"""Where interactions come from: an import, or the flywheel's own events by engagement.toml."""

from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import ibis.expr.types as ir

from flywheel_assets.engagement import interactions
from flywheel_assets.engagement.engagement_file import EngagementDefinition, engagement_definition
from flywheel_assets.errors import EngagementError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest.cutting import without_copies
from flywheel_assets.ingest.events import TIME, USER, value_column
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.session_features import matched_by
from flywheel_assets.ingest.times import SECOND
from flywheel_assets.tables.generation import digest
from flywheel_assets.warehouse.file_index import identities
from flywheel_assets.warehouse.listing import content_digest


@dataclass(frozen=True)
class Source:
    """``rows`` and ``items`` by their contracts; ``name`` is what an error names."""

    rows: ir.Table
    items: ir.Table
    name: str


def definition_of(flywheel: Flywheel) -> EngagementDefinition:
    """What engagement.toml says. Raises EngagementError."""
    mapping = flywheel.events.mapping if flywheel.has_events else None
    return engagement_definition(flywheel.settings.engagement_file, mapping)


def made_from(flywheel: Flywheel) -> str:
    """A digest of whatever the tables of interactions are made of: changes with a rule or a file. Not with the
    protocol, which only chooses among their columns. Raises EngagementError."""
    definition, sources = definition_of(flywheel), list[object]()
    if definition.item:
        files = [file for file in flywheel.events.by_day.files if any(file.rows)]
        sources += [flywheel.events.mapping, *identities(files)]
    else:
        paths = [flywheel.settings.interactions_dir / name for name in (interactions.FILE, interactions.ITEMS_FILE)]
        sources += [content_digest(path) for path in paths]
    stated = replace(definition, protocol="")
    return digest(repr((stated, flywheel.calendar.timezone, sources)))


def source_of(flywheel: Flywheel) -> Source:
    """All interactions that there are, checked. Raises EngagementError where there are none, or some cannot be used."""
    definition = definition_of(flywheel)
    made = _of_events(flywheel, definition) if definition.item else _imported(flywheel)
    interactions.check_rows(flywheel.figures(made.rows, interactions.figures(made.rows, 0.0)), made.name)
    return made


def _imported(flywheel: Flywheel) -> Source:
    folder: Path = flywheel.settings.interactions_dir
    tables = []
    contracts = ((interactions.FILE, interactions.TABLE.columns), (interactions.ITEMS_FILE, interactions.ITEMS))
    for name, columns in contracts:
        path = folder / name
        if not path.is_file():
            raise EngagementError(
                f"there are no interactions: {path} is missing. Import some: flywheel engagement import-movielens "
                f"PATH. Or say which events are interactions: [interactions] of {flywheel.settings.engagement_file}"
            )
        try:
            table = flywheel.engine.read([path])
        except flywheel.engine.read_errors as error:
            first = str(error).strip().splitlines()[0]
            raise EngagementError(f"{path} cannot be read: {first}. Import it again") from None
        interactions.check_columns(table, columns, str(path))
        tables.append(table.select(*(column.name for column in columns)))
    rows, items = tables
    return Source(rows, _complete(rows, items), str(folder / interactions.FILE))


def _complete(rows: ir.Table, items: ir.Table) -> ir.Table:
    """The items, each once, and those of interactions that are not among them."""
    first = items.mutate(_place=ibis.row_number().over(group_by="item_id", order_by="year"))
    every = rows.select("item_id").distinct().left_join(first.filter(first["_place"] == 0), "item_id")
    return every.select("item_id", "groups", "year")


def _of_events(flywheel: Flywheel, definition: EngagementDefinition) -> Source:
    files = [file for file in flywheel.events.by_day.files if any(file.rows)]
    name = f"{flywheel.settings.engagement_file}, [interactions]"
    if not files:
        raise EngagementError(f"{name}: {flywheel.settings.events_dir} has no events that can be used")
    mapping = flywheel.events.mapping
    events = flywheel.events.folder.read(files)
    if mapping.deduplicate:
        events = without_copies(events, by_id=mapping.deduplicate == "event_id")
    rows, items = of_events(events, mapping, definition)
    return Source(rows, items, name)


def of_events(events: ir.Table, mapping: EventMapping, definition: EngagementDefinition) -> tuple[ir.Table, ir.Table]:
    """The interactions that events are, and their items. Events of no kind with a weight, or without an item, are
    none. An item that is of several groups over time belongs to the first in the alphabet, whoever asks."""
    by_weight = sorted(definition.weights.items(), key=lambda one: -one[1])
    matches = [(matched_by(events, mapping, mapping.kinds[kind]), weight) for kind, weight in by_weight]
    # Of a text, because DuckDB takes a literal number with a point for a decimal.
    weights = [(ibis.literal(True) if m is None else m, ibis.literal(repr(w)).cast("float64")) for m, w in matches]
    group = events[value_column(mapping, definition.groups)].cast("string") if definition.groups else None
    rows = events.select(
        user_id=events[USER],
        item_id=events[value_column(mapping, definition.item)].cast("string"),
        timestamp_unix=(events[TIME] // SECOND).cast("int64"),
        strength=ibis.cases(*weights),
        group=ibis.null("string") if group is None else group,
    )
    rows = rows.filter(rows.strength.notnull(), rows.item_id.notnull(), rows.item_id != "")
    items = rows.group_by("item_id").aggregate(group=rows.group.min())
    items = items.select(
        "item_id",
        groups=ibis.ifelse(items.group.notnull(), ibis.array([items.group]), ibis.null("array<string>")),
        year=ibis.null("int32"),
    )
    return rows.drop("group"), items
