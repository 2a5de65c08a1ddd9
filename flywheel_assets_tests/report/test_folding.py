"""Which labels a chart shows by name."""

from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.report.folding import fold


def test_a_dozen_labels_are_all_shown() -> None:
    labels = [f"label {i}" for i in range(12)]
    assert fold("user", labels, {}).names == tuple(labels)


def test_thirteen_are_shown_too_because_one_other_label_takes_as_much_room() -> None:
    assert fold("user", [str(i) for i in range(13)], {}).folded == ()


def test_of_more_the_largest_stay_in_their_order_and_the_others_stand_together() -> None:
    folding = fold("user", ["worst", "bad", "good", "best"], {"best": 5, "worst": 9, "bad": 1}, most=2)
    assert folding.shown == ("worst", "best")
    assert folding.names == ("2 other labels", "worst", "best")
    assert [folding(label) for label in ("worst", "good", "bad", "Absent")] == [
        "worst",
        "2 other labels",
        "2 other labels",
        "Absent",
    ]


@given(st.dictionaries(st.text(), st.integers(0, 9), max_size=30))
def test_every_label_is_shown_or_folded_and_none_folded_is_larger(weights: dict[str, int]) -> None:
    folding = fold("user", list(weights), weights)
    assert sorted((*folding.shown, *folding.folded)) == sorted(weights)
    assert len(folding.shown) <= 13
    if folding.folded:
        assert max(weights[x] for x in folding.folded) <= min(weights[x] for x in folding.shown)
