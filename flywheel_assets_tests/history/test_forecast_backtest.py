import numpy as np
import pytest

from flywheel_assets.history.forecast import History, forecast
from flywheel_assets.history.forecast_backtest import Backtest, backtest, headline
from flywheel_assets.history.moves import Moves, users_now

ORDER = ["Passive", "Engaged"]


def world(intervals: int, chances: tuple[float, float], seed: int = 0, users: int = 2000) -> list[Moves]:
    """Moves of users who, in a label, stay with these chances, beginning as far from a balance as can be."""
    rng = np.random.default_rng(seed)
    count = [users, 0]
    moves: list[Moves] = [{("Absent", "Passive"): users}]
    for _ in range(intervals - 1):
        stay = [int(rng.binomial(n, p)) for n, p in zip(count, chances, strict=True)]
        moves.append(
            {
                ("Passive", "Passive"): stay[0],
                ("Passive", "Engaged"): count[0] - stay[0],
                ("Engaged", "Engaged"): stay[1],
                ("Engaged", "Passive"): count[1] - stay[1],
            }
        )
        count = [stay[0] + count[1] - stay[1], stay[1] + count[0] - stay[0]]
    return moves


def test_users_on_their_way_to_a_balance_are_forecast_better_than_by_no_change() -> None:
    found = backtest(History.of(world(8, (0.8, 0.8)), ORDER))

    assert found.forecasts == 6
    assert found.better
    assert headline(found).startswith("Better than assuming no change: over 6 forecasts it was off by ")


def test_where_nothing_moves_no_change_cannot_be_beaten_and_the_first_line_says_so() -> None:
    moves: list[Moves] = [{("Absent", "Passive"): 100}, *[{("Passive", "Passive"): 100}] * 5]
    found = backtest(History.of(moves, ORDER))

    assert found.no_change_error == 0
    assert not found.better
    assert (
        headline(found).split("\n")[0].startswith("Not better than assuming no change: over 4 forecasts it was off by ")
    )


def test_a_gain_within_chance_is_not_called_better() -> None:
    found = Backtest(10, error=9.0, no_change_error=10.0, gain_error=0.7, covered=0.9, widening=1.0)
    assert not found.better
    assert headline(found) == (
        "Not yet proven better than assuming no change: over 10 forecasts it was off by 9.0 users per label on "
        "average, and assuming no change by 10.0.\nIts 90% intervals held 90% of the outcomes."
    )
    assert Backtest(10, 9.0, 10.0, 0.6, 0.9, 1.0).better


@pytest.mark.parametrize("intervals", [1, 2])
def test_too_short_a_history_tests_nothing(intervals: int) -> None:
    found = backtest(History.of(world(intervals, (0.8, 0.8)), ORDER))

    assert found == Backtest(0, None, None, None, None, 1.0)
    assert headline(found).startswith("Not yet compared with assuming no change")


def test_one_forecast_is_tested_and_is_never_called_better() -> None:
    found = backtest(History.of(world(3, (0.8, 0.8)), ORDER))
    assert (found.forecasts, found.gain_error, found.better) == (1, None, False)


def test_each_forecast_sees_only_what_was_there_before() -> None:
    moves = world(6, (0.7, 0.9))
    expected = forecast(History.of(moves[:2], ORDER))
    off = [abs(expected[label].mean - users_now(moves[2])[label]) for label in ORDER]

    found = backtest(History.of(moves[:3], ORDER))

    assert found.error == pytest.approx(sum(off) / 2)


def test_a_forecast_is_tested_neither_on_an_incomplete_interval_nor_from_one() -> None:
    moves = world(8, (0.8, 0.8))
    found = backtest(History.of(moves, ORDER, incomplete=[4]))
    assert (backtest(History.of(moves, ORDER)).forecasts, found.forecasts) == (6, 4)

    cut: list[Moves] = [*moves[:4], {("Passive", "Absent"): 1}, *moves[5:]]
    assert backtest(History.of(cut, ORDER, incomplete=[4])) == found, "whatever landed of it"


def test_intervals_hold_what_they_claim_in_a_world_that_stays_as_it_is() -> None:
    found = [backtest(History.of(world(14, (0.8, 0.7), seed), ORDER)) for seed in range(40)]

    assert np.mean([one.covered or 0.0 for one in found]) == pytest.approx(0.90, abs=0.03)


def test_a_world_that_changes_widens_the_intervals_until_they_hold() -> None:
    rng = np.random.default_rng(1)
    moves: list[Moves] = [{("Absent", "Passive"): 1000}]
    count = [1000, 0]
    for _ in range(60):
        stay = [round(n * float(rng.uniform(0.5, 0.95))) for n in count]
        moves.append(
            {
                ("Passive", "Passive"): stay[0],
                ("Passive", "Engaged"): count[0] - stay[0],
                ("Engaged", "Engaged"): stay[1],
                ("Engaged", "Passive"): count[1] - stay[1],
            }
        )
        count = [stay[0] + count[1] - stay[1], stay[1] + count[0] - stay[0]]
    found = backtest(History.of(moves, ORDER))

    assert found.widening > 10
    assert found.covered == pytest.approx(0.90, abs=0.08)


def test_a_backtest_is_kept_as_a_note() -> None:
    for found in (backtest(History.of(world(n, (0.8, 0.8)), ORDER)) for n in (1, 5)):
        assert Backtest.from_json(found.to_json()) == found
