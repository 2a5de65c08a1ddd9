import pytest

from flywheel_assets.tables.labels import clashes, probability_column, share_column, snake_case


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Very Low Quality", "very_low_quality"),
        ("High", "high"),
        ("Low - or none", "low_or_none"),
        (" (new) ", "new"),
        ("Tier 2", "tier_2"),
        ("Élevée", "élevée"),
    ],
)
def test_a_label_in_a_column_name_is_in_snake_case(label: str, name: str) -> None:
    assert snake_case(label) == name
    assert share_column(label) == f"share_{name}"
    assert probability_column(label) == f"probability_{name}"


def test_labels_that_would_share_a_column_clash_in_the_order_given() -> None:
    labels = ["Low Quality", "High", "low-quality", "Low  quality"]
    assert clashes(labels) == [("Low Quality", "low-quality"), ("Low Quality", "Low  quality")]


def test_different_labels_and_one_given_twice_do_not_clash() -> None:
    assert clashes(["Low", "High", "Low"]) == []
    assert clashes([]) == []
