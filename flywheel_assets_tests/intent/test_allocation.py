from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent.allocation import allocated, rounded

WEIGHTS = st.lists(st.integers(1, 9), min_size=2, max_size=5)
ODD_IDS = ["o'neil", '"quoted"', "<b>", "a,b", "two\nlines", "", "é"]


def shares_of(weights: list[int]) -> list[Fraction]:
    return [Fraction(weight, sum(weights)) for weight in weights]


def within_one(count: int, exact: Fraction) -> bool:
    return floor(exact) <= count <= ceil(exact)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), WEIGHTS, st.text())
def test_shares_are_met_within_one_user_in_each_stratum_and_over_all(
    sizes: list[int], weights: list[int], name: str
) -> None:
    shares = shares_of(weights)
    strata = np.repeat(np.arange(len(sizes)), sizes)
    arms = allocated(name, [f"u{i}" for i in range(len(strata))], strata, shares)
    for arm, share in enumerate(shares):
        assert within_one(int((arms == arm).sum()), share * len(strata))
        for stratum, size in enumerate(sizes):
            assert within_one(int(((arms == arm) & (strata == stratum)).sum()), share * size)


@given(
    st.lists(st.tuples(st.sampled_from(ODD_IDS) | st.text(), st.integers(0, 3)), unique_by=lambda u: u[0]), st.data()
)
def test_the_order_of_users_changes_nobody_s_arm(users: list[tuple[str, int]], data: st.DataObject) -> None:
    shares = shares_of([2, 1, 1])

    def arms(rows: list[tuple[str, int]]) -> dict[str, int]:
        ids, strata = [user for user, _ in rows], np.array([stratum for _, stratum in rows], np.int64)
        return dict(zip(ids, allocated("e-mail", ids, strata, shares).tolist(), strict=True))

    assert arms(data.draw(st.permutations(users))) == arms(users)


def test_another_name_gives_another_split() -> None:
    users, strata = [f"u{i}" for i in range(2000)], np.zeros(2000, np.int64)
    first, second = (allocated(name, users, strata, shares_of([1, 1])) for name in ("one", "two"))
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.1)


def test_remainders_go_to_every_arm_alike() -> None:
    """Seven users in two arms: four and three, and either arm has the four in about half of the experiments."""
    more = [rounded(f"experiment {i}", [[Fraction(7, 2)] * 2])[0][0] == 4 for i in range(1000)]
    assert np.mean(more) == pytest.approx(0.5, abs=0.05)
    thirds = np.array([rounded(f"experiment {i}", [[Fraction(4, 3)] * 3] * 2) for i in range(1000)])
    assert thirds.mean(axis=0) == pytest.approx(np.full((2, 3), 4 / 3), abs=0.06)


def test_an_arm_is_a_fair_sample_of_its_stratum() -> None:
    """Each of forty users is in the arm of a quarter in about a quarter of the experiments."""
    users, strata = [f"u{i}" for i in range(40)], np.repeat([0, 1], 20)
    times = np.zeros(40)
    for i in range(1000):
        times += allocated(f"experiment {i}", users, strata, shares_of([3, 1])) == 1
    assert times / 1000 == pytest.approx(np.full(40, 0.25), abs=0.06)


def test_no_users_are_no_arms() -> None:
    assert len(allocated("e-mail", [], np.zeros(0, np.int64), shares_of([1, 1]))) == 0
