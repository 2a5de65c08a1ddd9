"""The page's section on experiments, from rows of experiment_readout."""

from flywheel_assets.intent.experiment_readout import MOVE
from flywheel_assets.intent.experiment_sentences import headline, sentences
from flywheel_assets.intent.page_content import Rows
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Block, Blocks, Cell, Heading, Table, Text, Track

NONE = (
    "No experiment is read out in this interval. To plan one: flywheel experiment plan says how many users it needs. "
    "Then describe it in experiments.toml."
)


def experiments(rows: Rows) -> Blocks:
    """Per experiment its verdicts and its arms. Moves between two labels are left to flywheel experiment show."""
    if not rows:
        return [Text(NONE, "missing")]
    blocks: list[Block] = []
    for name in dict.fromkeys(row["experiment"] for row in rows):
        of_name = [row for row in rows if row["experiment"] == name and row["measure"] != MOVE]
        blocks += [Heading(headline(of_name)), *(Text(one) for one in sentences(of_name)), _arms(of_name)]
    return blocks


def _arms(rows: Rows) -> Table:
    control = rows[0]["arm"]
    largest = max((row["rate_high"] or 0.0 for row in rows), default=0.0) or 1.0
    lines: list[list[str | Cell]] = []
    for row in rows:
        rate, low, high = row["rate"], row["adjusted_low"], row["adjusted_high"]
        track = (
            None if rate is None else Track(0, rate / largest, row["rate_low"] / largest, row["rate_high"] / largest)
        )
        lines.append(
            [
                row["arm"],
                n.words(row["measure"]),
                n.count(row["users"]),
                n.count(row["counted"]),
                Cell(n.percent(rate), track=track),
                n.signed_points(row["adjusted_difference"]),
                n.NOTHING if low is None else f"{n.signed_points(low)} to {n.signed_points(high)}",
            ]
        )
    columns = ("Arm", "Measure", "Users", "Of these", "Rate", f"Points above {control}", "95% interval")
    title = f"Arms, compared with {control}, adjusted for what users were like before"
    return Table(title, columns, lines, texts=2, look="rates")
