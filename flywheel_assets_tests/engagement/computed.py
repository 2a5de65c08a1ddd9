"""Features of interactions: as the expressions give them, and by slow loops over whatever is strictly earlier."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.engagement.interaction_features import interaction_features
from flywheel_assets.engagement.interactions import ITEMS, TABLE
from flywheel_assets.tables.contract import arrow_schema
from flywheel_assets.warehouse.engine import Engine

DAY = 86_400
GROUPS = [("drama", "drama"), ("sci-fi", "sci_fi")]

ITEM = {
    "a": (["drama"], 1994),
    "b": (["drama", "sci-fi"], 1999),
    "c": (["sci-fi"], 2001),
    "d": (None, None),
    "e": ([], 1990),
}
"""Groups and year by item."""


class Row(NamedTuple):
    user: str
    item: str
    second: int
    strength: float

    @property
    def engaged(self) -> bool:
        return self.strength >= 4


def by_expressions(engine: Engine, rows: Sequence[Row], folder: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Every row's features by user, item and second."""
    numbers = itertools.count(len(list(folder.iterdir())))

    def read(content: pa.Table):  # type: ignore[no-untyped-def]
        path = folder / f"{next(numbers)}.parquet"
        pq.write_table(content, path)
        return engine.read([path])

    def stage(expression):  # type: ignore[no-untyped-def]
        path = folder / f"{next(numbers)}.parquet"
        engine.write(expression, path, {})
        return engine.read([path])

    interactions = pa.Table.from_pylist(
        [dict(zip(TABLE.schema.names, row, strict=True)) for row in rows], schema=TABLE.schema
    )
    items = [{"item_id": item, "groups": groups, "year": year} for item, (groups, year) in ITEM.items()]
    made = interaction_features(
        read(interactions), read(pa.Table.from_pylist(items, schema=arrow_schema(ITEMS))), GROUPS, stage, 4.0
    )
    found = engine.collect(made).to_pylist()
    return {(one["user_id"], one["item_id"], one["timestamp_unix"]): one for one in found}


def by_loops(rows: Sequence[Row]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The same, a row at a time, in the order of time."""
    made: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: one.second):
        day = [one for one in rows if one.second // DAY < row.second // DAY]
        weight = len(day) + 20
        rate = (sum(one.engaged for one in day) + 10) / weight
        mean = (sum(one.strength for one in day) + 70) / weight
        item = [one for one in rows if one.item == row.item and one.second < row.second]
        mine = [one for one in rows if one.user == row.user and one.second < row.second]
        moments = sorted({one.second for one in mine})
        item_rate = (sum(one.engaged for one in item) + 5 * rate) / (len(item) + 5)
        item_mean = (sum(one.strength for one in item) + 5 * mean) / (len(item) + 5)

        def of(one: Row) -> dict[str, Any]:
            return made[one.user, one.item, one.second]

        def recent(n: int, moments: list[int] = moments, mine: list[Row] = mine) -> list[Row]:
            return [one for one in mine if one.second in moments[-n:]]

        def above(some: list[Row]) -> list[float]:
            return [one.engaged - of(one)["item_rate"] for one in some]

        bias = sum(above(mine)) / (len(mine) + 3)
        strength_bias = sum(one.strength - of(one)["item_mean"] for one in mine) / (len(mine) + 3)

        def affinity(alike: list[Row]) -> float:
            return sum(one.engaged - of(one)["expected"] for one in alike) / (len(alike) + 5)

        groups, year = ITEM[row.item]
        by_group = [[one for one in mine if group in (ITEM[one.item][0] or ())] for group in groups or ()]
        affinities = [affinity(alike) for alike in by_group]
        total = sum(map(len, by_group))
        decade = [one for one in mine if year and (ITEM[one.item][1] or 0) // 10 == year // 10]
        made[row.user, row.item, row.second] = {
            "global_rate": rate,
            "item_count": len(item),
            "item_mean": item_mean,
            "item_rate": item_rate,
            "item_recency_seconds": row.second - max(one.second for one in item) if item else None,
            "user_count": len(mine),
            "user_rate": (sum(one.engaged for one in mine) + 5 * rate) / (len(mine) + 5),
            "user_bias": bias,
            "user_strength_bias": strength_bias,
            "user_recency_seconds": row.second - moments[-1] if moments else None,
            **{f"rate_of_last_{n}": _mean([one.engaged for one in recent(n)]) for n in (1, 5, 20)},
            **{f"bias_of_last_{n}": _mean(above(recent(n))) for n in (5, 20)},
            "expected": item_rate + bias,
            "expected_strength": item_mean + strength_bias,
            "group_count": total / len(by_group) if by_group else 0,
            "group_affinity": _mean(affinities),
            "group_affinity_max": max(affinities, default=None),
            "group_affinity_min": min(affinities, default=None),
            "group_affinity_weighted": sum(len(a) * b for a, b in zip(by_group, affinities, strict=True)) / (total + 1)
            if by_group
            else None,
            "decade_count": len(decade),
            "decade_affinity": affinity(decade) if year else None,
            "year": year,
            "item_age_years": 1970 + row.second // 31_557_600 - year if year else None,
            "hour": row.second // 3600 % 24,
            "weekday": (row.second // DAY + 3) % 7,
            "group_is_drama": "drama" in (groups or ()),
            "group_is_sci_fi": "sci-fi" in (groups or ()),
        }
    return made


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
