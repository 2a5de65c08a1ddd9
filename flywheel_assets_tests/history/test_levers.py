import pytest

from flywheel_assets.history.forecast import History
from flywheel_assets.history.levers import AHEAD_INTERVALS, Lever, levers
from flywheel_assets.history.moves import Moves

ORDER = ["Passive", "Engaged"]
FIRST: Moves = {("Absent", "Passive"): 1_000_000}
MOVES: Moves = {("Passive", "Passive"): 900_000, ("Passive", "Absent"): 100_000, ("Absent", "Passive"): 100_000}


def found(moves: Moves, order: list[str] = ORDER) -> dict[tuple[str, str], Lever]:
    return {(one.from_label, one.to_label): one for one in levers(History.of([FIRST, moves], order))}


def test_where_everyone_is_passive_what_makes_them_engaged_is_the_lever() -> None:
    first = levers(History.of([FIRST, MOVES], ORDER))[0]

    assert (first.from_label, first.to_label) == ("Passive", "Engaged")
    assert first.chance == pytest.approx(0, abs=1e-6)


def test_a_lever_moves_two_points_of_those_who_are_there_in_each_of_six_intervals() -> None:
    moves: Moves = {("Passive", "Passive"): 1_000_000, ("Engaged", "Absent"): 1_000_000}
    passive = 1_000_000.0
    for _ in range(AHEAD_INTERVALS - 1):
        passive *= 0.98
    # All the Engaged leave at once, so that after six intervals there are those of the last.
    assert found(moves)["Passive", "Engaged"].change == pytest.approx(0.02 * passive, rel=0.001)


def test_what_takes_users_away_from_the_best_label_changes_it_for_the_worse() -> None:
    moves: Moves = {("Engaged", "Engaged"): 800, ("Engaged", "Passive"): 200, ("Passive", "Engaged"): 100}
    effects = found(moves | {("Passive", "Passive"): 900})

    assert effects["Engaged", "Absent"].change < effects["Engaged", "Passive"].change < 0
    assert effects["Engaged", "Engaged"].change > 0
    assert effects["Passive", "Absent"].change < 0


def test_what_is_all_but_certain_cannot_be_moved_up() -> None:
    assert ("Passive", "Passive") not in found({("Passive", "Passive"): 10_000_000})


def test_before_any_transition_there_is_no_lever() -> None:
    assert levers(History.of([FIRST], ORDER)) == []


def test_levers_come_with_the_largest_change_first() -> None:
    labels = [*ORDER, "Highly Engaged"]
    moves = {(before, after): 100 for before in labels for after in labels}
    changes = [abs(one.change) for one in levers(History.of([FIRST, moves], labels))]
    assert changes == sorted(changes, reverse=True)
    assert len(changes) == 12


def test_no_lever_rests_on_fewer_than_30_users() -> None:
    enough = {("Passive", "Engaged"): 30, ("Engaged", "Engaged"): 29}
    assert {before for before, _ in found(enough)} == {"Passive"}
    assert levers(History.of([FIRST, enough, enough], ORDER)) != levers(History.of([FIRST, enough], ORDER))


def test_from_an_incomplete_interval_there_is_no_lever() -> None:
    assert levers(History.of([FIRST, MOVES, MOVES], ORDER))
    assert levers(History.of([FIRST, MOVES, MOVES], ORDER, incomplete=[2])) == []
