from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.history.mix_shift import mix_shift, verdicts
from flywheel_assets.history.moves import Moves
from flywheel_assets_tests.frames import SECOND

ORDER = ["Passive", "Engaged"]
STATES = [*ORDER, "Absent"]
MOVES = st.dictionaries(
    st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)).filter(lambda pair: pair != ("Absent", "Absent")),
    st.integers(1, 10**6),
)


def parts(moves: Moves, label: str) -> tuple[float, ...]:
    (row,) = [row for row in mix_shift(moves, ORDER, SECOND) if row["Label"] == label]
    return tuple(row[name] for name in ("Previous_Share", "Share", "Change", "Stayers", "Entrants", "Leavers"))


def test_a_change_of_those_who_stayed_is_theirs_alone() -> None:
    moves = {("Passive", "Absent"): 1, ("Passive", "Engaged"): 1, ("Absent", "Engaged"): 1}
    assert parts(moves, "Engaged") == (0.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    assert parts(moves, "Passive") == (1.0, 0.0, -1.0, -1.0, 0.0, 0.0)


def test_who_comes_and_who_leaves_changes_the_mix_by_how_they_differ_from_those_who_stay() -> None:
    moves = {("Passive", "Passive"): 2, ("Engaged", "Engaged"): 2, ("Absent", "Engaged"): 4, ("Passive", "Absent"): 4}
    # Of 8 before 2 were Engaged, of 8 now 6 are; half of those who stayed, both times.
    assert parts(moves, "Engaged") == (0.25, 0.75, 0.5, 0.0, 0.25, 0.25)


def test_without_stayers_all_is_by_who_came_and_who_left() -> None:
    moves = {("Passive", "Absent"): 3, ("Engaged", "Absent"): 1, ("Absent", "Engaged"): 1, ("Absent", "Passive"): 1}
    assert parts(moves, "Engaged") == (0.25, 0.5, 0.25, 0.0, 0.5, -0.25)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ({("Absent", "Engaged"): 2}, (None, 1.0, None, None, None, None)),
        ({("Engaged", "Absent"): 2}, (1.0, None, None, None, None, None)),
        ({}, (None,) * 6),
    ],
)
def test_without_users_before_or_now_there_is_no_change_to_split(moves: Moves, expected: tuple[None, ...]) -> None:
    assert parts(moves, "Engaged") == expected


@given(MOVES)
def test_the_parts_sum_to_the_change_and_are_those_of_the_formula(moves: Moves) -> None:
    came = Counter({to: n for (origin, to), n in moves.items() if origin == "Absent"})
    left = Counter({origin: n for (origin, to), n in moves.items() if to == "Absent"})
    stayed = {pair: n for pair, n in moves.items() if "Absent" not in pair}
    s, e, leavers = sum(stayed.values()), came.total(), left.total()
    rows = mix_shift(moves, ORDER, SECOND)
    for row in rows:
        if row["Change"] is None:
            assert not (s + e and s + leavers)
            continue
        label = row["Label"]
        if s:
            p0 = Fraction(sum(n for (origin, _), n in stayed.items() if origin == label), s)
            p1 = Fraction(sum(n for (_, to), n in stayed.items() if to == label), s)
            entrants = Fraction(e, s + e) * (Fraction(came[label], e) - p1) if e else Fraction(0)
            left_part = (
                -Fraction(leavers, s + leavers) * (Fraction(left[label], leavers) - p0) if leavers else Fraction(0)
            )
            expected = (p1 - p0, entrants, left_part)
        else:
            expected = (Fraction(0), Fraction(came[label], e), -Fraction(left[label], leavers))
        assert [row[name] for name in ("Stayers", "Entrants", "Leavers")] == pytest.approx(
            [float(part) for part in expected], abs=1e-12
        )
        assert row["Stayers"] + row["Entrants"] + row["Leavers"] == pytest.approx(row["Change"], abs=1e-12)
        assert float(sum(expected)) == pytest.approx(row["Share"] - row["Previous_Share"], abs=1e-12)
    assert sum(row["Change"] or 0.0 for row in rows) == pytest.approx(0.0, abs=1e-12)
    assert all(verdict.passed for verdict in verdicts(rows))


SMALL = {("Passive", "Engaged"): 2, ("Passive", "Passive"): 1, ("Absent", "Passive"): 4}


def failed(rows: list[dict[str, Any]]) -> set[str]:
    return {verdict.check for verdict in verdicts(rows) if not verdict.passed}


def test_parts_that_sum_to_the_change_pass_and_so_do_nulls() -> None:
    assert failed(mix_shift(SMALL, ORDER, SECOND)) == set()
    assert failed(mix_shift({("Absent", "Passive"): 4}, ORDER, SECOND)) == set()


@pytest.mark.parametrize("value", [0.5, None])
def test_a_part_that_is_off_fails(value: float | None) -> None:
    rows = mix_shift(SMALL, ORDER, SECOND)
    rows[0]["Stayers"] = value
    assert failed(rows) == {"parts"}


def test_changes_that_do_not_sum_to_nothing_fail() -> None:
    rows = mix_shift(SMALL, ORDER, SECOND)
    rows[0] |= {"Change": 0.5, "Stayers": 0.5, "Entrants": 0.0, "Leavers": 0.0}
    assert failed(rows) == {"changes"}


def test_where_nobody_stayed_entrants_and_leavers_are_all_of_the_change() -> None:
    assert failed(mix_shift({("Passive", "Absent"): 3, ("Absent", "Engaged"): 2}, ORDER, SECOND)) == set()


def test_parts_without_a_change_fail() -> None:
    rows = mix_shift({("Absent", "Passive"): 4}, ORDER, SECOND)
    rows[0]["Stayers"] = 0.0
    assert failed(rows) == {"parts"}
