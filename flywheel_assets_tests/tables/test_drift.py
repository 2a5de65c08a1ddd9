import json
from dataclasses import asdict
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import chi2

from flywheel_assets.tables.drift import (
    Baseline,
    Drift,
    FeatureBaseline,
    band,
    bin_counts,
    bin_edges,
    compare,
    cumulative_bin_counts,
    jensen_shannon_distance,
    noise_limit,
    psi,
)
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import figures, frame

COUNTS = st.integers(2, 6).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 500), min_size=bins, max_size=bins).filter(any)] * 2)
)


def test_psi_by_hand() -> None:
    assert psi([20, 80], [50, 50]) == pytest.approx((0.2 - 0.5) * log(0.2 / 0.5) + (0.8 - 0.5) * log(0.8 / 0.5))


def test_an_empty_bin_counts_as_half_an_observation_of_its_own_sample() -> None:
    by_hand = (0.5 / 10 - 0.5) * log(0.05 / 0.5) + (1 - 0.5) * log(1 / 0.5)
    assert psi([0, 10], [200, 200]) == pytest.approx(by_hand)
    other_way = (0.5 - 0.5 / 400) * log(0.5 / (0.5 / 400)) + (0.5 - 1) * log(0.5 / 1)
    assert psi([5, 5], [0, 400]) == pytest.approx(other_way)


@given(COUNTS)
def test_psi_is_symmetric_never_negative_and_0_of_equal_samples(counts: tuple[list[int], list[int]]) -> None:
    actual, expected = counts
    assert psi(actual, expected) == pytest.approx(psi(expected, actual))
    assert psi(actual, expected) >= 0
    assert psi(actual, actual) == 0


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0.0, "stable"),
        (0.0999999, "stable"),
        (0.10, "moderate"),
        (0.25, "moderate"),
        (0.2500001, "major"),
        (3.0, "major"),
    ],
)
def test_bands_from_both_sides(value: float, name: str) -> None:
    assert band(value) == name


@pytest.mark.parametrize(("n", "m", "bins"), [(50, 50, 4), (1000, 20_000, 11), (1, 1, 2)])
def test_the_noise_limit_is_the_95th_percentile_of_a_scaled_chi_square(n: int, m: int, bins: int) -> None:
    assert noise_limit(n, m, bins) == pytest.approx((1 / n + 1 / m) * chi2.ppf(0.95, bins - 1))


def test_one_bin_has_no_noise() -> None:
    assert noise_limit(10, 10, 1) == 0.0


@given(COUNTS)
def test_jensen_shannon_distance_is_that_of_scipy_in_base_2(counts: tuple[list[int], list[int]]) -> None:
    actual, expected = counts
    found = jensen_shannon_distance(actual, expected)
    # Near 0 both are the root of a rounding error.
    assert found == pytest.approx(distance.jensenshannon(actual, expected, base=2), abs=1e-7)
    assert 0 <= found <= 1 + 1e-12


def test_jensen_shannon_distance_is_0_for_equal_shares_and_1_for_disjoint_ones() -> None:
    assert jensen_shannon_distance([1, 2], [10, 20]) == 0
    assert jensen_shannon_distance([7, 0], [0, 3]) == 1


@pytest.mark.parametrize(("actual", "expected"), [([0, 0], [5, 5]), ([5, 5], [0, 0]), ([0, 0], [0, 0])])
def test_without_observations_on_either_side_there_is_no_drift(actual: list[int], expected: list[int]) -> None:
    assert compare(actual, expected) is None


def test_a_comparison_holds_all_figures() -> None:
    found = compare([20, 80], [50, 50])
    assert found == Drift(
        psi([20, 80], [50, 50]), noise_limit(100, 100, 2), jensen_shannon_distance([20, 80], [50, 50]), "major"
    )


@pytest.mark.parametrize(
    ("value", "limit", "alert"), [(0.09, 0.01, False), (0.2, 0.2, False), (0.2, 0.19, True), (0.3, 0.31, False)]
)
def test_an_alert_needs_a_band_above_stable_and_more_than_noise(value: float, limit: float, alert: bool) -> None:
    assert Drift(value, limit, 0.0, band(value)).alert == alert


def test_without_drift_small_intervals_cry_wolf_by_psi_but_seldom_alert() -> None:
    rng = np.random.default_rng(1)
    shares = [0.1, 0.2, 0.3, 0.4]
    pairs = zip(rng.multinomial(50, shares, 2000), rng.multinomial(50, shares, 2000), strict=True)
    found = [compare(actual, expected) for actual, expected in pairs]
    assert 0.07 < np.mean([f.psi > 0.25 for f in found]) < 0.16
    assert 0.02 < np.mean([f.alert for f in found]) < 0.08


def test_drift_beyond_noise_alerts() -> None:
    rng = np.random.default_rng(1)
    found = [
        compare(rng.multinomial(500, [0.4, 0.3, 0.2, 0.1]), rng.multinomial(500, [0.1, 0.2, 0.3, 0.4]))
        for _ in range(100)
    ]
    assert all(f.alert and f.band == "major" for f in found)


def test_bins_end_at_the_minimum_and_at_the_unique_deciles_above_it() -> None:
    assert bin_edges(range(101)) == pytest.approx((0, 10, 20, 30, 40, 50, 60, 70, 80, 90))
    assert bin_edges([0] * 45 + [1] * 30 + [2] * 26) == (0, 1, 2)
    assert bin_edges([3, 3, 3]) == (3,)


def test_bins_of_no_values_are_an_error() -> None:
    with pytest.raises(ValueError, match="bins need at least one value"):
        bin_edges([])


def test_a_value_at_an_edge_lies_in_the_bin_below_it() -> None:
    assert bin_counts([-5, 0, 1, 10, 11, 99], (0.0, 10.0)) == (2, 2, 2)
    assert bin_counts([], (0.0, 10.0)) == (0, 0, 0)


def test_the_minimum_of_a_rare_feature_is_a_bin_of_its_own_so_that_its_drift_shows() -> None:
    baseline = np.repeat([0, 1], [970, 30])
    edges = bin_edges(baseline)
    assert edges == (0,)
    expected = bin_counts(baseline, edges)
    assert expected == (970, 30)
    found = compare(bin_counts(np.repeat([0, 1], [700, 300]), edges), expected)
    assert found.psi > 0.25
    assert found.alert


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.lists(st.integers(-5, 30), min_size=1, max_size=60))
def test_the_engine_counts_bins_as_arrays_do(engine: DuckDBEngine, baseline: list[int], values: list[int]) -> None:
    edges = bin_edges(baseline)
    table = frame({"value": "int64"}, [[v] for v in values])
    aggregates = {f"bin_{i}": count for i, count in enumerate(cumulative_bin_counts(table.value, edges))}
    cumulative = [0, *figures(engine, table, aggregates).values(), len(values)]
    assert tuple(np.diff(cumulative)) == bin_counts(values, edges)
    assert sum(bin_counts(baseline, edges)) == len(baseline)
    assert list(edges) == sorted(set(edges))


def test_a_baseline_survives_json() -> None:
    baseline = Baseline({"Low": 3, "High": 1}, {"leads": FeatureBaseline((0.0, 2.5), (1, 2, 3))})
    assert Baseline.from_json(json.loads(json.dumps(asdict(baseline)))) == baseline
