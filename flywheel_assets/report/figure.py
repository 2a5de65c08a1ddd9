"""What the charts share: figures as plain data for Plotly's script, axes, and labels that stand beside a chart.

Each chart exists in a wide and a narrow version, because a phone needs fewer ticks and shorter names, not the same
picture smaller. Colours are names of the page's CSS variables (``--ink``, ``--user-0``), which the page's script looks
up, so that a figure follows light, dark and paper. Plotly for Python is not imported: it would take a second per run to
check what a test checks once."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Figure = dict[str, Any]

LINE = 15
"""Height of a line of a direct label, in pixels."""


def figure(traces: Iterable[Figure], height: int, margin: Mapping[str, int], **layout: Any) -> Figure:
    """Traces as a figure of the page's look: no legend, no zoom, no background."""
    clear = "rgba(0,0,0,0)"
    return {
        "data": list(traces),
        "layout": {
            "height": height,
            "margin": {**margin, "pad": 0},
            "paper_bgcolor": clear,
            "plot_bgcolor": clear,
            "font": {"size": 12, "color": "--muted"},
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "hoverlabel": {
                "bgcolor": "--ink",
                "bordercolor": "--ink",
                "font": {"color": "--paper", "size": 12},
                "align": "left",
            },
            **layout,
        },
    }


def axis(ticks: Sequence[float], names: Sequence[str], bounds: Sequence[float], **more: Any) -> Figure:
    """An axis with these ticks, their names and a line of the grid at each."""
    return {
        "tickmode": "array",
        "tickvals": list(ticks),
        "ticktext": list(names),
        "range": list(bounds),
        "fixedrange": True,
        "zeroline": False,
        "showgrid": True,
        "gridcolor": "--rule",
        "gridwidth": 1,
        "showline": False,
        "ticks": "",
        "tickangle": 0,
        "tickfont": {"size": 11.5, "color": "--muted"},
        "automargin": False,
        **more,
    }


def annotation(text: str, **where: Any) -> Figure:
    """Text in a figure, without arrow."""
    return {"text": text, "showarrow": False, "font": {"size": 12, "color": "--ink"}, **where}


def plain(text: str) -> str:
    """Text that Plotly shows as it is: it takes some tags and entities for formatting."""
    return html.escape(text, quote=False)


def shortened(name: str, narrow: bool) -> str:
    """A name that fits beside a chart. A long one loses its middle, because similar names differ at their ends; the
    chart's table has the whole name."""
    most = 16 if narrow else 22
    if len(name) <= most:
        return name
    return f"{name[: most - 7].rstrip()}…{name[-6:].lstrip()}"


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that is not less."""
    power = 10.0 ** math.floor(math.log10(max(least, 1)))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least - 1e-9)


def spread(wanted: Sequence[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Ascending positions, moved as little as possible to stand ``gap`` apart between two bounds; closer than that
    where there is no room."""
    gap = min(gap, (highest - lowest) / max(len(wanted), 1))
    placed = []
    at = lowest - gap / 2
    for position in wanted:
        at = max(position, at + gap)
        placed.append(at)
    at = highest + gap / 2
    for i in reversed(range(len(placed))):
        at = min(placed[i], at - gap)
        placed[i] = at
    return placed
