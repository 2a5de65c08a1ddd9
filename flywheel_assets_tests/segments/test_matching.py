import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.segments.matching import first_ids, matched
from flywheel_assets_tests.fits import segments_of

FEATURES = ("pageviews", "leads")
UNITS = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
PREVIOUS = segments_of((-5, -5), (5, -5), (-5, 5), ids=(2, 5, 3))
"""The same centres as UNITS, of a mean of 10 and standard deviations of 2."""


def test_the_first_fit_numbers_its_clusters_by_size() -> None:
    found = first_ids([5, 80, 15])

    assert (found.ids, found.appeared, found.vanished, found.ids_given) == ((3, 1, 2), (1, 2, 3), (), 3)


@given(st.permutations(range(3)), st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_clusters_keep_their_ids_in_whatever_order_a_refit_finds_them(order: list[int], moves: list[float]) -> None:
    centers = (UNITS + np.array(moves).reshape(3, 2))[order]
    found = matched(centers, [1, 1, 1], FEATURES, (3.0, 3.0), PREVIOUS)

    assert found.ids == tuple((2, 5, 3)[i] for i in order)
    assert found.appeared == found.vanished == ()


def test_ids_are_matched_in_original_units_by_the_new_standard_deviations() -> None:
    found = matched(UNITS + 3.0, [1, 1, 1], FEATURES, (3.0, 1.5), PREVIOUS)

    assert found.ids == (2, 5, 3)
    assert found.distances == {id: pytest.approx(np.hypot(1, 2)) for id in (2, 3, 5)}


def test_a_cluster_more_has_appeared_under_an_id_that_none_ever_had() -> None:
    previous = segments_of((-5, -5), (5, -5), (-5, 5), ids=(2, 5, 3), ids_given=8)
    found = matched(np.vstack([[[40.0, 40.0]], UNITS]), [9, 1, 1, 1], FEATURES, (3.0, 3.0), previous)

    assert (found.ids, found.appeared, found.vanished, found.ids_given) == ((9, 2, 5, 3), (9,), (), 9)


def test_a_cluster_less_has_vanished_and_is_named() -> None:
    found = matched(UNITS[:2], [1, 1], FEATURES, (3.0, 3.0), PREVIOUS)

    assert (found.ids, found.appeared, found.vanished, found.ids_given) == ((2, 5), (), (3,), 5)


def test_a_cluster_far_from_its_pair_is_another_one() -> None:
    """The third is nearer to the first of its own fit than to the one that would be left for it."""
    found = matched(np.array([[0.0, 0.0], [20.0, 0.0], [0.0, -6.0]]), [1, 1, 1], FEATURES, (3.0, 3.0), PREVIOUS)

    assert (found.ids, found.appeared, found.vanished) == ((2, 5, 6), (6,), (3,))


def test_features_of_one_fit_alone_do_not_count() -> None:
    centers = np.column_stack([np.full(3, 99.0), UNITS[:, 0], UNITS[:, 1]])
    found = matched(centers, [1, 1, 1], ("favorites", *FEATURES), (1.0, 3.0, 3.0), PREVIOUS)

    assert found.ids == (2, 5, 3)


def test_without_a_feature_in_common_every_cluster_is_new() -> None:
    found = matched(UNITS, [1, 5, 3], ("a", "b"), (1.0, 1.0), PREVIOUS)

    assert (found.ids, found.vanished) == ((8, 6, 7), (2, 3, 5))
