"""Which intervals at the ends of the data are probably those of a wrong clock."""

from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.landing.extent import isolated_ends


def test_a_few_sessions_far_from_all_others_are_a_wrong_clock() -> None:
    assert isolated_ends({1: 1, 40: 1000, 41: 1000, 300: 1}) == [1, 300]


def test_beside_another_interval_or_with_enough_sessions_they_are_not() -> None:
    assert isolated_ends({39: 1, 40: 1000, 41: 1000, 42: 1}) == []
    assert isolated_ends({1: 2, 40: 999, 41: 999}) == [], "exactly 0.1 % is not under it"


def test_what_lies_between_others_and_what_is_alone_is_never_one() -> None:
    assert isolated_ends({1: 1000, 5: 1, 9: 1000}) == []
    assert isolated_ends({7: 1}) == []
    assert isolated_ends({}) == []


@given(st.dictionaries(st.integers(1, 400), st.integers(0, 5000), max_size=12))
def test_they_are_few_and_never_all(sessions: dict[int, int]) -> None:
    isolated = isolated_ends(sessions)
    kept = sorted(n for n, count in sessions.items() if count and n not in isolated)

    assert all(0 < sessions[n] < 0.001 * sum(sessions.values()) for n in isolated)
    assert all(not kept[0] <= n <= kept[-1] for n in isolated)
    assert bool(kept) == any(sessions.values())
