import pandas as pd
import pytest

from flywheel_assets.users import label_transitions as transitions

MOVES = pd.DataFrame(
    [("Engaged", "Engaged", 3), ("Engaged", "Absent", 2), ("Absent", "Passive", 4)],
    columns=["From_Label", "To_Label", "User_Count"],
)
NOW, BEFORE = {"Engaged": 3, "Passive": 4}, {"Engaged": 5, "Passive": 0}


def test_sameness_of_the_model_alone_does_not_block() -> None:
    assert {c.name: c.blocking for c in transitions.CHECKS} == {
        "conservation": True,
        "same_model_version": False,
        "contract": True,
    }


def test_transitions_that_sum_to_both_intervals_users_pass() -> None:
    judged = transitions.conservation(MOVES, NOW, BEFORE)
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
    judged = transitions.conservation(MOVES, now, before)
    assert (judged.passed, judged.severity, judged.summary) == (False, "ERROR", says)


def test_no_transitions_of_no_users_pass() -> None:
    assert transitions.conservation(MOVES.iloc[:0], {}, {}).passed
    assert not transitions.conservation(MOVES.iloc[:0], {"Engaged": 1}, {}).passed


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [(["v1"], ["v1"], True), (["v1"], ["v2"], False), (["v1"], [], True), ([], [], True), (["v1", "v2"], [], False)],
)
def test_both_intervals_are_labelled_by_one_model_version(now: list[str], before: list[str], passed: bool) -> None:
    judged = transitions.same_model_version(now, before)
    assert (judged.passed, judged.severity) == (passed, "WARN")
    assert ("transition_causes" in judged.summary) == (not passed)


def test_the_contract_fails_with_what_the_type_says() -> None:
    assert transitions.contract("").passed
    judged = transitions.contract("User_Count must be at least 1")
    assert (judged.passed, judged.severity, judged.summary) == (False, "ERROR", "User_Count must be at least 1")
