"""The page's section on how sure scores are, from rows of intent_performance, intent_calibration,
intent_probability and intent_disagreements."""

from collections.abc import Sequence

from flywheel_assets.intent.page_content import Row, Rows
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Block, Blocks, Cell, Heading, Table, Text, Track

NO_OUTCOMES = "No outcomes yet: scores of this interval are judged when the next one has closed."

OUTCOME_COLUMNS = ("Users", "Converted", "Rate", "95% interval")
"""What :func:`_outcome` gives."""


def judged(performance: Rows) -> bool:
    """Whether there are outcomes."""
    return any(row["users"] for row in performance)


def calibration(
    performance: Rows, deciles: Rows, probabilities: Rows, disagreements: Rows, outcome: str, latest: str
) -> Blocks:
    """The verdict on the rules, how good each ranking is, what became of the users by tenth of the ranking, and the
    probability by score. ``outcome``: the kind of event that is a conversion. ``latest``: what became of the previous
    interval's scores, in a sentence, empty without outcomes."""
    if not judged(performance):
        return [Text(latest) if latest else Text(NO_OUTCOMES, "missing")]
    rules = performance[0]
    counted = (
        f"A conversion is an event of the kind {outcome} in the interval after the score. "
        f"{n.count(rules['conversions'])} of {n.plural(rules['users'], 'user')} of closed intervals converted "
        f"({n.percent(rules['base_rate'])})."
    )
    verdict = f"{rules['verdict'].rstrip('.')}."
    if rules["lift_10"] is not None:
        verdict += (
            f" The tenth of users with the highest scores converted {rules['lift_10']:.1f} times as often as all users."
        )
    return [
        Text(verdict),
        Text(f"{counted} {latest}", "note"),
        *_deciles(deciles),
        _performance(performance),
        _disagreements(disagreements),
        _probability(probabilities),
    ]


def _performance(rows: Rows) -> Table:
    columns = ("Ranking by", "Verdict", "AUC", "95% interval", "Lift at 10%", "95% interval", "Calibration error")
    lines = [
        [
            n.words(row["ranking"]),
            row["verdict"],
            n.decimal(row["auc"]),
            _between(n.decimal(row["auc_low"]), n.decimal(row["auc_high"])),
            n.ratio(row["lift_10"]),
            _between(n.ratio(row["lift_10_low"]), n.ratio(row["lift_10_high"])),
            n.decimal(row["calibration_error"]),
        ]
        for row in rows
    ]
    return Table("How well each ranking tells who converts", columns, lines, texts=2, look="rules")


def _deciles(rows: Rows) -> list[Block]:
    """A table per ranking, the first of them open."""
    blocks: list[Block] = []
    largest = max((row["high"] or 0.0 for row in rows), default=0.0) or 1.0
    for place, ranking in enumerate(dict.fromkeys(row["ranking"] for row in rows)):
        lines: list[list[str | Cell]] = [
            [str(row["decile"]), *_outcome(row, largest), n.percent(row["mean_probability"])]
            for row in rows
            if row["ranking"] == ranking
        ]
        title = f"Tenths of users by {n.words(ranking).lower()}, the highest first"
        blocks += [] if place else [Heading("Do higher scores convert more often?")]
        columns = ("Tenth", *OUTCOME_COLUMNS, "Expected rate")
        blocks.append(Table(title, columns, lines, folded=title if place else "", look="rates"))
    return blocks


def _disagreements(rows: Rows) -> Table | None:
    if not judged(rows):
        return None
    largest = max(row["high"] or 0.0 for row in rows) or 1.0
    lines: list[list[str | Cell]] = [[n.words(row["highest_tenth_of"]), *_outcome(row, largest)] for row in rows]
    title = "Where rules and model disagree: users in the highest tenth of"
    return Table(title, ("Highest tenth of", *OUTCOME_COLUMNS), lines, look="rates")


def _outcome(row: Row, largest: float) -> Sequence[str | Cell]:
    """The cells of OUTCOME_COLUMNS, with a bar from 0 to the ``largest`` rate of the table."""
    rate = row["rate"]
    track = None if rate is None else Track(0, rate / largest, row["low"] / largest, row["high"] / largest)
    between = n.NOTHING if rate is None else _between(n.percent(row["low"]), n.percent(row["high"]))
    return [n.count(row["users"]), n.count(row["conversions"]), Cell(n.percent(rate), track=track), between]


def _probability(rows: Rows) -> Table | None:
    """Every tenth score."""
    lines = [
        [str(row["score"]), n.percent(row["probability"]), n.count(row["users"]), n.count(row["conversions"])]
        for row in rows
        if row["score"] % 10 == 0 and row["probability"] is not None
    ]
    title = "From a score to the probability of a conversion"
    return Table(title, ("Score", "Probability", "Users", "Converted"), lines, folded=title) if lines else None


def _between(low: str, high: str) -> str:
    return n.NOTHING if n.NOTHING in (low, high) else f"{low} to {high}"
