"""engagement_dataset: every interaction with what was known strictly before it, whether the user engaged, and the part
that it is of by each protocol."""

import re
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from flywheel_assets.engagement import interactions
from flywheel_assets.engagement.engagement_file import LAST_ONE, LAST_TEN, TIME_CUT
from flywheel_assets.engagement.interaction_features import FEATURES
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table

FIT, VALIDATION, TEST = "fit", "validation", "test"

OF_LAST = {LAST_TEN: 10, LAST_ONE: 1}
"""How many of each user's interactions are the test part; as many before them the validation part."""

CUTS = (0.8, 0.9)
"""The global time cut: the first 80 % of interactions are fitted on, the last 10 % judge."""

MOST_GROUPS, LEAST_ITEMS = 30, 2
"""A group has a column from so many items on, and so many groups at most."""


def part_column(protocol: str) -> str:
    """The column of a protocol: ``part_last_ten``."""
    return f"part_{protocol.replace(' ', '_')}"


KEYS = (USER_ID, interactions.ITEM_ID, interactions.UNIX, interactions.STRENGTH)
PARTS = (
    Column(part_column(LAST_TEN), "string", "test: each user's last ten; validation: the ten before; fit: the rest."),
    Column(part_column(LAST_ONE), "string", "test: each user's last; validation: the one before; fit: the rest."),
    Column(part_column(TIME_CUT), "string", "fit: the first 80 % by time; validation: the next 10 %; test: the last."),
)

TABLE = Table(
    "engagement_dataset",
    "interaction",
    "What a model of engagement learns from: features from strictly earlier interactions, and whether the user engaged."
    " Interactions of the same second are not earlier. Of one second the order by item_id makes the parts.",
    (interactions.TABLE,),
    (*KEYS, Column("engaged", "boolean", "Whether the strength is engaged_from or more."), *FEATURES, *PARTS),
    used=interactions.TABLE.used,
)


def inputs(columns: Sequence[str]) -> list[str]:
    """Those of the table's columns that a model learns from."""
    names = {one.name for one in FEATURES}
    return [name for name in columns if name in names or name.startswith("group_is_")]


def group_columns(counts: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """The groups that have a column with the ending of its name, of pairs of a group and its items; the largest."""
    largest = sorted((-items, group) for group, items in counts if items >= LEAST_ITEMS)[:MOST_GROUPS]
    endings: dict[str, str] = {}
    for group in sorted(group for _, group in largest):
        ending = re.sub(r"\W+", "_", group).strip("_").lower()
        endings.setdefault(ending or "other", group)
    return [(group, ending) for ending, group in endings.items()]


def group_counts(items: ir.Table) -> ir.Table:
    """Items by group."""
    flat = items.select(group=items.groups.unnest())
    flat = flat.filter(flat.group.notnull())
    return flat.group_by("group").aggregate(items=flat.count())


def cut_seconds(rows: ir.Table) -> dict[str, ir.Scalar]:
    """Where the time cut lies."""
    return {f"cut_{n}": rows.timestamp_unix.quantile(share) for n, share in enumerate(CUTS)}


def with_parts(features: ir.Table, first: float, last: float) -> ir.Table:
    """The rows of the table. ``first`` and ``last``: the seconds from which on validation and test begin."""
    second, place = features.timestamp_unix, features.from_last
    parts = {
        part_column(name): ibis.cases((place < count, TEST), (place < 2 * count, VALIDATION), else_=FIT)
        for name, count in OF_LAST.items()
    }
    parts[part_column(TIME_CUT)] = ibis.cases((second >= last, TEST), (second >= first, VALIDATION), else_=FIT)
    return features.mutate(**parts).drop("from_last")
