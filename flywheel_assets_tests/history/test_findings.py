"""What stands out in a history, from figures small enough to check by eye."""

from flywheel_assets.history.findings import (
    Finding,
    climb_finding,
    concentration_finding,
    most_interesting,
    outcome_finding,
    return_finding,
    trend_finding,
)

ORDER = ("Passive", "Engaged")


def test_the_outcome_is_where_most_of_it_is() -> None:
    rows = {"Low": (90, 10), "High": (10, 30)}
    found = outcome_finding(rows, ("Low", "High"), "payment_done")
    assert found == Finding(0.65, "High sessions are 10.0% of all and 75.0% of those with payment done.")
    even = outcome_finding({"Low": (50, 5), "High": (50, 5)}, ("Low", "High"), "leads")
    assert even is not None
    assert even.sentence == "10.0% of sessions have leads, in every kind of session."
    assert outcome_finding({"Low": (50, 0)}, ("Low",), "leads") is None


def test_who_comes_back_needs_enough_users_of_two_labels() -> None:
    moves = {("Passive", "Absent"): 60, ("Passive", "Passive"): 30, ("Passive", "Engaged"): 10}
    assert return_finding(moves, ORDER) is None
    moves |= {("Engaged", "Engaged"): 40, ("Engaged", "Absent"): 10, ("Absent", "Passive"): 500}
    found = return_finding(moves, ORDER)
    assert found is not None
    assert found.sentence == "80.0% of Engaged users come back in the next interval, and 40.0% of Passive users."
    climbed = climb_finding(moves, ORDER)
    assert climbed is not None
    assert climbed.sentence == "Of Passive users who come back, 25.0% have a better label by then."


def test_few_users_may_make_most_sessions() -> None:
    found = concentration_finding({"Passive": (90, 100), "Engaged": (10, 100)}, ORDER)
    assert found is not None
    assert found.sentence == "10.0% of active users are Engaged; they make 50.0% of all sessions."
    assert concentration_finding({"Passive": (100, 100)}, ORDER) is None


def test_a_trend_compares_the_thirds_at_the_ends() -> None:
    found = trend_finding([100, 100, 70, 80, 50, 40])
    assert found is not None
    assert found.sentence == (
        "45 users are active per interval in the last 2 intervals, 55.0% fewer than in the first 2 intervals (100)."
    )
    assert trend_finding([100, 50]) is None


def test_the_most_interesting_are_told_first() -> None:
    assert most_interesting([Finding(0.1, "a"), None, Finding(0.9, "b"), Finding(0.5, "c"), Finding(0.2, "d")]) == [
        "b",
        "c",
        "d",
    ]
