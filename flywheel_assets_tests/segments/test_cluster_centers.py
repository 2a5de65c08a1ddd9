import pytest

from flywheel_assets.segments.cluster_centers import centroid_sanity, cluster_centers, stability, verdicts
from flywheel_assets_tests.fits import segments_of


def test_centres_are_told_in_units_and_in_standard_deviations() -> None:
    segments = segments_of((2, 3), (-0.5, -0.5))
    rows = cluster_centers(segments)

    assert [(r["cluster"], r["feature"], r["center"], r["center_in_standard_deviations"]) for r in rows] == [
        (1, "pageviews", 14.0, 2.0),
        (1, "leads", 16.0, 3.0),
        (2, "pageviews", 9.0, -0.5),
        (2, "leads", 9.0, -0.5),
    ]
    assert {r["segments_version"] for r in rows} == {segments.version}


def test_centres_apart_and_stable_pass() -> None:
    assert [verdict.passed for verdict in verdicts(segments_of((0, 0), (2, 2)))] == [True, True]


def test_two_centres_in_one_place_are_named() -> None:
    found = centroid_sanity(segments_of((0, 0), (2, 2), (2, 2 + 1e-9), ids=(1, 5, 6)))

    assert (found.passed, found.severity, found.summary) == (False, "ERROR", "5 and 6 have the same centre")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_named(value: float) -> None:
    assert "the centre of 2 is not finite" in centroid_sanity(segments_of((0, 0), (value, 2))).summary


@pytest.mark.parametrize(("share", "passed"), [(0.005, True), (0.0049, False)])
def test_a_cluster_of_under_half_a_percent_fails(share: float, passed: bool) -> None:
    assert centroid_sanity(segments_of((0, 0), (2, 2), shares=(1 - share, share))).passed is passed


@pytest.mark.parametrize(("value", "passed"), [(0.75, True), (0.74, False), (None, True)])
def test_a_cluster_found_again_by_less_than_three_quarters_warns(value: float | None, passed: bool) -> None:
    found = stability(segments_of((0, 0), (2, 2), stability=value))

    assert (found.passed, found.severity) == (passed, "WARN")
    assert passed or found.summary == (
        "found again in resamples with less than 0.75: 1 (cluster 1) 0.74; 2 (cluster 2) 0.74"
    )
