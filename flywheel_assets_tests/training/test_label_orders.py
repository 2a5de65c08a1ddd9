"""Which order labels have: the stated one, else that of the models in use."""

import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.own_labels import order_of_labels

IN_USE = ("Low", "Medium", "High")


def test_labels_of_the_models_in_use_have_their_order() -> None:
    assert order_of_labels("sessions", {"High", "Low"}, None, IN_USE, "o.toml") == IN_USE


def test_a_stated_order_goes_before() -> None:
    assert order_of_labels("sessions", {"High", "Low"}, ("High", "Low"), IN_USE, "o.toml") == ("High", "Low")


def test_a_label_that_nobody_orders_is_named_with_the_line_to_write() -> None:
    with pytest.raises(LabelError, match="sessions are labelled Superb, which the order doesn't know") as raised:
        order_of_labels("sessions", {"Superb", "Low"}, None, IN_USE, "o.toml")

    assert 'Write sessions = ["Low", "Superb"], brought into order from worst to best, into o.toml' in str(raised.value)


def test_a_label_that_the_stated_order_lacks_is_named() -> None:
    with pytest.raises(LabelError, match=r"users are labelled C, .* stated by o.toml: A, B"):
        order_of_labels("users", {"A", "B", "C"}, ("A", "B"), IN_USE, "o.toml")
