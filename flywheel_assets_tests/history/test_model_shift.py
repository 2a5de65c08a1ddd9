"""What users did and what new models say of them, apart, and that both sum to the change as labelled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.history.mix_shift import mix_shift
from flywheel_assets.history.model_shift import model_shift
from flywheel_assets_tests.frames import CALENDAR

INTERVAL = CALENDAR.number(2)
ORDER = ("Passive", "Engaged")


def causes(*triples: tuple[str, str, str, int]) -> list[dict[str, Any]]:
    names = ("From_Label", "Same_Model_Label", "To_Label", "User_Count")
    return [dict(zip(names, triple, strict=True)) for triple in triples]


def test_a_change_is_what_users_did_and_what_the_new_models_say() -> None:
    found = causes(("Passive", "Engaged", "Engaged", 1), ("Passive", "Passive", "Engaged", 1))
    passive, engaged = model_shift(found, ORDER, INTERVAL)
    assert [engaged[c] for c in ("Previous_Share", "Share", "New_Model_Share")] == [0.0, 0.5, 1.0]
    assert [engaged[c] for c in ("Change", "Stayers", "Model")] == [0.5, 0.5, 0.5]
    assert passive["Model"] == -0.5


def test_a_label_that_only_the_new_models_give_is_theirs() -> None:
    rows = model_shift(causes(("Passive", "Passive", "Zealous", 3)), ORDER, INTERVAL)
    assert [(row["Label"], row["Change"], row["Model"]) for row in rows] == [
        ("Passive", 0.0, -1.0),
        ("Engaged", 0.0, 0.0),
        ("Zealous", 0.0, 1.0),
    ]


def test_without_users_in_an_interval_there_is_nothing_to_tell() -> None:
    for found in (causes(("Absent", "Passive", "Engaged", 2)), causes(("Passive", "Absent", "Absent", 2))):
        assert [row["Change"] for row in model_shift(found, ORDER, INTERVAL)] == [None, None]
    assert [row["Model"] for row in model_shift([], ORDER, INTERVAL)] == [None, None]


LABELS = st.sampled_from(ORDER)
STAYED = st.tuples(LABELS, LABELS, LABELS, st.integers(1, 9))
CAME = st.tuples(st.just("Absent"), LABELS, LABELS, st.integers(1, 9))
LEFT = st.tuples(LABELS, st.just("Absent"), st.just("Absent"), st.integers(1, 9))


@given(st.lists(st.one_of(STAYED, CAME, LEFT), unique_by=lambda triple: triple[:3]))
def test_parts_and_models_sum_to_the_change_as_labelled(triples: list[tuple[str, str, str, int]]) -> None:
    moves: dict[tuple[str, str], int] = {}
    for before, _, now, users in triples:
        moves[before, now] = moves.get((before, now), 0) + users
    for row, labelled in zip(
        model_shift(causes(*triples), ORDER, INTERVAL), mix_shift(moves, ORDER, INTERVAL), strict=True
    ):
        assert row["New_Model_Share"] == labelled["Share"]
        if labelled["Change"] is not None:
            assert row["Change"] + row["Model"] == pytest.approx(labelled["Change"])
            assert row["Stayers"] + row["Entrants"] + row["Leavers"] == pytest.approx(row["Change"])
