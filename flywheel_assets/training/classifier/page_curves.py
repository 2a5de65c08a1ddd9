"""The curves of the page, with their numbers: gain, precision and recall, ROC, and reliability."""

from collections.abc import Sequence

from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Table
from flywheel_assets.report.curves import Curve
from flywheel_assets.tables.significance import wilson
from flywheel_assets.training.classifier.evaluation import GAINS, ROC_AUC
from flywheel_assets.training.classifier.page_content import ClassifierPage, Rows, TrainedModel

LEAST_RECALL = 0.02
"""Precision below this recall rests on few rows and jumps: it is not drawn."""


def curves(page: ClassifierPage, model: TrainedModel) -> Sequence[tuple[Curve, Table]]:
    """On the test part; a ring is where the model decides."""
    evaluation, words = model.evaluation, page.words
    (right, false), (missed, hits) = evaluation.confusion
    rate, chosen = evaluation.positives / evaluation.rows, hits + false
    recall = hits / max(1, hits + missed)
    points = {name: [(one[0], one[1]) for one in evaluation.curves[name]] for name in ("gain", "pr", "roc")}
    points["pr"] = [(x, y) for x, y in points["pr"] if x >= LEAST_RECALL]
    precision = [y for _, y in points["pr"]]
    ring = "The ring is where the model decides."
    made = [
        (
            Curve(
                "Gain",
                f"The first 10% of {words.rows} hold {n.percent(evaluation.model[GAINS[-1]].value)} of all "
                f"{words.outcomes}.",
                f"share of {words.rows}, the highest probability first",
                f"share of all {words.outcomes} among them",
                points["gain"],
                [(0, 0), (1, 1)],
                mark=(chosen / evaluation.rows, recall),
                note=f"The dashed line is a random order. {ring}",
            ),
            ("Share of rows", f"Share of {words.outcomes}"),
        ),
        (
            Curve(
                "Precision and recall",
                f"Where the model decides, {n.percent(hits / max(1, chosen))} of its decisions are right, and it finds "
                f"{n.percent(recall)}.",
                f"recall: share of all {words.outcomes} found",
                "precision: share of decisions that are right",
                points["pr"],
                [(0, rate), (1, rate)],
                y_high=min(1.0, max(1.25 * max(precision), 2 * rate)),
                mark=(recall, hits / chosen) if chosen else None,
                note=f"The dashed line is a random order. {ring} Recall below 2% rests on too few rows to be drawn.",
            ),
            ("Recall", "Precision"),
        ),
        (
            Curve(
                "ROC",
                f"The area under the curve is {evaluation.model[ROC_AUC].value:.3f}.",
                f"share of the other {words.rows} decided for",
                f"share of all {words.outcomes} found",
                points["roc"],
                [(0, 0), (1, 1)],
                mark=(false / max(1, false + right), recall),
                note=f"The dashed line is a random order. {ring}",
            ),
            ("False positive rate", "Recall"),
        ),
    ]
    bins = []
    for number, (probability, share, rows) in enumerate(evaluation.curves["reliability"], start=1):
        low, high = wilson(round(share * rows), int(rows))
        bins.append(
            {
                "bin": number,
                "predictions": int(rows),
                "mean_probability": probability,
                "rate": share,
                "rate_low": low,
                "rate_high": high,
            }
        )
    return [*((curve, _numbers(curve, heads)) for curve, heads in made), reliability_curve(page, bins, "Reliability")]


def _numbers(curve: Curve, heads: tuple[str, str]) -> Table:
    """A curve's points, about twenty of them."""
    every = max(1, len(curve.points) // 20)
    kept = [*curve.points[:-1:every], *curve.points[-1:]]
    lines = [[n.percent(x), n.percent(y)] for x, y in kept]
    return Table(f"{curve.title}, some of its points", heads, lines, folded="The numbers")


def reliability_curve(page: ClassifierPage, rows: Rows, title: str) -> tuple[Curve, Table]:
    """Tenths of the rows by their probability, against the shares that came true. ``rows``: of ledger.RELIABILITY."""
    words = page.words
    high = min(1.0, 1.05 * max(max(row["mean_probability"], row["rate_high"]) for row in rows))
    lines = [
        [
            str(row["bin"]),
            n.count(row["predictions"]),
            n.percent(row["mean_probability"]),
            n.percent(row["rate"]),
            f"{n.percent(row['rate_low'])} to {n.percent(row['rate_high'])}",
        ]
        for row in reversed(rows)
    ]
    heads = ("Tenth", words.rows.capitalize(), "Predicted", words.happened.capitalize(), "95% interval")
    first, last = rows[-1], rows[0]
    curve = Curve(
        title,
        f"Of the tenth with the highest probability, {n.percent(first['mean_probability'])} were predicted and "
        f"{n.percent(first['rate'])} came true; of the lowest, {n.percent(last['mean_probability'])} and "
        f"{n.percent(last['rate'])}.",
        "probability, mean of a tenth",
        f"share that {words.happened}",
        [(row["mean_probability"], row["rate"]) for row in rows],
        [(0, 0), (1, 1)],
        x_high=high,
        y_high=high,
        dots=True,
        spans=[(row["mean_probability"], row["rate_low"], row["rate_high"]) for row in rows],
        note="A calibrated model is on the dashed line, but for chance: the bars are 95% intervals.",
    )
    return curve, Table("Tenths by probability, the highest first", heads, lines, folded="The numbers")
