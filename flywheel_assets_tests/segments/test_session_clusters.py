import pickle

import pyarrow as pa
import pytest

from flywheel_assets.segments.session_clusters import TABLE, contract, figures, schema, session_clusters
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests import frames
from flywheel_assets_tests.fits import segments_of

BATCH = pa.RecordBatch.from_pydict(
    {
        "session_id": ["a.1", "b.1", "c.1"],
        "user_id": ["a", "b", "c"],
        "pageviews": [10.0, 14.0, 12.0],
        "leads": [10.0, 14.0, 0.0],
        "device": ["x", "y", "z"],
    }
)


def test_a_session_gets_the_nearest_centre_and_its_distance_in_standard_deviations() -> None:
    found = session_clusters(segments_of((0, 0), (2, 2), (0, -5), ids=(4, 7, 9)), BATCH).to_pydict()

    assert found["session_id"] == ["a.1", "b.1", "c.1"]
    assert found["cluster"] == [4, 7, 9]
    assert found["distance"] == [0.0, 0.0, 1.0]
    assert found["converted"] == [True, True, False]


def test_without_an_outcome_nobody_is_said_to_convert_or_not() -> None:
    found = session_clusters(segments_of((0, 0), (2, 2), outcome=None), BATCH)
    assert found.column("converted").to_pylist() == [None] * 3


def test_the_schema_is_known_without_a_batch_and_an_empty_one_has_it() -> None:
    segments = segments_of((0, 0), (2, 2))

    assert session_clusters(segments, BATCH).schema == schema(BATCH.schema)
    assert session_clusters(segments, BATCH.slice(0, 0)).num_rows == 0


def test_it_can_be_sent_to_other_processes() -> None:
    segments = segments_of((0, 0), (2, 2))
    session_clusters(segments, BATCH)

    assert session_clusters(pickle.loads(pickle.dumps(segments)), BATCH) == session_clusters(segments, BATCH)


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
        ([GOOD[0], GOOD[0]], "1 further rows of a session already counted"),
        ([GOOD[0], ("b.1", "b", 3, 0.0, False, "v")], "1 rows with a cluster that the fit doesn't have"),
        ([GOOD[0], ("b.1", "b", None, 0.0, False, "v")], "1 rows with a cluster that the fit doesn't have"),
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
