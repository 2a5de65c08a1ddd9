from collections import Counter

import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.users.label_transitions import (
    conservation,
    contract,
    label_transitions,
    movements,
    same_model_version,
)
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import SECOND, frame, records

LABELS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["Engaged", "Exploring", "Passive"]))


def transitions(engine: DuckDBEngine, now: dict[str, str], before: dict[str, str] | None) -> dict[tuple[str, str], int]:
    found = records(engine, label_transitions(labels(now), None if before is None else labels(before), SECOND))
    counts = {(row["From_Label"], row["To_Label"]): row["User_Count"] for row in found}
    assert len(counts) == len(found), "a pair has one row"
    return counts


def labels(of_users: dict[str, str]) -> ir.Table:
    return frame({"user_id": "string", "user_flywheel_label": "string"}, list(of_users.items()))


def test_users_are_counted_by_their_label_before_and_now(engine: DuckDBEngine) -> None:
    before = {"stays": "Engaged", "moves": "Engaged", "leaves": "Passive"}
    now = {"stays": "Engaged", "moves": "Passive", "arrives": "Passive", "arrives too": "Passive"}
    assert transitions(engine, now, before) == {
        ("Engaged", "Engaged"): 1,
        ("Engaged", "Passive"): 1,
        ("Passive", "Absent"): 1,
        ("Absent", "Passive"): 2,
    }


def test_at_the_first_interval_with_data_everyone_comes_from_absent_and_from_interval_is_null(
    engine: DuckDBEngine,
) -> None:
    assert records(engine, label_transitions(labels({"a": "Engaged", "b": "Engaged"}), None, SECOND)) == [
        {
            "From_Label": "Absent",
            "To_Label": "Engaged",
            "User_Count": 2,
            "From_Interval": None,
            "Interval": 2,
            "Interval_Dates": "2024-01-15 - 2024-01-28",
        }
    ]


def test_from_interval_is_the_previous_number(engine: DuckDBEngine) -> None:
    (row,) = records(engine, label_transitions(labels({"a": "Engaged"}), labels({"a": "Passive"}), SECOND))
    assert (row["From_Interval"], row["Interval"]) == (1, 2)


def test_an_empty_interval_after_one_with_users_says_that_all_left(engine: DuckDBEngine) -> None:
    assert transitions(engine, {}, {"a": "Engaged"}) == {("Engaged", "Absent"): 1}


def test_no_users_before_or_now_give_no_rows_of_the_contracts_types(engine: DuckDBEngine) -> None:
    for before in (None, labels({})):
        table = engine.collect(label_transitions(labels({}), before, SECOND))
        assert table.num_rows == 0
        assert [str(field.type) for field in table.schema] == ["string", "string", "int64", "int32", "int32", "string"]


@given(now=LABELS, before=LABELS)
def test_transitions_conserve_users_both_ways_and_leave_out_pairs_without(
    engine: DuckDBEngine, now: dict[str, str], before: dict[str, str]
) -> None:
    counts = transitions(engine, now, before)
    to_label, from_label = Counter(), Counter()
    for (from_, to), users in counts.items():
        from_label[from_] += users
        to_label[to] += users
    del to_label["Absent"], from_label["Absent"]
    assert to_label == Counter(now.values())
    assert from_label == Counter(before.values())
    assert all(users > 0 for users in counts.values())
    assert ("Absent", "Absent") not in counts


@given(now=LABELS, before=LABELS)
def test_transitions_are_those_of_an_outer_merge(
    engine: DuckDBEngine, now: dict[str, str], before: dict[str, str]
) -> None:
    users = pd.DataFrame({"before": pd.Series(before, dtype=object), "now": pd.Series(now, dtype=object)})
    oracle = users.fillna("Absent").groupby(["before", "now"]).size()
    assert transitions(engine, now, before) == oracle.to_dict()


def test_movements_sort_users_into_those_who_stayed_moved_arrived_and_left() -> None:
    pairs = [("Engaged", "Engaged", 1), ("Engaged", "Passive", 2), ("Absent", "Passive", 4), ("Passive", "Absent", 8)]
    rows = [{"From_Label": a, "To_Label": b, "User_Count": n} for a, b, n in pairs]
    assert movements(rows) == {"users": 7, "stayed": 1, "moved": 2, "arrived": 4, "left": 8}
    assert movements([]) == {"users": 0, "stayed": 0, "moved": 0, "arrived": 0, "left": 0}


MOVES = pd.DataFrame(
    [("Engaged", "Engaged", 3), ("Engaged", "Absent", 2), ("Absent", "Passive", 4)],
    columns=["From_Label", "To_Label", "User_Count"],
)
NOW, BEFORE = {"Engaged": 3, "Passive": 4}, {"Engaged": 5, "Passive": 0}


def test_transitions_that_sum_to_both_intervals_users_pass() -> None:
    judged = conservation(MOVES, NOW, BEFORE)
    assert (judged.passed, judged.severity) == (True, "ERROR")
    assert judged.summary == "7 users now and 5 before, all accounted for"
    assert judged.numbers == {"users": 7, "users_before": 5, "labels_wrong": 0}


@pytest.mark.parametrize(
    ("now", "before", "says"),
    [
        ({"Engaged": 4, "Passive": 4}, BEFORE, "To Engaged: 3 of 4 users"),
        ({"Engaged": 3, "Passive": 3}, BEFORE, "To Passive: 4 of 3 users"),
        ({"Engaged": 4, "Passive": 3}, BEFORE, "To Engaged: 3 of 4 users; To Passive: 4 of 3 users"),
        (NOW, {"Engaged": 4}, "From Engaged: 5 of 4 users"),
        (NOW, {"Engaged": 5, "Passive": 1}, "From Passive: 0 of 1 users"),
        ({"Engaged": 3}, BEFORE, "To Passive: 4 of 0 users"),
    ],
)
def test_a_label_whose_users_are_not_all_there_fails_and_is_named(
    now: dict[str, int], before: dict[str, int], says: str
) -> None:
    judged = conservation(MOVES, now, before)
    assert (judged.passed, judged.severity, judged.summary) == (False, "ERROR", says)


def test_no_transitions_of_no_users_pass() -> None:
    assert conservation(MOVES.iloc[:0], {}, {}).passed
    assert not conservation(MOVES.iloc[:0], {"Engaged": 1}, {}).passed


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [(["v1"], ["v1"], True), (["v1"], ["v2"], False), (["v1"], [], True), ([], [], True), (["v1", "v2"], [], False)],
)
def test_both_intervals_are_labelled_by_one_model_version(now: list[str], before: list[str], passed: bool) -> None:
    judged = same_model_version(now, before)
    assert (judged.passed, judged.severity) == (passed, "WARN")
    assert ("transition_causes" in judged.summary) == (not passed)


def test_the_contract_fails_with_what_the_type_says() -> None:
    assert contract("").passed
    judged = contract("User_Count must be at least 1")
    assert (judged.passed, judged.severity, judged.summary) == (False, "ERROR", "User_Count must be at least 1")
