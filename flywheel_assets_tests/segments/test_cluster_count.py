import pytest

from flywheel_assets.segments.cluster_count import Diagnostics, Stability, choose, elbow, mean_ranks

STEADY = Stability((0.9, 0.8), 0.9)
SHAKY = Stability((0.9, 0.5), 0.6)


def of(clusters: int, inertia: float, silhouette: float, db: float, ch: float, smallest: float = 0.1) -> Diagnostics:
    return Diagnostics(clusters, inertia, silhouette, db, ch, smallest)


FOUND = [
    of(2, 100, 0.30, 1.5, 50),
    of(3, 60, 0.40, 1.2, 60),
    of(4, 30, 0.60, 0.8, 90),
    of(5, 25, 0.50, 0.9, 80),
    of(6, 20, 0.45, 1.0, 70, smallest=0.004),
]


def test_the_number_that_ranks_best_is_chosen_and_the_reason_told() -> None:
    choice = choose(FOUND, lambda k: STEADY)

    assert choice.clusters == 4
    assert choice.why == (
        "4 clusters: mean rank 1.00 of 4 by silhouette, Davies-Bouldin, Calinski-Harabasz and elbow, and its stability "
        "is 0.85; 6 is out: a cluster under 0.5% of sessions"
    )


def test_stability_is_known_for_the_chosen_number_and_its_neighbours_alone() -> None:
    assert sorted(choose(FOUND, lambda k: STEADY).stabilities) == [3, 4, 5]
    assert sorted(choose(FOUND, lambda k: STEADY, wanted=2).stabilities) == [2, 3]


def test_an_unstable_number_gives_way_to_the_next_best() -> None:
    choice = choose(FOUND, lambda k: SHAKY if k == 4 else STEADY)

    assert choice.clusters == 5
    assert "ranked better, but less stable: 4 (0.70)" in choice.why


def test_when_none_is_stable_the_most_stable_is_chosen_and_it_is_said() -> None:
    choice = choose(FOUND, lambda k: Stability((0.5 if k == 3 else 0.1 * k - 0.1,), 0.5))

    assert choice.clusters == 3, "though 4 and 5 rank better"
    assert "its stability is 0.50, under 0.75" in choice.why


@pytest.mark.parametrize(("smallest", "clusters"), [(0.005, 4), (0.0049, 5)])
def test_a_cluster_under_half_a_percent_rules_its_number_out(smallest: float, clusters: int) -> None:
    found = [d if d.clusters != 4 else of(4, 30, 0.6, 0.8, 90, smallest) for d in FOUND]

    assert choose(found, lambda k: STEADY).clusters == clusters


def test_when_every_number_has_too_small_a_cluster_none_is_ruled_out() -> None:
    found = [of(d.clusters, d.inertia, d.silhouette, d.davies_bouldin, d.calinski_harabasz, 0.001) for d in FOUND]

    assert choose(found, lambda k: STEADY).clusters == 4


def test_a_wanted_number_overrides_the_rule_and_says_how_it_would_rank() -> None:
    choice = choose(FOUND, lambda k: SHAKY, wanted=3)

    assert choice.clusters == 3
    assert choice.why.startswith(
        "3 clusters, as asked for: its stability is 0.70, under 0.75; by the rule it would rank"
    )


def test_of_equal_ranks_the_smaller_number_is_chosen() -> None:
    assert choose([of(k, 10, 0.5, 1, 10) for k in (2, 3, 4)], lambda k: STEADY).clusters == 2


def test_no_single_metric_decides() -> None:
    """Calinski-Harabasz alone would choose 2, the silhouette alone 5."""
    found = [of(2, 100, 0.1, 2, 99), of(3, 40, 0.5, 0.5, 60), of(4, 30, 0.4, 0.6, 50), of(5, 25, 0.6, 0.9, 40)]

    assert choose(found, lambda k: STEADY).clusters == 3


def test_the_elbow_is_the_number_furthest_below_the_straight_line() -> None:
    bend = elbow([of(2, 100, 0, 0, 0), of(3, 20, 0, 0, 0), of(4, 10, 0, 0, 0), of(5, 0, 0, 0, 0)])

    assert bend == pytest.approx({2: 0.0, 3: 2 / 3 - 0.2, 4: 1 / 3 - 0.1, 5: 0.0})
    assert elbow([of(2, 100, 0, 0, 0), of(3, 20, 0, 0, 0)]) == {2: 0.0, 3: 0.0}
    assert set(elbow([of(k, 0, 0, 0, 0) for k in (2, 3, 4)]).values()) == {0.0}


def test_equal_values_share_the_mean_of_their_places() -> None:
    ranks = mean_ranks([of(2, 10, 0.5, 1, 9), of(3, 10, 0.5, 1, 9), of(4, 10, 0.1, 2, 1)])

    assert ranks == {2: pytest.approx((1.5 * 3 + 2) / 4), 3: pytest.approx((1.5 * 3 + 2) / 4), 4: pytest.approx(2.75)}
