"""Reasons in words."""

import numpy as np
import pytest

from flywheel_assets.training.classifier.explanation import ShapleyValues
from flywheel_assets.training.classifier.page_ranking import reason_in_words
from flywheel_assets.training.classifier.reasons import reasons, value_in_words


def test_reasons_are_the_inputs_that_move_a_row_furthest_with_their_values_and_what_they_do_to_its_odds() -> None:
    names = ("page_views_so_far", "weekday", "device", "hour", "repeat_session")
    values = ShapleyValues(names, np.log([[3.0, 0.5, 1.2, 1.01, 1.1]]), -2.0)
    inputs = {"page_views_so_far": 7, "weekday": 1, "device": None, "hour": 3, "repeat_session": True}
    found = reasons(values, 0, inputs, {"weekday": ("Monday", "Tuesday")}, most=5)
    assert [reason_in_words(one) for one in found] == [
        "Page views so far: 7, odds × 3.0",
        "Weekday: Tuesday, odds × 0.50",
        "Device: unknown, odds × 1.2",
        "Repeat session: yes, odds × 1.1",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.15519, "0.16"),
        (12345.6, "12,346"),
        (3.0, "3"),
        (-1.5, "−1.5"),
        (float("nan"), "unknown"),
        (False, "no"),
        ("DE", "DE"),
    ],
)
def test_a_value_is_as_long_as_it_has_to_be(value: object, text: str) -> None:
    assert value_in_words(value) == text
