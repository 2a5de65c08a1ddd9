"""The page's section on the rows of the highest probability, and why they have it."""

from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Finder, Text, Track
from flywheel_assets.training.classifier.page_content import ClassifierPage

MOST_REASONS = 3


def ranking(page: ClassifierPage) -> Blocks:
    """As a table that can be searched, with the reasons in words."""
    words = page.words
    if not page.highest:
        return [Text(f"No {words.row} of this interval has a probability.", "missing")]
    first = page.highest[0]
    known = page.highest[0].outcome is not None
    columns = ["Rank", words.row.capitalize(), "Probability", "Why", *page.facts]
    columns += [words.happened.capitalize()] if known else []
    shown, of_all = n.count(len(page.highest)), n.plural(page.predicted or 0, words.row)
    lead = f"The {words.row} {first.name} has the highest probability, {n.percent(first.probability)}."
    if first.reasons and (told := first.reasons.sentences(1)):
        lead += f" Its strongest reason: {told[0][:1].lower()}{told[0][1:]}."
    if known:
        came = sum(bool(one.outcome) for one in page.highest)
        expected = sum(one.probability for one in page.highest)
        lead += f" Of the {shown} below, {n.count(came)} {words.happened}; {expected:.1f} were expected."
    rows = [
        [
            str(rank),
            one.name,
            Cell(n.percent(one.probability), track=Track(0, one.probability)),
            Cell("", lines=one.reasons.sentences(MOST_REASONS)) if one.reasons else n.NOTHING,
            *one.facts,
            *([("yes" if one.outcome else "no")] if known else []),
        ]
        for rank, one in enumerate(page.highest, start=1)
    ]
    return [
        Text(lead),
        Finder(
            f"{shown} of {of_all} with a probability, the highest first",
            f"Search by {words.row} id",
            words.rows,
            columns,
            rows,
            [],
        ),
        Text(
            f"Reasons are Shapley values: how far an input moves the odds, beside {n.count(first.reasons.others)} "
            f"{words.rows} of this interval. While a probability is low, odds that double nearly double it too.",
            "note",
        )
        if first.reasons
        else None,
    ]
