"""The two pictures of a choice of how many clusters: elbow and silhouette, as PNG."""

import io
from collections.abc import Sequence
from typing import Any

from flywheel_assets.segments.cluster_count import Diagnostics

LINE, MARK = "#1f4e79", "#b3400a"
"""Both are told apart by the colour-blind, and the mark by its shape too."""


def elbow_png(found: Sequence[Diagnostics], chosen: int, sessions: int) -> bytes:
    """Inertia per session by number of clusters."""
    return _png(
        [d.clusters for d in found],
        [d.inertia / sessions for d in found],
        chosen,
        "Elbow: what more clusters explain",
        "mean squared distance to the nearest centre\n(standard deviations squared)",
        "at a bend, one more cluster begins to explain little",
        from_zero=True,
    )


def silhouette_png(found: Sequence[Diagnostics], chosen: int, sample: int) -> bytes:
    """Silhouette by number of clusters."""
    return _png(
        [d.clusters for d in found],
        [d.silhouette for d in found],
        chosen,
        "Silhouette: how well separated clusters are",
        "mean silhouette, -1 to 1",
        f"over a sample of {sample:,} sessions; higher is better",
        from_zero=False,
    )


def _png(
    numbers: Sequence[int],
    values: Sequence[float],
    chosen: int,
    title: str,
    unit: str,
    reading: str,
    from_zero: bool,
) -> bytes:
    # Not pyplot, which keeps every figure until it is closed and looks for a display.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4.2), dpi=120, layout="constrained")
    axes: Any = figure.subplots()
    axes.plot(numbers, values, color=LINE, marker="o", linewidth=1.8)
    at = list(numbers).index(chosen)
    axes.plot(
        [chosen], [values[at]], color=MARK, marker="D", markersize=10, linestyle="none", label=f"chosen: {chosen}"
    )
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=22)
    axes.text(0, 1.03, reading, transform=axes.transAxes, fontsize=10, color="#444444")
    axes.set_xlabel("number of clusters")
    axes.set_ylabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xticks(list(numbers))
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    if from_zero:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Title": title, "Description": f"{unit}; {reading}"})
    return picture.getvalue()
