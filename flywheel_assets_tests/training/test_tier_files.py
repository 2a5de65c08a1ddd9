"""`segment_labels.toml`, which people edit: what is proposed can be read, what is wrong is named."""

import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.tier_files import segment_labels_in, segment_text
from flywheel_assets.training.tiers import ClusterOutcome, propose

ORDER = ("Low", "High")

PROPOSALS = propose(
    (
        ClusterOutcome(2, 'many "detail" views', 100, 20, 1.5),
        ClusterOutcome(1, "few views", 900, 0, -0.2),
        ClusterOutcome(5, "none", 0, 0, 0.0),
    ),
    ORDER,
)
TEXT = segment_text(PROPOSALS, ORDER, "leads", ("pageviews",), "1,000 sessions", "v1")


def read(text: str, version: str = "v1", ids: tuple[int, ...] = (1, 2, 5)) -> dict[int, str]:
    return segment_labels_in(text, "f.toml", version, ids, ORDER)


def test_a_proposal_is_read_as_it_was_made() -> None:
    assert read(TEXT) == {1: "Low", 2: "High", 5: "Low"}


def test_a_proposal_gives_its_reasons_above_each_line() -> None:
    assert TEXT.split("[clusters]\n")[1] == (
        "# none\n# no sessions in these intervals\n"
        '5 = "Low"\n'
        "# few views\n# 0 of 900 sessions with leads (0.00%), depth -0.20\n"
        '1 = "Low"\n'
        '# many "detail" views\n# 20 of 100 sessions with leads (20.00%), depth +1.50\n'
        '2 = "High"\n'
    )
    assert "1,000 sessions: clusters ordered by the share of their sessions with leads above 0" in TEXT


def test_ties_are_told() -> None:
    tied = propose((ClusterOutcome(1, "a", 90, 1, 0.0), ClusterOutcome(2, "b", 90, 1, 1.0)), ORDER)

    assert "1 of 90 sessions with leads (1.11%), depth +0.00; tied with 2" in segment_text(
        tied, ORDER, "leads", ("pageviews",), "180 sessions", "v1"
    )


def test_without_an_outcome_the_order_is_told_to_be_by_depth() -> None:
    text = segment_text(PROPOSALS, ORDER, None, ("pageviews",), "1,000 sessions", "v1")

    assert "ordered by depth, there being no outcome" in text
    assert "# 900 sessions, depth -0.20\n" in text


def test_labels_with_quotes_and_letters_of_other_alphabets_come_back() -> None:
    order = ('so "so"', "großartig \\ 很好")
    text = segment_text(propose((ClusterOutcome(1, "", 9, 0, 0.0), ClusterOutcome(2, "", 9, 9, 0.0)), order), order,
                        None, ("pageviews",), "", "v1")  # fmt: skip

    assert segment_labels_in(text, "f.toml", "v1", (1, 2), order) == {1: order[0], 2: order[1]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace('2 = "High"', ""), "f.toml lacks cluster 2: it belongs to other segments than v1; delete f.toml"),
        (TEXT + '7 = "Low"\n', "has cluster 7, which the fit does not have"),
        (TEXT.replace("5 =", "6 ="), "lacks cluster 5 and has cluster 6"),
        (TEXT.replace('"High"', '"Superb"'), "has the label Superb; expected one of Low, High"),
        (TEXT.replace('= "High"', "= High"), "f.toml is not TOML"),
        (TEXT.replace('= "High"', "= 3"), r"no table \[clusters\] of lines such as 1 = \"Low\""),
        ("", r"no table \[clusters\]"),
        (TEXT.replace('segments_version = "v1"', ""), "of segments of no version, the fit is v1"),
    ],
)
def test_what_does_not_fit_is_named(text: str, says: str) -> None:
    with pytest.raises(LabelError, match=says):
        read(text)


def test_the_same_clusters_of_another_fit_may_be_vouched_for() -> None:
    with pytest.raises(LabelError, match='if the labels still hold, write segments_version = "v2" into it'):
        read(TEXT, version="v2")
