import numpy as np
import pytest

from flywheel_assets.segments.descriptions import descriptions, noun

FEATURES = ("pageviews", "detail_pageviews", "favorites", "leads", "leads_per_pageview")
MEANS, SCALES = (10.0, 5.0, 1.0, 0.1, 0.01), (5.0, 5.0, 2.0, 0.3, 0.03)


def described(*units: tuple[float, ...], rates: list[float] | None = None) -> list[str]:
    """Descriptions of centres given in the features' own units."""
    centers = (np.array(units) - np.array(MEANS)) / np.array(SCALES)
    return descriptions(centers, MEANS, SCALES, FEATURES, "leads" if rates else None, rates, 0.08)


def test_what_stands_out_most_is_told_first() -> None:
    assert described((20, 20, 1, 0.1, 0.01)) == ["very many detail views, very many page views"]


@pytest.mark.parametrize(
    ("details", "said"),
    [(7.5, "many detail views"), (7.4, "average sessions"), (2.5, "few detail views"), (2.6, "average sessions")],
)
def test_a_word_begins_at_half_a_standard_deviation(details: float, said: str) -> None:
    assert described((10, details, 1, 0.1, 0.01)) == [said]


def test_next_to_none_is_no() -> None:
    assert described((10, 0, 1, 0.1, 0.01)) == ["no detail views"]


def test_the_outcome_is_told_where_conversion_is_far_from_that_of_all() -> None:
    usual = (10, 20, 1, 0.1, 0.01)

    assert described(usual, rates=[0.04]) == ["very many detail views, few leads"]
    assert described(usual, rates=[0.05]) == ["very many detail views"]
    assert described(usual, rates=[0.16]) == ["very many detail views, many leads"]
    assert described(usual, rates=[0.0]) == ["very many detail views, no leads"]


def test_a_count_and_its_rate_are_told_once() -> None:
    assert described((10, 5, 1, 0.9, 0.2), rates=[1.0]) == ["very many leads"]
    assert described((10, 5, 1, 0.1, 0.2)) == ["very many leads per page view"]


def test_clusters_that_would_sound_alike_are_told_apart_by_more() -> None:
    alike = described((30, 30, 9, 0.1, 0.01), (30, 30, 9, 0.9, 0.01), (40, 40, 9, 0.9, 0.01))

    assert len(set(alike)) == 3
    assert alike[0] == "very many detail views, very many page views, very many favorites"


def test_names_of_any_model_become_words() -> None:
    assert noun("detail_pageviews_per_pageview") == "detail views per page view"
    assert noun("minutes_on_site") == "minutes on site"
