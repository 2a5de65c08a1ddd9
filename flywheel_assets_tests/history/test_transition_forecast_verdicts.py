from dataclasses import replace

import pytest

from flywheel_assets.history.forecast import History
from flywheel_assets.history.forecast_backtest import Backtest
from flywheel_assets.history.moves import Moves
from flywheel_assets.history.transition_forecast import CHECKS, transition_forecast, verdicts
from flywheel_assets_tests.frames import SECOND

BETTER = Backtest(10, error=8.0, no_change_error=10.0, gain_error=0.6, covered=0.9, widening=1.0)
UNTESTED = Backtest(0, None, None, None, None, 1.0)
MOVES: list[Moves] = [{("Absent", "Passive"): 5}, {("Passive", "Passive"): 5}]
ROWS = transition_forecast(MOVES, History.of(MOVES, ["Passive"]), 1.0, SECOND)


def failed(found: Backtest) -> set[str]:
    return {verdict.check for verdict in verdicts(ROWS, found) if not verdict.passed}


def test_what_a_forecast_is_worth_is_a_warning_and_only_its_own_bounds_block() -> None:
    assert {check.name: check.blocking for check in CHECKS} == {
        "better_than_no_change": False,
        "coverage": False,
        "bounds": True,
    }
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
    assert (bounds.passed, bounds.summary) == (False, "forecasts outside of their intervals: Passive")


def test_before_any_transition_there_is_nothing_to_judge() -> None:
    assert all(
        v.passed for v in verdicts(transition_forecast(MOVES[:1], History.of(MOVES[:1], ["P"]), 1.0, SECOND), UNTESTED)
    )
