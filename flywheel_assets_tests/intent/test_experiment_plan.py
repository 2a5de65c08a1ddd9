import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent.experiment_plan import Plan
from flywheel_assets.intent.proportions import users_per_arm
from flywheel_assets.intent.sequential import LEVEL


def test_more_arms_need_more_users_each() -> None:
    two, four = Plan(0.05, 2, 0.8), Plan(0.05, 4, 0.8)
    assert two.users(0.2) == users_per_arm(0.05, 0.06, LEVEL, 0.8)
    assert four.users(0.2) == users_per_arm(0.05, 0.06, LEVEL / 3, 0.8) > two.users(0.2)


@given(st.floats(0.001, 0.4), st.floats(0.05, 1.0), st.integers(10, 100_000))
def test_after_the_stated_intervals_users_are_enough_and_before_they_are_not(
    rate: float, lift: float, users: int
) -> None:
    plan = Plan(rate, 2, 0.8)
    needed = plan.intervals(lift, users)
    if needed is not None:
        assert plan.users(lift, needed) <= users
    assert all(plan.users(lift, n) > users for n in range(1, needed or 27))


def test_a_plan_is_said_in_words() -> None:
    assert Plan(0.05, 2, 0.8).sentences(0.2, 2000) == [
        "5.0% of users convert per interval without a change.",
        "To show a lift of 20.0%, to 6.0%, in one interval with a probability of 80.0%: 8,714 users per arm, 17,428 in "
        "2 arms.",
        "2,000 users can be assigned, 1,000 per arm: they show it after 13 intervals.",
        "They show a lift of 64.4% or more after one interval.",
    ]


def test_without_users_or_without_a_lift_it_says_the_rest() -> None:
    assert len(Plan(0.05, 2, 0.8).sentences(0.2, None)) == 2
    assert Plan(0.05, 2, 0.8).sentences(None, 10)[1] == (
        "10 users can be assigned, 5 per arm: they are too few to show any lift in one interval."
    )
    assert "they do not show it within 26 intervals" in Plan(0.01, 2, 0.8).sentences(0.01, 10)[2]


def test_a_lift_that_users_show_is_one_for_which_they_are_enough() -> None:
    plan = Plan(0.05, 3, 0.9)
    lift = plan.lift(3000)
    assert lift == pytest.approx(0.416, abs=0.05)
    assert plan.users(lift or 0) <= 3000 < plan.users((lift or 0) * 0.99)


def test_a_test_needs_users_who_do_not_convert_too() -> None:
    """By the sixteenth interval everybody has converted, with a lift and without."""
    plan = Plan(0.9, 2, 0.8)
    assert plan.users(0.1) >= 10 / 0.055
    assert plan.intervals(0.1, 60) is None
    assert plan.intervals(0.1, 1000) == 1
