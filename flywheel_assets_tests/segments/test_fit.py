import json

import pytest

from flywheel_assets.segments.fit import Fitted, fit_report, segments_of
from flywheel_assets.segments.segments import Segments

FITTED = Fitted(
    features=("pageviews", "leads"),
    constant=("shares",),
    means=(10.0, 0.5),
    scales=(5.0, 1.0),
    counts=("pageviews", "leads", "shares"),
    outcome="leads",
    centers=((2.0, 3.0), (-0.5, -0.5)),
    sizes=(100, 300),
    conversions=(100, 0),
    jaccards=(0.9, 0.8),
    first_interval="2024-01-15",
    last_interval="2024-02-12",
    fingerprint="abc",
    why="because",
    sampling="all of them",
)


def test_the_chosen_fit_comes_back_out_of_its_json() -> None:
    assert Fitted.from_json(FITTED.to_json()) == FITTED


def test_a_first_fit_numbers_clusters_by_size_and_says_what_they_are_like() -> None:
    segments, matching = segments_of(FITTED, None)

    assert [(c.id, c.description, c.sessions, c.share) for c in segments.clusters] == [
        (1, "few page views, no leads", 300, 0.75),
        (2, "very many leads, very many page views", 100, 0.25),
    ]
    assert [(c.conversion_rate, c.stability) for c in segments.clusters] == [(0.0, 0.8), (1.0, 0.9)]
    assert (segments.sessions, matching.appeared) == (400, (1, 2))


def test_a_refit_of_the_same_keeps_ids_and_version() -> None:
    first, _ = segments_of(FITTED, None)
    again, matching = segments_of(FITTED, first)

    assert again == first
    assert (matching.appeared, matching.vanished, matching.distances) == ((), (), {1: 0.0, 2: 0.0})


def test_without_an_outcome_there_are_no_rates() -> None:
    segments, _ = segments_of(Fitted(**{**vars(FITTED), "outcome": None, "conversions": None}), None)

    assert [c.conversion_rate for c in segments.clusters] == [None, None]


def test_the_report_holds_the_segments_and_how_they_were_found() -> None:
    segments, matching = segments_of(FITTED, None)
    text = json.dumps(fit_report(FITTED, segments, matching, [{"clusters": 2}]))

    assert Segments.from_json(json.loads(text)) == segments
    assert {name: json.loads(text)[name] for name in ("why", "fingerprint", "appeared", "vanished", "diagnostics")} == {
        "why": "because",
        "fingerprint": "abc",
        "appeared": [1, 2],
        "vanished": [],
        "diagnostics": [{"clusters": 2}],
    }


@pytest.mark.parametrize("missing", ["means", "clusters"])
def test_a_report_that_lacks_something_is_no_report(missing: str) -> None:
    value = segments_of(FITTED, None)[0].to_json()
    del value[missing]
    with pytest.raises(KeyError):
        Segments.from_json(value)
