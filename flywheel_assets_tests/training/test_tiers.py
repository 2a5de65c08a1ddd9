"""Tiers proposed for clusters: ordered by outcome, ties by depth, cut evenly; and fewer clusters than labels."""

import math
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from flywheel_assets.training.tiers import LEVEL, ClusterOutcome, differ, even_cut, outermost, propose

rates = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

ORDER = ("worst", "low", "high", "best")


def outcome(cluster: int, sessions: int, conversions: int, depth: float = 0.0) -> ClusterOutcome:
    return ClusterOutcome(cluster, f"like {cluster}", sessions, conversions, depth)


def labels(*outcomes: ClusterOutcome, order: tuple[str, ...] = ORDER) -> dict[int, str]:
    return {p.outcome.cluster: p.label for p in propose(outcomes, order)}


def test_the_cluster_with_the_highest_rate_has_the_best_label() -> None:
    four = outcome(1, 1000, 200), outcome(2, 1000, 10), outcome(3, 1000, 100), outcome(4, 1000, 50)

    assert labels(*four) == {1: "best", 3: "high", 4: "low", 2: "worst"}


def test_rates_within_chance_tie_and_the_deeper_cluster_is_the_better() -> None:
    shallow, deep = outcome(1, 1000, 21, -1.0), outcome(2, 1000, 20, 1.0)

    assert [(p.outcome.cluster, p.step) for p in propose((shallow, deep), ORDER)] == [(1, 1), (2, 1)]


def test_rates_beyond_chance_stand_above_any_depth() -> None:
    often, deep = outcome(1, 10_000, 210, -1.0), outcome(2, 10_000, 100, 1.0)

    assert [(p.outcome.cluster, p.step) for p in propose((often, deep), ORDER)] == [(2, 1), (1, 2)]


@given(rates, rates)
def test_two_rates_differ_as_the_chi_square_test_with_yates_correction_says(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    table = [[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]
    both = all(map(sum, zip(*table, strict=True)))

    assert differ(one, other) == (both and chi2_contingency(table, correction=True).pvalue < LEVEL)


def test_rates_that_are_all_none_or_all_one_tie() -> None:
    assert not differ((0, 100), (0, 5))
    assert not differ((7, 7), (900, 900))


def test_a_cluster_with_one_conversion_among_few_sessions_is_not_above_the_others_for_it() -> None:
    assert not differ((60, 300), (1, 2))
    assert not differ((0, 200), (1, 20)), "without the correction they would differ"
    assert differ((0, 200), (3, 20))


def test_a_long_chain_of_small_differences_is_not_one_step() -> None:
    chain = [outcome(n, 1000, 40 + 12 * n) for n in range(8)]

    assert all(not differ((a.conversions, 1000), (b.conversions, 1000)) for a, b in pairwise(chain))
    assert len({p.step for p in propose(chain, ORDER)}) > 2


def test_fewer_clusters_than_labels_have_the_outermost_labels() -> None:
    two, three = (outcome(1, 900, 9), outcome(2, 900, 90)), (outcome(3, 900, 400),)

    assert labels(*two) == {1: "worst", 2: "best"}
    assert labels(*two, *three) == {1: "worst", 2: "low", 3: "best"}


def test_more_clusters_than_labels_share_them_as_evenly_as_their_sessions_allow() -> None:
    rates = {1: 0, 2: 30, 3: 60, 4: 90, 5: 180}
    sizes = {1: 100, 2: 300, 3: 150, 4: 150, 5: 300}
    five = [outcome(n, 10 * sizes[n], rates[n] * sizes[n] // 100) for n in rates]

    assert labels(*five, order=("low", "medium", "high")) == {1: "low", 2: "low", 3: "medium", 4: "medium", 5: "high"}


def test_a_cluster_without_sessions_has_the_worst_label_and_takes_no_label_from_the_others() -> None:
    assert labels(outcome(1, 900, 9), outcome(2, 0, 0), outcome(3, 900, 90), order=("bad", "good")) == {
        1: "bad",
        2: "bad",
        3: "good",
    }


def test_without_an_outcome_depth_alone_orders() -> None:
    assert labels(outcome(1, 50, 0, 2.0), outcome(2, 50, 0, -1.0), outcome(3, 50, 0, 0.5), order=("a", "b", "c")) == {
        2: "a",
        3: "b",
        1: "c",
    }


@given(st.integers(1, 8).flatmap(lambda tiers: st.tuples(st.integers(1, tiers), st.just(tiers))))
def test_the_outermost_places_are_different_and_hold_both_ends(counts: tuple[int, int]) -> None:
    clusters, tiers = counts
    places = outermost(clusters, tiers)

    assert len(set(places)) == clusters
    assert places == sorted(places)
    assert places[0] == 0
    assert clusters == 1 or places[-1] == tiers - 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7), st.integers(1, 4))
def test_no_other_cut_is_more_even(sizes: list[int], tiers: int) -> None:
    tiers = min(tiers, len(sizes))

    def unevenness(bounds: tuple[int, ...]) -> int:
        ends = (0, *bounds, len(sizes))
        return sum(sum(sizes[start:end]) ** 2 for start, end in pairwise(ends))

    places = even_cut(sizes, tiers)
    bounds = tuple(i for i in range(1, len(sizes)) if places[i] != places[i - 1])

    assert sorted(set(places)) == list(range(tiers))
    assert places == sorted(places)
    assert unevenness(bounds) == min(map(unevenness, combinations(range(1, len(sizes)), tiers - 1)))


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1), st.floats(-3, 3)), min_size=1, max_size=8),
    st.integers(2, 5),
)
def test_a_better_label_never_goes_to_a_rate_that_is_lower_beyond_chance(
    drawn: list[tuple[int, float, float]], count: int
) -> None:
    order = tuple(map(str, range(count)))
    outcomes = [outcome(i, n, math.floor(n * rate), depth) for i, (n, rate, depth) in enumerate(drawn)]
    proposals = propose(outcomes, order)
    steps = [p.step for p in proposals if p.outcome.sessions]

    assert sorted(p.outcome.cluster for p in proposals) == list(range(len(outcomes)))
    assert steps == sorted(steps)
    assert [p.label for p in proposals] == sorted((p.label for p in proposals), key=order.index)
    rates = [p.outcome.rate for p in proposals if p.outcome.sessions]
    assert all(low <= high for s, t, low, high in zip(steps, steps[1:], rates, rates[1:], strict=False) if s < t)
