"""Labels of sessions from their clusters: figures of clusters, a proposal once, and people's word after that."""

from pathlib import Path

import pandas as pd
import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.segments.segments import Cluster, Segments
from flywheel_assets.training.segment_labels import cluster_outcomes, segment_labels, telling

FEATURES = ("pageviews", "leads")
ORDER = ("Low", "Medium", "High")


def segments(ids: tuple[int, ...] = (1, 2), outcome: str | None = "leads") -> Segments:
    clusters = tuple(Cluster(number, f"like {number}", (float(number),), 0, 0.0) for number in ids)
    return Segments(("pageviews",), (), (0.0,), (1.0,), FEATURES, outcome, clusters, max(ids), "k1", "k2", 0)


SESSIONS = pd.DataFrame(
    {
        "interval_start": ["k1", "k1", "k2", "k2"],
        "pageviews": [1.0, 1.0, 1.0, 5.0],
        "leads": [0.0, 0.0, 0.0, 1.0],
        "cluster": [2, 2, 2, 1],
        "converted": [False, False, False, True],
    }
)


def test_a_clusters_figures_are_counts_and_mean_deviations() -> None:
    one, two, three = cluster_outcomes(SESSIONS, ["pageviews"], segments((1, 2, 3)))

    # pageviews: mean 2, standard deviation sqrt(3), so 5 lies 3 / sqrt(3) above it and 1 lies 1 / sqrt(3) below.
    assert (one.sessions, one.conversions, one.depth) == (1, 1, pytest.approx(3**0.5))
    assert (two.sessions, two.conversions, two.depth) == (3, 0, pytest.approx(-(3**-0.5)))
    assert (three.sessions, three.conversions, three.depth) == (0, 0, 0)
    assert (one.description, one.rate, three.rate) == ("like 1", 1, 0)


def test_a_constant_feature_has_no_depth() -> None:
    assert [one.depth for one in cluster_outcomes(SESSIONS.assign(pageviews=3.0), ["pageviews"], segments())] == [0, 0]


def test_without_an_outcome_nothing_converts() -> None:
    unknown = SESSIONS.assign(converted=[None] * 4)

    assert [one.conversions for one in cluster_outcomes(unknown, ["pageviews"], segments(outcome=None))] == [0, 0]


def test_depth_is_told_by_the_features_that_tell_it_or_by_all_but_the_outcome() -> None:
    assert telling(("favorites", "leads", "pageviews"), "leads") == ["pageviews", "favorites"]
    assert telling(("clicks", "orders"), "orders") == ["clicks"]


def test_a_proposal_is_written_once_and_then_people_have_the_word(tmp_path: Path) -> None:
    path = tmp_path / "labels" / "segment_labels.toml"
    proposed = segment_labels(SESSIONS, FEATURES, segments(), ORDER, path)
    assert proposed.labels == {2: "Low", 1: "High"}
    assert "4 sessions of 2 intervals, k1 to k2" in path.read_text()

    path.write_text(path.read_text().replace('1 = "High"', '1 = "Medium" # they only look'))
    edited = path.read_bytes()
    found = segment_labels(SESSIONS, FEATURES, segments(), ORDER, path)

    assert found.labels == {2: "Low", 1: "Medium"}
    assert path.read_bytes() == edited
    assert [(line["cluster"], line["label"], line["sessions"]) for line in found.tiers()] == [
        (1, "Medium", 1),
        (2, "Low", 3),
    ]


def test_a_file_of_other_segments_is_an_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "segment_labels.toml"
    segment_labels(SESSIONS, FEATURES, segments(), ORDER, path)
    before = path.read_bytes()

    with pytest.raises(LabelError, match=r"segment_labels\.toml lacks cluster 3: .* delete .*segment_labels\.toml"):
        segment_labels(SESSIONS, FEATURES, segments((1, 2, 3)), ORDER, path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_utf_8_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "segment_labels.toml"
    segment_labels(SESSIONS, FEATURES, segments(), ORDER, path)
    path.write_bytes(path.read_bytes() + "# für später".encode("latin-1"))

    with pytest.raises(LabelError, match=r"segment_labels\.toml is not UTF-8: .*; save it as UTF-8, or delete"):
        segment_labels(SESSIONS, FEATURES, segments(), ORDER, path)
