import pandas as pd

from flywheel_assets.history import transition_causes as transition_causes

CAUSES = pd.DataFrame(
    [("Engaged", "Engaged", "Passive", 3), ("Engaged", "Absent", "Absent", 2), ("Absent", "Passive", "Passive", 4)],
    columns=["From_Label", "Same_Model_Label", "To_Label", "User_Count"],
)


def judged(causes: pd.DataFrame, now: dict[str, int], before: dict[str, int]) -> dict[str, tuple[bool, str]]:
    return {v.check: (v.passed, v.summary) for v in transition_causes.verdicts(causes, now, before)}


def test_both_checks_block() -> None:
    assert {c.name: c.blocking for c in transition_causes.CHECKS} == {"conservation": True, "same_users": True}


def test_counts_that_sum_to_both_intervals_users_pass() -> None:
    assert judged(CAUSES, {"Passive": 7}, {"Engaged": 5}) == {
        "conservation": (True, "7 users now and 5 before, all accounted for"),
        "same_users": (True, "7 users, 0 of them with one of both labels alone"),
    }


def test_a_label_whose_users_are_not_all_there_fails() -> None:
    assert judged(CAUSES, {"Passive": 8}, {"Engaged": 5})["conservation"] == (False, "To Passive: 7 of 8 users")


def test_a_user_whom_the_old_models_did_not_label_fails() -> None:
    causes = CAUSES.assign(Same_Model_Label=["Absent", "Absent", "Passive"])
    assert judged(causes, {"Passive": 7}, {"Engaged": 5})["same_users"] == (
        False,
        "7 users, 3 of them with one of both labels alone",
    )


def test_no_users_pass() -> None:
    assert [passed for passed, _ in judged(CAUSES.iloc[:0], {}, {}).values()] == [True, True]


def test_verdicts_are_plain_values_that_dagster_takes() -> None:
    for verdict in transition_causes.verdicts(CAUSES, {"Passive": 7}, {"Engaged": 5}):
        assert isinstance(verdict.passed, bool)
        assert {type(number) for number in verdict.numbers.values()} == {int}
