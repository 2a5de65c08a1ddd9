"""Tiers of users by the worth of their sessions: they keep the order, they are cut best, and disorder is told."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.training.mix_tiers import disorder, even_worths, least_worths, reversals, worths_of

USERS = ("Passive", "Exploring", "Engaged")
SESSIONS = ("Low", "Medium", "High")


def users_of(labels: int) -> st.SearchStrategy[list[list[int]]]:
    """Users by the number of their sessions of each label."""
    one = st.lists(st.integers(0, 9), min_size=labels, max_size=labels).filter(any)
    return st.lists(one, min_size=2, max_size=25)


@given(st.integers(2, 6).flatmap(users_of), st.integers(1, 7), st.sampled_from((0.0, 0.5, 1.0, 3.0)))
def test_whoever_has_a_mix_that_is_no_worse_and_no_fewer_sessions_has_a_label_that_is_no_worse(
    counts: list[list[int]], labels: int, added: float
) -> None:
    table = np.array(counts, dtype=float)
    sessions = table.sum(axis=1)
    shares = table / sessions[:, None]
    session_worths = [*even_worths([str(i) for i in range(table.shape[1])]).values()]
    worths = worths_of(shares, sessions.astype(np.int64), session_worths, added)
    order = [str(i) for i in range(labels)]
    least = least_worths(worths, order)
    place = np.array([max(order.index(name) for name, start in least.items() if start <= worth) for worth in worths])

    good = [[sum(row[start:]) / sum(row) for start in range(len(row))] for row in counts]
    for one in range(len(counts)):
        for other in range(len(counts)):
            no_worse = all(a >= b - 1e-12 for a, b in zip(good[one], good[other], strict=True))
            if no_worse and (added == 0 or sessions[one] >= sessions[other]):
                assert place[one] >= place[other]
            if worths[one] > worths[other]:
                assert place[one] >= place[other]
    assert len(least) == min(labels, len(np.unique(worths)))
    assert set(place.tolist()) == {order.index(name) for name in least}, "no label is without users"


@given(st.lists(st.integers(0, 30), min_size=3, max_size=40), st.integers(1, 4))
def test_no_other_cut_leaves_users_more_alike_within_their_labels(hundredths: list[int], labels: int) -> None:
    worths = np.array(hundredths) / 100
    values = np.unique(worths)
    labels = min(labels, len(values))

    def spread(starts: list[float]) -> float:
        tier = np.searchsorted(starts, worths, "right")
        return sum(float(((worths[tier == t] - worths[tier == t].mean()) ** 2).sum()) for t in np.unique(tier))

    found = spread([*least_worths(worths, [str(i) for i in range(labels)]).values()])
    best = min(spread([values[0], *starts]) for starts in combinations(values[1:].tolist(), labels - 1))
    assert found <= best + 1e-9


def test_many_good_sessions_are_worth_more_than_one() -> None:
    shares = np.array([[0, 0, 1.0], [0, 0, 1.0], [1.0, 0, 0], [1.0, 0, 0]])

    assert worths_of(shares, np.array([1, 9, 1, 9]), (0, 0.5, 1), 1).tolist() == [0.5, 0.9, 0, 0]
    assert worths_of(shares, np.array([1, 9, 1, 9]), (0, 0.5, 1), 0).tolist() == [1, 1, 0, 0]


def test_more_and_fewer_user_labels_than_session_labels_are_all_given_where_users_differ_enough() -> None:
    worths = np.linspace(0, 1, 101)

    assert [*least_worths(worths, "ab")] == ["a", "b"]
    assert [*least_worths(worths, "abcdefghij")] == list("abcdefghij")
    assert least_worths(np.array([0.2, 0.7]), "abcd") == {"a": 0.2, "d": 0.7}


def test_a_better_label_with_fewer_good_sessions_or_less_activity_is_told() -> None:
    shares = np.array([[0.1, 0.5, 0.4], [0.1, 0.7, 0.2], [0.0, 0.94, 0.06], [1.0, 0.0, 0.0]])
    labels = ["Exploring", "Exploring", "Engaged", "Passive"]

    assert disorder(labels, USERS, shares, np.array([2, 4, 1, 1]), SESSIONS) == [
        "the mean worth of the mix is 0.53 for Engaged users, and 0.60 for Exploring users",
        "the share of High is 0.06 for Engaged users, and 0.30 for Exploring users",
        "the median of sessions is 1 for Engaged users, and 3 for Exploring users",
    ]
    assert len(disorder(labels, USERS, shares, np.array([2, 4, 3, 1]), SESSIONS)) == 2, "as active"


def test_a_label_that_no_user_has_is_passed_over() -> None:
    shares = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])

    assert disorder(["Passive", "Engaged"], USERS, shares, np.array([1, 1]), SESSIONS) == [
        "the mean worth of the mix is 0.00 for Engaged users, and 1.00 for Passive users",
        "the share of High is 0.00 for Engaged users, and 1.00 for Passive users",
    ]
    assert disorder(["Engaged", "Passive"], USERS, shares, np.array([1, 1]), SESSIONS) == []


def test_users_whose_better_mix_has_a_worse_label_are_counted() -> None:
    shares = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.6, 0.0, 0.4]])

    assert reversals(["Engaged", "Engaged", "Exploring", "Passive"], USERS, shares) == (
        "1 of 4 users have a better mix than users with a better label"
    ), "the last is better in one way, worse in another"
    assert reversals(["Exploring", "Exploring", "Engaged", "Passive"], USERS, shares) == ""
    assert reversals(["Engaged", "Engaged", "Engaged", "Engaged"], USERS, shares) == ""
