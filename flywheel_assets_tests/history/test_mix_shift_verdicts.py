from typing import Any

import pytest

from flywheel_assets.history.mix_shift import mix_shift, verdicts
from flywheel_assets_tests.frames import SECOND

MOVES = {("Passive", "Engaged"): 2, ("Passive", "Passive"): 1, ("Absent", "Passive"): 4}


def failed(rows: list[dict[str, Any]]) -> set[str]:
    return {verdict.check for verdict in verdicts(rows) if not verdict.passed}


def test_parts_that_sum_to_the_change_pass_and_so_do_nulls() -> None:
    assert failed(mix_shift(MOVES, ["Passive", "Engaged"], SECOND)) == set()
    assert failed(mix_shift({("Absent", "Passive"): 4}, ["Passive", "Engaged"], SECOND)) == set()


@pytest.mark.parametrize("value", [0.5, None])
def test_a_part_that_is_off_fails(value: float | None) -> None:
    rows = mix_shift(MOVES, ["Passive", "Engaged"], SECOND)
    rows[0]["Stayers"] = value
    assert failed(rows) == {"parts"}


def test_changes_that_do_not_sum_to_nothing_fail() -> None:
    rows = mix_shift(MOVES, ["Passive", "Engaged"], SECOND)
    rows[0] |= {"Change": 0.5, "Stayers": 0.5, "Entrants": 0.0, "Leavers": 0.0}
    assert failed(rows) == {"changes"}


def test_where_nobody_stayed_entrants_and_leavers_are_all_of_the_change() -> None:
    assert (
        failed(mix_shift({("Passive", "Absent"): 3, ("Absent", "Engaged"): 2}, ["Passive", "Engaged"], SECOND)) == set()
    )


def test_parts_without_a_change_fail() -> None:
    rows = mix_shift({("Absent", "Passive"): 4}, ["Passive", "Engaged"], SECOND)
    rows[0]["Stayers"] = 0.0
    assert failed(rows) == {"parts"}
