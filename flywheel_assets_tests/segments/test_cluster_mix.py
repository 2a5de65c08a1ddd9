import pyarrow as pa

from flywheel_assets.segments.cluster_mix import cluster_mix, counts
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.fits import segments_of
from flywheel_assets_tests.frames import SECOND, frame, records

TYPES = {"cluster": "int32", "converted": pa.bool_()}


def mix(engine: DuckDBEngine, *rows: tuple[int, bool | None], outcome: str | None = "leads") -> list[tuple]:
    segments = segments_of((0, 0), (5, 5), ids=(1, 4), outcome=outcome)
    found = cluster_mix(records(engine, counts(frame(TYPES, rows))), segments, SECOND)
    assert {(r["Interval"], r["Interval_Dates"]) for r in found} == {(2, "2024-01-15 - 2024-01-28")}
    return [(r["Cluster"], r["Sessions"], r["Share"], r["Conversions"], r["Conversion_Rate"]) for r in found]


def test_sessions_and_conversions_are_counted_by_cluster(engine: DuckDBEngine) -> None:
    assert mix(engine, (1, True), (1, False), (1, False), (4, True)) == [(1, 3, 0.75, 1, 1 / 3), (4, 1, 0.25, 1, 1.0)]


def test_a_cluster_without_sessions_is_there(engine: DuckDBEngine) -> None:
    assert mix(engine, (4, False)) == [(1, 0, 0.0, 0, None), (4, 1, 1.0, 0, 0.0)]


def test_an_interval_without_sessions_has_no_shares(engine: DuckDBEngine) -> None:
    assert mix(engine) == [(1, 0, None, 0, None), (4, 0, None, 0, None)]


def test_without_an_outcome_conversion_is_unknown(engine: DuckDBEngine) -> None:
    assert mix(engine, (4, None), outcome=None) == [(1, 0, 0.0, None, None), (4, 1, 1.0, None, None)]
