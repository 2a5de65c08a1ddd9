import pyarrow as pa
import pytest

from flywheel_assets.segments.session_clusters import TABLE, contract, figures
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests import frames

TYPES = {
    "session_id": "string",
    "user_id": "string",
    "cluster": "int32",
    "distance": "float64",
    "converted": pa.bool_(),
    "segments_version": "string",
}
GOOD = [("a.1", "a", 1, 0.5, True, "v"), ("b.1", "b", 4, 0.0, False, "v")]


def verdict(engine: DuckDBEngine, rows: list[tuple], trimmed: int = 2) -> Verdict:
    table = frames.frame(TYPES, rows)
    row = frames.figures(engine, table, figures(table, (1, 4)))
    return contract(row, table.schema(), TABLE.columns, trimmed)


def test_a_cluster_for_every_trimmed_session_passes(engine: DuckDBEngine) -> None:
    assert verdict(engine, GOOD) == Verdict(
        "contract",
        True,
        "all 2 sessions have their cluster",
        numbers={"rows": 2, "unknown_clusters": 0, "bad_distances": 0},
    )
    assert verdict(engine, [], trimmed=0).passed


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (GOOD[:1], "1 rows for 2 trimmed sessions"),
        ([GOOD[0], GOOD[0]], "1 rows of a session that has another"),
        ([GOOD[0], ("b.1", "b", 3, 0.0, False, "v")], "1 rows of a cluster that the fit doesn't have"),
        ([GOOD[0], ("b.1", "b", None, 0.0, False, "v")], "1 rows of a cluster that the fit doesn't have"),
        ([GOOD[0], ("b.1", "b", 1, float("nan"), False, "v")], "1 distances not finite"),
        ([GOOD[0], ("b.1", "b", 1, float("inf"), False, "v")], "1 distances not finite"),
        ([GOOD[0], ("b.1", "b", 1, None, False, "v")], "1 distances not finite"),
    ],
)
def test_what_is_wrong_is_said(engine: DuckDBEngine, rows: list[tuple], said: str) -> None:
    found = verdict(engine, rows)

    assert not found.passed
    assert found.summary == said


def test_another_type_is_a_fault(engine: DuckDBEngine) -> None:
    table = frames.frame({**TYPES, "cluster": "int64"}, GOOD)
    row = frames.figures(engine, table, figures(table, (1, 4)))

    assert "column cluster is int64, expected int32" in contract(row, table.schema(), TABLE.columns, 2).summary
