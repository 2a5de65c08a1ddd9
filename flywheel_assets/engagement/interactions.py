"""interactions: who interacted with what, when and how strongly, each once; and the items, in a file of their own."""

from collections.abc import Sequence

import ibis.expr.types as ir

from flywheel_assets.errors import EngagementError
from flywheel_assets.ingest import event_sessions
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns

ITEM_ID = Column("item_id", "string", "The item.")
UNIX = Column("timestamp_unix", "int64", "When, seconds since 1970-01-01 UTC.")
STRENGTH = Column("strength", "float64", "How strongly: a rating, or the weight of an event.")

TABLE = Table(
    "interactions",
    "user, item and second",
    "Interactions of users with items, as imported or by events and engagement.toml; items.parquet beside it has the "
    "items. Of several in one second the strongest.",
    (event_sessions.EVENTS,),
    (USER_ID, ITEM_ID, UNIX, STRENGTH),
    used=lambda settings: settings.engagement_file.is_file() or imported(settings.interactions_dir),
)

ITEMS = (
    ITEM_ID,
    Column("groups", "array<string>", "What the item belongs to, such as genres; null where unknown."),
    Column("year", "int32", "Its year, such as that of a film's release; null where unknown."),
)

FILE, ITEMS_FILE = "interactions.parquet", "items.parquet"


def imported(folder) -> bool:  # type: ignore[no-untyped-def]
    """Whether interactions were imported into a folder, a Path."""
    return bool((folder / FILE).is_file())


def once(interactions: ir.Table) -> ir.Table:
    """One row per user, item and second, the strongest."""
    return interactions.group_by("user_id", "item_id", "timestamp_unix").aggregate(strength=interactions.strength.max())


def figures(interactions: ir.Table, engaged_from: float) -> dict[str, ir.Scalar]:
    """What is told of interactions, and what would keep them from being used."""
    known = [interactions[name].notnull() for name in ("user_id", "item_id", "timestamp_unix", "strength")]
    return {
        "rows": interactions.count(),
        "users": interactions.user_id.nunique(),
        "items": interactions.item_id.nunique(),
        "first": interactions.timestamp_unix.min(),
        "last": interactions.timestamp_unix.max(),
        "engaged": interactions.count(where=interactions.strength >= engaged_from),
        "missing": interactions.count(where=~(known[0] & known[1] & known[2] & known[3])),
        "no_number": interactions.count(where=interactions.strength.isnan() | interactions.strength.isinf()),
    }


def check_columns(table: ir.Table, columns: Sequence[Column], path: str) -> None:
    """Raises EngagementError where a file lacks a column or has it in another type."""
    wrong = wrong_columns(table.schema(), columns)
    if wrong:
        raise EngagementError(f"{path}: {'; '.join(wrong)}. Import it again: flywheel engagement import-movielens PATH")


def check_rows(row: dict[str, int], path: str) -> None:
    """Raises EngagementError for the figures of rows that cannot be used."""
    if not row["rows"]:
        raise EngagementError(f"{path} has no interactions; expected one row per user, item and second")
    for name, what in (("missing", "lack a user, item, time or strength"), ("no_number", "have no finite strength")):
        if row[name]:
            raise EngagementError(
                f"{path}: {row[name]:,} of {row['rows']:,} rows {what}; fill it in, or leave them out"
            )
