import pytest

from flywheel_assets.sessions.repetition import SAMPLE_ROWS, repeating, repetition_figures
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records


@pytest.mark.parametrize(("values", "repeats"), [([1.0] * 10 + [2.0] * 10, True), ([1.0] * 10 + [2.0] * 9, False)])
def test_a_column_repeats_when_its_values_come_ten_times_on_average(
    engine: DuckDBEngine, values: list[float], repeats: bool
) -> None:
    table = frame({"leads": "float64"}, [(value,) for value in values])
    (row,) = records(engine, repetition_figures(table, ["leads"]))
    assert row == {"rows": len(values), "different_leads": 2}
    assert (repeating(row, ["leads"]) == ["leads"]) == repeats


def test_only_some_rows_are_looked_at(engine: DuckDBEngine) -> None:
    table = frame({"leads": "float64"}, [(0.0,)] * (SAMPLE_ROWS + 1))
    (row,) = records(engine, repetition_figures(table, ["leads"]))
    assert row["rows"] == SAMPLE_ROWS


def test_without_columns_or_rows_there_is_nothing_to_tell(engine: DuckDBEngine) -> None:
    table = frame({"leads": "float64"}, [])
    (row,) = records(engine, repetition_figures(table, ["leads"]))
    assert repeating(row, ["leads"]) == ["leads"], "and counting no values costs nothing"
