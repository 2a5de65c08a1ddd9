from typing import Any

import pytest

from flywheel_assets.history.growth_accounting import CHECKS, growth_accounting, verdicts
from flywheel_assets_tests.frames import SECOND

MOVES = {("Passive", "Engaged"): 2, ("Passive", "Absent"): 1, ("Absent", "Passive"): 4}


def rows() -> list[dict[str, Any]]:
    return growth_accounting(MOVES, {"Passive": 3}, ["Passive", "Engaged"], SECOND)


def failed(table: list[dict[str, Any]], users: int = 6, before: int = 3) -> dict[str, str]:
    return {verdict.check: verdict.summary for verdict in verdicts(table, users, before) if not verdict.passed}


def test_every_identity_blocks() -> None:
    assert [check.blocking for check in CHECKS] == [True] * 4
    assert [verdict.check for verdict in verdicts(rows(), 6, 3)] == [check.name for check in CHECKS]


def test_what_accounts_for_everyone_passes() -> None:
    assert failed(rows()) == {}


@pytest.mark.parametrize(
    ("row", "column", "checks"),
    [
        (1, "Resurrected_Users", {"active_users", "totals"}),
        (0, "Churned_Users", {"previous_users", "totals"}),
        (0, "Active_Users", {"active_users", "totals", "conservation"}),
    ],
)
def test_a_count_that_is_off_fails_what_rests_on_it(row: int, column: str, checks: set[str]) -> None:
    table = rows()
    table[row][column] += 1
    assert set(failed(table)) == checks


def test_more_users_who_came_back_than_came_are_told() -> None:
    table = growth_accounting(MOVES, {"Passive": 5}, ["Passive", "Engaged"], SECOND)
    assert "active_users" in failed(table)


def test_users_of_other_tables_are_held_against_it() -> None:
    assert failed(rows(), users=7) == {"conservation": "6 of 7 users now, 3 of 3 before"}
    assert set(failed(rows()[1:])) == {"totals", "conservation"}
