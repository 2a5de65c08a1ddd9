from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.history.moves import Moves
from flywheel_assets.history.sankey_links import MOST_LINKS, sankey_links, verdicts
from flywheel_assets_tests.frames import CALENDAR, SECOND

ORDER = ["Passive", "Engaged"]
MANY = [f"Label {n}" for n in range(200)]


def links(moves: Moves, order: list[str] = ORDER, most: int = MOST_LINKS) -> list[tuple[str, str, int, float]]:
    rows, _ = sankey_links(moves, order, SECOND, most)
    assert [row["order"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["source"], row["target"], row["User_Count"], row["share"]) for row in rows]


def test_nodes_carry_their_interval_and_links_stand_in_the_order_of_labels() -> None:
    moves = {("Absent", "Engaged"): 1, ("Engaged", "Absent"): 2, ("Engaged", "Engaged"): 6, ("Passive", "Engaged"): 4}
    assert links(moves) == [
        ("I1 Passive", "I2 Engaged", 4, 1.0),
        ("I1 Engaged", "I2 Engaged", 6, 0.75),
        ("I1 Engaged", "I2 Absent", 2, 0.25),
        ("I1 Absent", "I2 Engaged", 1, 1.0),
    ]


def test_no_users_are_no_links() -> None:
    rows, folded = sankey_links({}, ORDER, SECOND)
    assert (rows, folded.links, folded.summary) == ([], 0, "")


def test_the_smallest_links_become_one_from_other_to_other() -> None:
    moves = {("Passive", "Passive"): 9, ("Passive", "Engaged"): 1, ("Engaged", "Passive"): 2, ("Engaged", "Engaged"): 8}

    assert links(moves, most=3) == [
        ("I1 Passive", "I2 Passive", 9, 0.9),
        ("I1 Engaged", "I2 Engaged", 8, 0.8),
        ("I1 Other", "I2 Other", 3, 1.0),
    ]
    _, folded = sankey_links(moves, ORDER, SECOND, 3)
    assert folded.summary == "the 2 smallest links, 3 users (15.0%), are one, from Other to Other"
    assert folded.to_json() == '{"links": 2, "users": 3, "of_users": 20}'


def test_as_many_links_as_may_be_are_not_folded() -> None:
    moves = {("Passive", "Passive"): 9, ("Passive", "Engaged"): 1, ("Engaged", "Passive"): 2}
    assert len(links(moves, most=3)) == 3
    assert not any("Other" in source for source, *_ in links(moves, most=3))


def test_a_label_called_other_is_not_the_node_of_folded_links() -> None:
    moves = {("Other", "Other"): 9, ("Passive", "Engaged"): 1, ("Engaged", "Passive"): 2}
    assert links(moves, ["Other", *ORDER], most=2)[-1] == ("I1 Other*", "I2 Other*", 3, 1.0)


def test_two_hundred_labels_give_at_most_five_hundred_links_and_lose_nobody() -> None:
    states = [*MANY, "Absent"]
    moves = {(a, b): 1 + (i * 201 + j) % 97 for i, a in enumerate(states) for j, b in enumerate(states)}
    del moves["Absent", "Absent"]

    found = links(moves, MANY)

    assert len(found) == 500
    assert sum(users for _, _, users, _ in found) == sum(moves.values())
    assert min(users for _, _, users, _ in found[:-1]) >= 97 - 1


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([*"=@<é", "Other", "I2 x", "Absent"]), st.sampled_from([*"=@<é", "Other", "Absent"])),
        st.integers(1, 50),
    ),
    st.integers(2, 30),
)
def test_links_conserve_users_chain_and_never_lead_back(moves: Moves, most: int) -> None:
    for before, now in pairwise(CALENDAR.between(CALENDAR.number(1), CALENDAR.number(3))):
        rows, folded = sankey_links(moves, list("=@<é"), now, most)
        assert len(rows) <= most
        assert all(verdict.passed for verdict in verdicts(rows, sum(moves.values()), now))
        assert sum(row["User_Count"] for row in rows) == sum(moves.values())
        assert folded.links == len(moves) - len(rows) + (1 if folded.links else 0)
        assert all(row["source"].startswith(f"I{before.number} ") for row in rows)
        assert all(row["target"].startswith(f"I{now.number} ") for row in rows)
        pairs = Counter((row["source"], row["target"]) for row in rows)
        assert max(pairs.values(), default=1) == 1
        assert all(0 < row["share"] <= 1 for row in rows)


MOVES = {("Passive", "Engaged"): 2, ("Passive", "Passive"): 1, ("Absent", "Passive"): 4}


def failed(rows: list[dict[str, Any]], users: int = 7) -> dict[str, str]:
    return {verdict.check: verdict.summary for verdict in verdicts(rows, users, SECOND) if not verdict.passed}


def rows() -> list[dict[str, Any]]:
    return sankey_links(MOVES, ["Passive", "Engaged"], SECOND)[0]


def test_links_of_all_users_that_lead_forward_pass() -> None:
    assert failed(rows()) == {}
    assert failed([], users=0) == {}


def test_users_who_are_on_no_link_fail() -> None:
    assert failed(rows(), users=8) == {"conservation": "7 and 8 users of links and transitions"}


@pytest.mark.parametrize("name", ["I1 Passive", "I3 Passive", "Passive"])
def test_a_link_that_leads_elsewhere_fails(name: str) -> None:
    found = rows()
    found[0]["target"] = name
    assert "forward" in failed(found)


def test_the_same_link_twice_fails() -> None:
    assert "1 repeated" in failed([*rows(), rows()[0]], users=8)["forward"]


def test_too_many_links_fail() -> None:
    many = [{**rows()[0], "target": f"I2 {n}", "User_Count": 1} for n in range(501)]
    assert set(failed(many, users=501)) == {"few_links"}
