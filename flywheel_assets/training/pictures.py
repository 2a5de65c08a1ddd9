"""Pictures of a model's figures, as PNG: its confusion matrix, and how its probabilities come true."""

import io
from collections.abc import Sequence
from typing import Any

from flywheel_assets.training.metrics import Evaluation, ReliabilityBin

INCHES = (5.5, 5.0)
PALER_THAN = 0.5
"""A cell with a larger share of its row is written on in white."""


def confusion_picture(title: str, evaluation: Evaluation) -> bytes:
    """Rows are true labels, columns predicted ones; each cell has its count, and its colour is its share of the row."""
    figure, axes = _axes(title)
    shares = [[cell / max(sum(row), 1) for cell in row] for row in evaluation.confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(evaluation.confusion):
        for x, count in enumerate(row):
            colour = "white" if shares[y][x] > PALER_THAN else "black"
            axes.text(x, y, f"{count:,}\n{100 * shares[y][x]:.1f} %", ha="center", va="center", color=colour)
    places = range(len(evaluation.labels))
    axes.set_xticks(places, evaluation.labels, rotation=20)
    axes.set_yticks(places, evaluation.labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true, share of the row")
    return png(figure)


def reliability_picture(
    title: str, labels: Sequence[str], reliability: Sequence[Sequence[ReliabilityBin]], errors: Sequence[float]
) -> bytes:
    """One line per label, ten bins of equal mass each; on the diagonal, probabilities come true as often as they say.
    ``errors`` are the labels' expected calibration errors."""
    figure, axes = _axes(title)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for label, bins, error in zip(labels, reliability, errors, strict=True):
        axes.plot(
            [one.probability for one in bins],
            [one.share for one in bins],
            marker="o",
            label=f"{label}, ECE {error:.3f}",
        )
    axes.set_xlabel("probability, mean of a tenth of the rows")
    axes.set_ylabel("share of them that has the label")
    axes.legend()
    return png(figure)


def figure_of(rows: int, columns: int, inches: tuple[float, float]) -> tuple[Any, Any]:
    """A new figure with its axes, independent of any display and of the process's other figures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    return figure, figure.subplots(rows, columns)


def _axes(title: str) -> tuple[Any, Any]:
    figure, axes = figure_of(1, 1, INCHES)
    axes.set_title(title)
    return figure, axes


def png(figure: Any) -> bytes:
    """The figure as a file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()
