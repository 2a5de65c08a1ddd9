import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.segments.segments import Segments, matrix
from flywheel_assets_tests.fits import segments_of


def test_a_fit_comes_back_out_of_its_json_whatever_stands_beside_it() -> None:
    segments = segments_of((0, 0), (2, 2.5), ids=(3, 8))
    text = json.dumps({**segments.to_json(), "why": "so"})

    assert Segments.from_json(json.loads(text)) == segments
    assert json.loads(text)["version"] == segments.version


@pytest.mark.parametrize(
    "other",
    [
        segments_of((0, 0), (2, 3)),
        segments_of((0, 0), (2, 2), ids=(1, 3)),
        segments_of((0, 0), (2, 2), outcome=None),
        segments_of((0, 0), (2, 2), features=("pageviews", "favorites")),
    ],
)
def test_another_centre_id_outcome_or_feature_is_another_version(other: Segments) -> None:
    assert other.version != segments_of((0, 0), (2, 2)).version


def test_how_stable_or_large_a_cluster_is_makes_no_other_version() -> None:
    assert segments_of((0, 0), (2, 2), stability=None).version == segments_of((0, 0), (2, 2)).version


def test_centres_stand_in_units_too() -> None:
    assert segments_of((0, 1), (-2, 0)).centers_in_units.tolist() == [[10, 12], [6, 10]]


NUMBERS = st.floats(-50, 50, allow_subnormal=False)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20),
)
def test_no_centre_is_nearer_than_the_one_that_a_session_gets(
    centers: list[tuple[float, float]], rows: list[tuple[float, float]]
) -> None:
    segments = segments_of(*centers)
    values = np.array(rows).reshape(-1, 2)
    position, distance = segments.nearest(values)

    all_distances = np.linalg.norm((values[:, None, :] - segments.centers_in_units[None]) / 2.0, axis=2)
    np.testing.assert_allclose(distance, all_distances.min(axis=1), atol=1e-6)
    np.testing.assert_allclose(distance, all_distances[np.arange(len(rows)), position], atol=1e-9)


def test_a_matrix_of_no_features_has_its_rows() -> None:
    assert matrix(pa.RecordBatch.from_pydict({"pageviews": [1.0, 2.0, 3.0]}), ()).shape == (3, 0)
