from typing import Any

import pytest

from flywheel_assets.history.sankey_links import CHECKS, sankey_links, verdicts
from flywheel_assets_tests.frames import SECOND

MOVES = {("Passive", "Engaged"): 2, ("Passive", "Passive"): 1, ("Absent", "Passive"): 4}


def failed(rows: list[dict[str, Any]], users: int = 7) -> dict[str, str]:
    return {verdict.check: verdict.summary for verdict in verdicts(rows, users, SECOND) if not verdict.passed}


def rows() -> list[dict[str, Any]]:
    return sankey_links(MOVES, ["Passive", "Engaged"], SECOND)[0]


def test_links_of_all_users_that_lead_forward_pass() -> None:
    assert all(check.blocking for check in CHECKS)
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
    assert "1 there twice" in failed([*rows(), rows()[0]], users=8)["forward"]


def test_too_many_links_fail() -> None:
    many = [{**rows()[0], "target": f"I2 {n}", "User_Count": 1} for n in range(501)]
    assert set(failed(many, users=501)) == {"few_links"}
