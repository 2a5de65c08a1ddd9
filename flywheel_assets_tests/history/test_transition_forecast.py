from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.history.forecast import (
    HISTORY_INTERVALS,
    NORMAL_QUANTILE,
    History,
    arrivals,
    forecast,
    probabilities,
)
from flywheel_assets.history.forecast_backtest import Backtest, backtest
from flywheel_assets.history.moves import Moves
from flywheel_assets.history.transition_forecast import BOUNDS, transition_forecast, verdicts
from flywheel_assets_tests.frames import SECOND

ORDER = ["Passive", "Engaged"]
FIRST: Moves = {("Absent", "Passive"): 600, ("Absent", "Engaged"): 400}
STEADY: Moves = {
    ("Passive", "Passive"): 400,
    ("Passive", "Engaged"): 100,
    ("Passive", "Absent"): 100,
    ("Engaged", "Engaged"): 300,
    ("Engaged", "Passive"): 100,
    ("Absent", "Passive"): 100,
}


def test_users_go_where_users_of_their_label_went_and_as_many_come_as_came() -> None:
    found = forecast(History.of([FIRST, STEADY], ORDER))

    # 600 Passive, of whom 2/3 stay, 1/6 each are Engaged and Absent next; 400 Engaged, of whom 3/4 stay; 100 come.
    assert found["Passive"].mean == pytest.approx(600 * 2 / 3 + 400 / 4 + 100, abs=1)
    assert found["Engaged"].mean == pytest.approx(600 / 6 + 400 * 3 / 4, abs=1)
    assert found["Absent"].mean == pytest.approx(600 / 6, abs=1)
    assert [*found] == ["Passive", "Engaged", "Absent"]


CUT: Moves = {("Passive", "Absent"): 550, ("Passive", "Passive"): 50, ("Engaged", "Absent"): 400}
BACK: Moves = {("Passive", "Passive"): 50, ("Absent", "Passive"): 550, ("Absent", "Engaged"): 400}


def test_transitions_into_and_out_of_an_incomplete_interval_teach_nothing() -> None:
    whole = History.of([FIRST, STEADY, STEADY], ORDER)
    cut = History.of([FIRST, STEADY, CUT, BACK, STEADY], ORDER, incomplete=[2])
    assert forecast(cut) == forecast(whole)
    assert forecast(History.of([FIRST, STEADY, CUT, BACK, STEADY], ORDER)) != forecast(whole)


def test_from_an_incomplete_interval_nothing_is_forecast() -> None:
    moves = [FIRST, STEADY, CUT]
    rows = transition_forecast(moves, History.of(moves, ORDER, incomplete=[2]), 1.0, SECOND)
    assert {row["Forecast_Users"] for row in rows} == {row["Lower_Users"] for row in rows} == {None}
    assert [row["User_Count"] for row in rows] == [950, 50, 0]
    assert all(verdict.passed for verdict in verdicts(rows, UNTESTED))


def test_one_user_spread_evenly_is_believed_in_before_any_transition() -> None:
    chances, totals = probabilities(History.of([STEADY], ORDER))

    assert totals.ravel().tolist() == pytest.approx([601, 401])
    assert chances[1].tolist() == pytest.approx([(100 + 1 / 3) / 401, (300 + 1 / 3) / 401, (1 / 3) / 401])


def test_arrivals_vary_as_chance_does_or_as_they_did() -> None:
    steady: list[Moves] = [{("Absent", "Passive"): 10}] * 4
    wild: list[Moves] = [{("Absent", "Passive"): n} for n in (0, 40, 0, 0)]

    (mean, _), (variance, _) = arrivals(History.of(steady, ORDER))
    assert (mean, variance) == pytest.approx((10.125, 10.125 * 1.25))
    assert arrivals(History.of(wild, ORDER))[1][0] == pytest.approx(400 * 1.25)


def test_the_moments_are_those_of_simulated_dirichlet_multinomials() -> None:
    few: Moves = {("Passive", "Engaged"): 4, ("Passive", "Passive"): 12, ("Engaged", "Engaged"): 9}
    history = History.of([FIRST, few], ORDER)
    rng = np.random.default_rng(3)
    alphas = np.array([[12, 4, 0], [0, 9, 0]]) + 1 / 3
    gone = [
        [rng.multinomial(users, rng.dirichlet(alpha)) for _ in range(20_000)]
        for users, alpha in zip((12, 13), alphas, strict=True)
    ]
    drawn = np.sum(gone, axis=0)
    came, came_variance = (np.append(moment, 0) for moment in arrivals(history.recent()))

    found = forecast(history)

    assert [one.mean for one in found.values()] == pytest.approx((drawn.mean(axis=0) + came).tolist(), rel=0.03)
    deviations = np.sqrt(drawn.var(axis=0) + came_variance)
    assert [one.deviation for one in found.values()] == pytest.approx(deviations.tolist(), rel=0.03)


def test_what_is_older_than_the_history_that_is_pooled_is_forgotten() -> None:
    other: Moves = {("Passive", "Engaged"): 1000}
    recent: list[Moves] = [STEADY] * HISTORY_INTERVALS

    assert forecast(History.of([FIRST, other, *recent], ORDER)) == forecast(History.of([FIRST, *recent], ORDER))
    assert forecast(History.of([FIRST, other, *recent[1:]], ORDER)) != forecast(History.of([FIRST, *recent], ORDER))


