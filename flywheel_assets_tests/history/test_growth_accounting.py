from collections import Counter
from collections.abc import Sequence
from typing import Any

import ibis.expr.types as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.history.growth_accounting import COUNTS, growth_accounting, resurrected, verdicts
from flywheel_assets.history.moves import moves_of
from flywheel_assets.users.label_transitions import label_transitions
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import SECOND, frame, records

ORDER = ["Passive", "Engaged", "Highly Engaged"]
ODD = ["o'hara", '"x"', "<b>bob</b>", "🦊", "a,b", "", "Absent"]
USERS = st.dictionaries(st.sampled_from([*"abcd", *ODD]), st.sampled_from(ORDER))


def labels(of_users: dict[str, str]) -> ir.Table:
    return frame({"user_id": "string", "user_flywheel_label": "string"}, list(of_users.items()))


def accounted(engine: DuckDBEngine, intervals: Sequence[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """The rows by label, that of all users under "all"; ``intervals``: users' labels, the last one being accounted."""
    *earlier, now = map(labels, intervals)
    before = earlier.pop() if earlier else None
    moves = moves_of(records(engine, label_transitions(now, before, SECOND)))
    again = {row["Label"]: row["User_Count"] for row in records(engine, resurrected(now, before, earlier))}
    rows = growth_accounting(moves, again, ORDER, SECOND)
    return {row["Label"] or "all": row for row in rows}


def counts(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in COUNTS)


def test_users_are_new_retained_resurrected_or_churned(engine: DuckDBEngine) -> None:
    first = {"back": "Engaged", "gone": "Engaged"}
    second = {"stays": "Engaged", "moves": "Engaged", "leaves": "Passive"}
    third = {"stays": "Engaged", "moves": "Passive", "back": "Passive", "new": "Passive"}

    found = accounted(engine, [first, second, third])

    # Active, new, retained, resurrected; previous, of them retained, churned.
    assert counts(found["all"]) == (4, 1, 2, 1, 3, 2, 1)
    assert counts(found["Engaged"]) == (1, 0, 1, 0, 2, 2, 0)
    assert counts(found["Passive"]) == (3, 1, 1, 1, 1, 0, 1)
    assert counts(found["Highly Engaged"]) == (0, 0, 0, 0, 0, 0, 0)
    assert (found["all"]["Retention"], found["all"]["Quick_Ratio"]) == (2 / 3, 2.0)
    assert (found["Engaged"]["Retention"], found["Engaged"]["Quick_Ratio"]) == (1.0, None)
    assert found["Highly Engaged"]["Retention"] is None


def test_at_the_first_interval_with_data_everyone_is_new(engine: DuckDBEngine) -> None:
    found = accounted(engine, [{"a": "Engaged", "b": "Passive"}])["all"]

    assert counts(found) == (2, 2, 0, 0, 0, 0, 0)
    assert (found["Retention"], found["Quick_Ratio"]) == (None, None)


def test_after_an_interval_without_users_those_seen_before_are_resurrected(engine: DuckDBEngine) -> None:
    assert counts(accounted(engine, [{"a": "Engaged"}, {}, {"a": "Engaged", "b": "Engaged"}])["all"])[:4] == (
        2,
        1,
        0,
        1,
    )


def test_an_interval_without_users_has_a_row_a_label_and_churn(engine: DuckDBEngine) -> None:
    found = accounted(engine, [{"a": "Engaged"}, {}])

    assert [*found] == ["all", *ORDER]
    assert counts(found["all"]) == (0, 0, 0, 0, 1, 0, 1)
    assert found["all"]["Quick_Ratio"] == 0.0


def test_a_label_that_only_an_earlier_model_gave_comes_last(engine: DuckDBEngine) -> None:
    found = accounted(engine, [{"a": "Sleeping"}, {"a": "Engaged"}])

    assert [(row["Label"], row["Label_Order"]) for row in found.values()][-2:] == [
        ("Highly Engaged", 3),
        ("Sleeping", 4),
    ]
    assert counts(found["Sleeping"]) == (0, 0, 0, 0, 1, 1, 0)


@given(st.lists(USERS, min_size=1, max_size=5))
def test_accounting_is_that_of_sets(engine: DuckDBEngine, intervals: list[dict[str, str]]) -> None:
    *earlier, now = intervals
    before = earlier[-1] if earlier else {}
    seen = {user for users in earlier for user in users}
    new, again = now.keys() - seen, now.keys() & seen - before.keys()

    found = accounted(engine, intervals)

    assert all(verdict.passed for verdict in verdicts([*found.values()], len(now), len(before)))
    for name, row in found.items():
        mine = {user for user, label in now.items() if name in ("all", label)}
        mine_before = {user for user, label in before.items() if name in ("all", label)}
        assert counts(row) == (
            len(mine),
            len(mine & new),
            len(mine & before.keys()),
            len(mine & again),
            len(mine_before),
            len(mine_before & now.keys()),
            len(mine_before - now.keys()),
        )
        assert row["Active_Users"] == row["New_Users"] + row["Retained_Users"] + row["Resurrected_Users"]
        assert row["Previous_Users"] == row["Previous_Retained_Users"] + row["Churned_Users"]


@given(st.lists(USERS, min_size=3, max_size=4))
def test_resurrected_users_are_counted_under_the_label_that_they_have_now(
    engine: DuckDBEngine, intervals: list[dict[str, str]]
) -> None:
    *earlier, before, now = intervals
    seen = {user for users in earlier for user in users}
    expected = Counter(label for user, label in now.items() if user in seen and user not in before)

    found = records(engine, resurrected(labels(now), labels(before), [labels(users) for users in earlier]))

    assert {row["Label"]: row["User_Count"] for row in found} == expected


MOVES = {("Passive", "Engaged"): 2, ("Passive", "Absent"): 1, ("Absent", "Passive"): 4}


def rows() -> list[dict[str, Any]]:
    return growth_accounting(MOVES, {"Passive": 3}, ["Passive", "Engaged"], SECOND)


def failed(table: list[dict[str, Any]], users: int = 6, before: int = 3) -> dict[str, str]:
    return {verdict.check: verdict.summary for verdict in verdicts(table, users, before) if not verdict.passed}


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


def test_of_an_incomplete_interval_counts_are_told_and_ratios_are_not() -> None:
    cut = growth_accounting(MOVES, {"Passive": 3}, ["Passive", "Engaged"], SECOND, comparable=False)
    assert {(row["Retention"], row["Quick_Ratio"]) for row in cut} == {(None, None)}
    assert [counts(row) for row in cut] == [counts(row) for row in rows()]
    assert rows()[0]["Retention"] == 2 / 3


def test_more_users_who_came_back_than_came_are_told() -> None:
    table = growth_accounting(MOVES, {"Passive": 5}, ["Passive", "Engaged"], SECOND)
    assert "active_users" in failed(table)


def test_users_of_other_tables_are_held_against_it() -> None:
    assert failed(rows(), users=7) == {"conservation": "6 of 7 users now, 3 of 3 before"}
    assert set(failed(rows()[1:])) == {"totals", "conservation"}
