"""What a file of events must have for a mapping to read it."""

from typing import Any

import pyarrow as pa
import pytest

from flywheel_assets.ingest.mapping import Carried, Definition, EventMapping
from flywheel_assets.ingest.rules import problem

ITEMS = pa.list_(pa.struct([("id", pa.string()), ("price", pa.float64())]))
SCHEMA = pa.schema([("user", pa.string()), ("time", pa.timestamp("us")), ("items", ITEMS), ("a.b", pa.int64())])


def mapping(**others: Any) -> EventMapping:
    return EventMapping(**{"time": "time", "user": "user", **others})


@pytest.mark.parametrize(
    "others",
    [
        {"features": {"paid": Definition("sum", of="items.price")}},
        {"features": {"x": Definition("count", where=(("items.id", ("a",)),))}},
        {"carried": {"item": Carried("items.id")}},
    ],
    ids=["sum", "where", "carry"],
)
def test_several_values_per_event_are_only_counted(others: dict[str, Any]) -> None:
    found = problem("e.parquet", SCHEMA, mapping(**others))
    assert found is not None
    assert "e.parquet has several values per event in 'items." in found
    assert problem("e.parquet", SCHEMA, mapping(features={"n": Definition("distinct", of="items.id")})) is None


def test_a_repeated_column_holds_no_role() -> None:
    assert "has string in 'items.id', the user" in str(problem("e.parquet", SCHEMA, mapping(user="items.id")))


def test_a_column_may_have_a_dot_in_its_name() -> None:
    assert problem("e.parquet", SCHEMA, mapping(features={"n": Definition("sum", of="a.b")})) is None
    other = problem("e.parquet", SCHEMA, mapping(features={"n": Definition("sum", of="c.b")}))
    assert other == "e.parquet has no column 'c', which events.toml names; found: user, time, items, a.b"