def test_before_any_transition_nothing_is_forecast() -> None:
    rows = transition_forecast([FIRST], History.of([FIRST], ORDER), 1.0, SECOND)

    assert [(r["Label"], r["Label_Order"], r["User_Count"], r["Forecast_Users"], r["Lower_Users"]) for r in rows] == [
        ("Absent", 0, 0, None, None),
        ("Passive", 1, 600, None, None),
        ("Engaged", 2, 400, None, None),
    ]
    assert {r["Forecast_Interval"] for r in rows} == {3}


def test_a_row_says_how_many_there_are_and_will_be() -> None:
    moves = [FIRST, STEADY]
    absent, passive, _ = transition_forecast(moves, History.of(moves, ORDER), 4.0, SECOND)
    expected = forecast(History.of(moves, ORDER))["Passive"]

    assert (absent["Label"], absent["User_Count"]) == ("Absent", 100)
    assert passive["Forecast_Users"] == expected.mean
    assert passive["Upper_Users"] - passive["Forecast_Users"] == pytest.approx(2 * NORMAL_QUANTILE * expected.deviation)


def test_a_label_that_nobody_ever_had_is_possible_and_no_interval_goes_below_zero() -> None:
    found = forecast(History.of([FIRST, STEADY], [*ORDER, "Highly Engaged"]))["Highly Engaged"]

    assert 0 < found.mean < 2
    assert found.bounds()[0] == 0
    assert found.deviation > 0


def test_an_interval_without_users_is_followed_by_those_who_arrive() -> None:
    gone: Moves = {("Passive", "Absent"): 600, ("Engaged", "Absent"): 400}
    found = forecast(History.of([FIRST, STEADY, gone], ORDER))

    assert found["Passive"].mean == pytest.approx(50, abs=1)
    assert found["Absent"].mean == 0


def test_two_hundred_labels_have_a_row_each() -> None:
    many = [f"Label {n}" for n in range(200)]
    moves: list[Moves] = [{("Absent", label): 5 for label in many}]
    moves += [{(a, b): 1 + n % 3 for n, a in enumerate(many) for b in many[::7]} for _ in range(3)]
    rows = transition_forecast(moves, History.of(moves, many), 1.0, SECOND)

    assert [row["Label"] for row in rows] == ["Absent", *many]
    assert all(0 <= row["Lower_Users"] <= row["Forecast_Users"] <= row["Upper_Users"] for row in rows)


@given(
    st.lists(
        st.dictionaries(
            st.tuples(st.sampled_from([*ORDER, "Absent"]), st.sampled_from([*ORDER, "Absent"])), st.integers(1, 1000)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_everyone_of_now_and_everyone_who_comes_is_somewhere(moves: list[Moves]) -> None:
    history = History.of(moves, ORDER)
    found = forecast(history)
    if found:
        came, _ = arrivals(history.recent())
        assert sum(one.mean for one in found.values()) == pytest.approx(history.users[-1].sum() + came.sum())
        assert all(one.bounds()[0] <= one.mean <= one.bounds()[1] for one in found.values())
    tested = backtest(history)
    rows = transition_forecast(moves, history, tested.widening, SECOND)
    assert next(v.passed for v in verdicts(rows, tested) if v.check == BOUNDS.name)


BETTER = Backtest(10, error=8.0, no_change_error=10.0, gain_error=0.6, covered=0.9, widening=1.0)
UNTESTED = Backtest(0, None, None, None, None, 1.0)
MOVES: list[Moves] = [{("Absent", "Passive"): 5}, {("Passive", "Passive"): 5}]
ROWS = transition_forecast(MOVES, History.of(MOVES, ["Passive"]), 1.0, SECOND)


def failed(found: Backtest) -> set[str]:
    return {verdict.check for verdict in verdicts(ROWS, found) if not verdict.passed}


def test_what_a_forecast_is_worth_is_a_warning_and_only_its_own_bounds_are_an_error() -> None:
    assert [verdict.severity for verdict in verdicts(ROWS, BETTER)] == ["WARN", "WARN", "ERROR"]


def test_the_first_line_of_the_headline_is_what_the_check_says() -> None:
    better, coverage, _ = verdicts(ROWS, replace(BETTER, error=11.0))
    assert better.summary.startswith("Not better than assuming no change: over 10 forecasts")
    assert coverage.summary == "Its 90% intervals held 90% of the outcomes."
    assert better.numbers == {"forecasts": 10, "error": 11.0, "no_change_error": 10.0}


@pytest.mark.parametrize(
    ("found", "checks"),
    [
        (BETTER, set()),
        (UNTESTED, set()),
        (replace(BETTER, error=9.9), {"better_than_no_change"}),
        (replace(BETTER, covered=0.75), set()),
        (replace(BETTER, covered=0.74), {"coverage"}),
    ],
)
def test_what_is_warned_of(found: Backtest, checks: set[str]) -> None:
    assert failed(found) == checks


def test_a_forecast_outside_of_its_interval_fails() -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["Upper_Users"] = 0.0
    bounds = verdicts(rows, BETTER)[-1]
    assert (bounds.passed, bounds.summary) == (False, "forecasts outside their intervals: Passive")


def test_before_any_transition_there_is_nothing_to_judge() -> None:
    assert all(
        v.passed for v in verdicts(transition_forecast(MOVES[:1], History.of(MOVES[:1], ["P"]), 1.0, SECOND), UNTESTED)
    )
