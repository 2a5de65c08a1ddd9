import numpy as np
import pytest

from flywheel_assets.errors import SegmentsError
from flywheel_assets.segments import clustering
from flywheel_assets.segments.exploration import explore, sampling
from flywheel_assets_tests.segments.test_clustering import blobs


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "RESAMPLES", 3)


def test_the_number_of_places_is_found_and_every_number_is_told_of() -> None:
    said: list[str] = []
    found = explore(blobs()[0], range(2, 6), None, said.append)

    assert found.choice.clusters == 3 == len(found.fit.centers)
    assert [d.clusters for d in found.diagnostics] == [2, 3, 4, 5] == [int(text[0]) for text in said]


def test_a_wanted_number_is_fitted_also_outside_of_the_range() -> None:
    found = explore(blobs()[0], range(2, 4), 5)

    assert (found.choice.clusters, len(found.fit.centers)) == (5, 5)
    assert [d.clusters for d in found.diagnostics] == [2, 3, 5]


def test_constant_features_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SegmentsError, match=r"every feature is constant over the 9 sessions.*segments fit --from"):
        explore(np.ones((9, 2)), range(2, 5), None)


@pytest.mark.parametrize(("numbers", "wanted"), [(range(4, 6), None), (range(2, 6), 4)])
def test_fewer_different_sessions_than_clusters_are_an_error(numbers: range, wanted: int | None) -> None:
    values = np.array([[0.0], [1.0], [2.0]] * 10)
    with pytest.raises(SegmentsError, match=r"4 clusters need more than 4 different sessions; there are 3, of 30"):
        explore(values, numbers, wanted)


def test_numbers_that_are_too_many_for_the_sessions_are_left_out() -> None:
    values = np.array([[0.0], [1.0], [2.0], [30.0]] * 10)

    assert [d.clusters for d in explore(values, range(2, 9), None).diagnostics] == [2, 3]


def test_what_was_sampled_is_said() -> None:
    assert "silhouette over 10,000; stability over 3 resamples of 10,000" in sampling(1_000_000)
    assert sampling(1_000_000).startswith(
        "K-Means over all 1,000,000 sessions, begun from the best of 10 fits to 20,000"
    )
    assert sampling(1_000_001).startswith("MiniBatchKMeans over all")
    assert "silhouette over 50" in sampling(50)
