"""dagster-pandas types of the tables that are pandas-sized. Their constraints are what the contract checks run."""

import warnings
from functools import cache

import dagster as dg
import pandas as pd
import pyarrow as pa
from dagster_pandas import PandasColumn, StrictColumnsConstraint, create_dagster_pandas_dataframe_type

from flywheel_assets.tables.contract import Table

_NULLABLE = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.string(): pd.StringDtype()}


@cache
def label_transitions_type(table: Table) -> dg.DagsterType:
    """label_transitions: exactly the contract's columns, labels there, at least one user per row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # all of dagster-pandas is marked so
        return create_dagster_pandas_dataframe_type(
            name="LabelTransitions",
            description=table.description,
            columns=[
                PandasColumn.string_column("From_Label", non_nullable=True),
                PandasColumn.string_column("To_Label", non_nullable=True),
                PandasColumn.integer_column("User_Count", min_value=1, non_nullable=True),
                PandasColumn.integer_column("From_Interval", min_value=1, ignore_missing_vals=True),
                PandasColumn.integer_column("Interval", min_value=1, non_nullable=True),
                PandasColumn.string_column("Interval_Dates", non_nullable=True),
            ],
            dataframe_constraints=[StrictColumnsConstraint([c.name for c in table.columns])],
        )


def frame(table: pa.Table) -> pd.DataFrame:
    """A small table as a frame that keeps integers with nulls integer."""
    return table.to_pandas(types_mapper=_NULLABLE.get)


def type_fault(value: pd.DataFrame, dagster_type: dg.DagsterType) -> str:
    """What the type's constraints say against a frame; empty when it has the type."""
    found = dagster_type.type_check(None, value)  # type: ignore[arg-type]
    return "" if found.success else found.description or "it does not have the type"
