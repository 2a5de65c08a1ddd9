"""A fall in stayers that users cannot explain is named as a probable change of their ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.users.label_transitions import movements
from flywheel_assets.users.retention_break import Stay, retention_break, stay
from flywheel_assets_tests.projects import Project, checks, sessions

USUAL = [Stay(1000, 250, 1100), Stay(1100, 330, 1000), Stay(1000, 370, 1050)]


def test_a_fall_to_a_tenth_of_the_usual_is_named_with_its_numbers() -> None:
    found = retention_break(Stay(1050, 30, 1040), USUAL)
    assert (found.passed, found.severity) == (False, "WARN")
    assert found.summary == (
        "user ids probably changed: only 2.9% of the previous interval's users are active again; in 3 earlier "
        "intervals it was 25.0% to 37.0%"
    )


@pytest.mark.parametrize(
    ("found", "earlier"),
    [
        (Stay(1050, 320, 1040), USUAL),
        (Stay(1050, 160, 1040), USUAL),
        (Stay(1050, 30, 45), USUAL),
        (Stay(60, 20, 1040), USUAL),
        (Stay(29, 0, 1040), USUAL),
        (Stay(1050, 0, 29), USUAL),
        (Stay(30, 4, 30), [Stay(30, 9, 30)] * 3),
        (Stay(1050, 30, 1040), USUAL[:1]),
        (Stay(1050, 30, 1040), [USUAL[0], Stay(20, 19, 400)]),
        (None, USUAL),
    ],
    ids=[
        "as usual",
        "somewhat over half of the usual",
        "users left, and those who are there are old ones",
        "many users arrived",
        "few users before",
        "few users now",
        "within chance",
        "nothing is usual after one interval",
        "earlier intervals with few users show nothing",
        "an interval is incomplete",
    ],
)
def test_what_else_may_have_happened_is_not_called_a_change_of_ids(found: Stay | None, earlier: list[Stay]) -> None:
    assert retention_break(found, earlier).passed


def test_a_break_among_the_earlier_intervals_does_not_hide_the_next() -> None:
    broken = Stay(1000, 29, 1000)
    assert not retention_break(broken, [*USUAL, broken, USUAL[0]]).passed


LABELS = st.sampled_from(["Absent", "Passive", "Engaged"])
ROWS = st.lists(st.fixed_dictionaries({"From_Label": LABELS, "To_Label": LABELS, "User_Count": st.integers(1, 99)}))


@given(ROWS)
def test_who_stayed_is_counted_as_transitions_are(rows: list[dict[str, object]]) -> None:
    rows = [row for row in rows if (row["From_Label"], row["To_Label"]) != ("Absent", "Absent")]
    moved = movements(rows)
    stayed = moved["stayed"] + moved["moved"]
    assert stay(rows) == (stayed + moved["left"], stayed, moved["users"])


KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")


def test_ids_that_change_are_named_in_the_run_that_makes_the_transitions(project: Project) -> None:
    wednesdays = ("01-03", "01-10", "01-17", "01-24", "01-31", "02-07", "02-14", "02-21")
    for place, day in enumerate(wednesdays):
        prefix = "old" if place < 6 else "new"
        project.land(f"{day}.parquet", sessions(*((f"{prefix}{u}", f"2024-{day} 12", 5) for u in range(40))))
    assert [run.failure for run in project.run(*KEYS)] == [""] * 4

    found = checks(project.materialize(KEYS[3], "label_transitions"), "label_transitions")["retention_break"]
    assert not found.passed
    assert str(found.description).startswith("user ids probably changed: only 0.0% of the previous")
    before = checks(project.materialize(KEYS[2], "label_transitions"), "label_transitions")["retention_break"]
    assert before.passed
