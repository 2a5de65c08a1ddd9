"""Which columns repeat their values so often that the values are better counted than read one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir

SAMPLE_ROWS = 100_000


def repetition_figures(table: ir.Table, columns: Sequence[str]) -> ir.Table:
    """One row over some rows of the table: ``rows``, and ``different_<column>`` values among them."""
    some = table.limit(SAMPLE_ROWS)
    return some.aggregate(rows=some.count(), **{f"different_{name}": some[name].nunique() for name in columns})


def repeating(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """The columns of a row of :func:`repetition_figures` whose values occur ten times or more on average. Neighbouring
    rows resemble each other, so this is a guess: a wrong one makes results slower, not wrong."""
    return [name for name in columns if row[f"different_{name}"] * 10 <= row["rows"]]
