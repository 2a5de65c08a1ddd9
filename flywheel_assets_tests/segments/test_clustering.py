import numpy as np
import pytest

from flywheel_assets.segments import clustering

CENTERS = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])


def blobs(count: int = 300, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sessions in three places, and the place of each."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 3, count)
    return CENTERS[place] + rng.normal(size=(count, 2)), place


def test_columns_become_standard_deviations_and_constant_ones_go() -> None:
    values = np.array([[1.0, 7.0, 0.0], [3.0, 7.0, 10.0]])
    found = clustering.scaled(values)

    assert (found.kept, found.constant) == ((0, 2), (1,))
    assert found.values.tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert (found.means.tolist(), found.scales.tolist()) == ([2.0, 5.0], [1.0, 5.0])


@pytest.mark.parametrize("values", [np.full((4, 2), 3.0), np.empty((0, 2))])
def test_where_nothing_differs_nothing_is_kept(values: np.ndarray) -> None:
    assert clustering.scaled(values).kept == ()


def test_a_column_that_varies_by_less_than_is_kept_is_constant() -> None:
    found = clustering.scaled(np.array([[1.0, 1e-12], [3.0, 3e-12]]))

    assert (found.kept, found.constant) == ((0,), (1,))
    assert found.values.tolist() == [[-1.0], [1.0]]


def test_a_fit_finds_the_places_and_the_same_ones_again() -> None:
    values, place = blobs()
    found, again = clustering.fit(values, 3, 7), clustering.fit(values, 3, 7)

    pairs = {(a, b) for a, b in zip(found.labels.tolist(), place.tolist(), strict=True)}
    assert len(pairs) == 3
    assert sorted(found.sizes) == sorted(np.bincount(place))
    assert found.centers.tolist() == again.centers.tolist()


def test_a_fit_begun_from_a_sample_is_one_over_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    values, _ = blobs()
    whole = clustering.fit(values, 3, 7)
    monkeypatch.setattr(clustering, "START_SESSIONS", 60)
    begun = clustering.fit(values, 3, 7)

    assert len(begun.labels) == 300
    assert begun.inertia == pytest.approx(whole.inertia, rel=1e-6)


def test_very_many_sessions_are_fitted_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    values, _ = blobs()
    whole = clustering.fit(values, 3, 7)
    monkeypatch.setattr(clustering, "START_SESSIONS", 60)
    monkeypatch.setattr(clustering, "MINI_BATCH_ABOVE", 299)
    monkeypatch.setattr(clustering, "MINI_BATCH_SESSIONS", 100)
    found = clustering.fit(values, 3, 7)

    assert found.inertia > whole.inertia, "it is another algorithm"
    assert found.inertia == pytest.approx(whole.inertia, rel=0.05)
    assert sorted(found.sizes) == pytest.approx(sorted(whole.sizes), abs=5)


def test_diagnostics_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    values = clustering.scaled(blobs()[0]).values
    fit = clustering.fit(values, 4, 7)
    found = clustering.diagnostics(values, fit, 7)

    assert found.silhouette == pytest.approx(silhouette_score(values, fit.labels))
    assert found.davies_bouldin == pytest.approx(davies_bouldin_score(values, fit.labels))
    assert found.calinski_harabasz == pytest.approx(calinski_harabasz_score(values, fit.labels))
    assert found.inertia == pytest.approx(((values - fit.centers[fit.labels]) ** 2).sum())
    assert found.smallest_share == min(fit.sizes) / 300


def test_a_sampled_silhouette_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    values = clustering.scaled(blobs()[0]).values
    fit = clustering.fit(values, 3, 7)
    whole = clustering.diagnostics(values, fit, 7).silhouette
    monkeypatch.setattr(clustering, "SILHOUETTE_SESSIONS", 100)
    sampled = [clustering.diagnostics(values, fit, seed).silhouette for seed in (7, 7, 8)]

    assert sampled[0] == sampled[1] != sampled[2]
    assert sampled[0] == pytest.approx(whole, abs=0.05)


def test_clusters_that_are_there_are_found_again_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "RESAMPLES", 5)
    monkeypatch.setattr(clustering, "RESAMPLE_ATTEMPTS", 2)
    values, _ = blobs()
    there = clustering.stability(values, clustering.fit(values, 3, 7), 7)
    noise = np.random.default_rng(3).uniform(size=(300, 6))
    imagined = clustering.stability(noise, clustering.fit(noise, 7, 7), 7)

    assert min(there.jaccards) > 0.95
    assert there.adjusted_rand > 0.95
    assert imagined.mean < 0.75
    assert imagined.adjusted_rand < there.adjusted_rand


def test_jaccard_is_of_the_most_similar_cluster() -> None:
    mine, theirs = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])

    assert clustering._jaccards(mine, theirs, 3)[:2].tolist() == [2 / 3, 2 / 3]
    assert np.isnan(clustering._jaccards(mine, theirs, 3)[2])


def test_different_sessions_are_counted_as_far_as_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([[0.0], [0.0], [1.0], [2.0], [3.0]])

    assert clustering.distinct(values, 9) == 4
    monkeypatch.setattr(clustering, "START_SESSIONS", 3)
    assert clustering.distinct(values, 1) == 2
    assert clustering.distinct(values, 2) == 4
