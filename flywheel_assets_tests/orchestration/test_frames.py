"""The dagster-pandas type of label_transitions: what it lets through and what it names."""

import pandas as pd
import pyarrow as pa
import pytest

from flywheel_assets.orchestration.frames import frame, label_transitions_type, type_fault
from flywheel_assets.users.label_transitions import TABLE

COLUMNS = {
    "From_Label": pa.string(),
    "To_Label": pa.string(),
    "User_Count": pa.int64(),
    "From_Interval": pa.int32(),
    "Interval": pa.int32(),
    "Interval_Dates": pa.string(),
}


def moves(**changes: object) -> pd.DataFrame:
    """One move, from interval 1 to interval 2."""
    row = {
        "From_Label": "Engaged",
        "To_Label": "Passive",
        "User_Count": 3,
        "From_Interval": 1,
        "Interval": 2,
        "Interval_Dates": "2024-01-15 - 2024-01-28",
    }
    return frame(pa.Table.from_pylist([row | changes], schema=pa.schema(COLUMNS)))


def fault(value: pd.DataFrame) -> str:
    return type_fault(value, label_transitions_type(TABLE))


def test_a_table_of_the_contract_has_the_type() -> None:
    assert fault(moves()) == ""


def test_no_moves_have_the_type() -> None:
    assert fault(moves().iloc[:0]) == ""


def test_only_the_first_interval_may_come_from_none() -> None:
    assert fault(moves(From_Interval=None)) == ""


@pytest.mark.parametrize("column", ["From_Label", "To_Label", "User_Count", "Interval", "Interval_Dates"])
def test_nothing_else_may_be_null(column: str) -> None:
    assert column in fault(moves(**{column: None}))


@pytest.mark.parametrize(("column", "value"), [("User_Count", 0), ("Interval", 0), ("From_Interval", 0)])
def test_counts_and_numbers_begin_at_one(column: str, value: int) -> None:
    assert column in fault(moves(**{column: value}))


def test_a_missing_column_and_one_too_many_are_named() -> None:
    assert "User_Count" in fault(moves().drop(columns="User_Count"))
    assert "extra" in fault(moves().assign(extra=1))


def test_text_in_place_of_a_number_is_named() -> None:
    assert "User_Count" in fault(moves().assign(User_Count="three"))


def test_integers_with_nulls_stay_integers() -> None:
    assert moves(From_Interval=None).From_Interval.dtype == pd.Int32Dtype()
