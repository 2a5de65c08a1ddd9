"""Stacked bars, one per interval, with the names and numbers of the last bar beside it."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flywheel_assets.report.figure import LINE, Figure, annotation, axis, figure, plain, shortened, spread
from flywheel_assets.report.numbers import short_day

WIDTH = 0.88
"""Of a bar's place. Given, because Plotly takes it from the least distance, and intervals may be empty."""

PALE = 0.35
"""Opacity."""

FEWEST_SLOTS = 5
"""A history shorter than this leaves room at its right, instead of having bars as wide as the page."""

HEIGHT, TOP, BOTTOM = 340, 10, 40


@dataclass(frozen=True)
class Series:
    """One part of the bars: by interval number its size (below 0 it hangs under the line) and what the pointer shows.
    ``colour`` is a CSS variable."""

    name: str
    colour: str
    sizes: Mapping[int, float]
    texts: Mapping[int, str]


@dataclass(frozen=True)
class Scale:
    """The vertical axis: its ends, its ticks and their names; ``zero``: with a line at 0."""

    low: float
    high: float
    ticks: Sequence[float]
    names: Sequence[str]
    zero: bool = False


def bars(
    series: Sequence[Series],
    scale: Scale,
    days: Mapping[int, date],
    written: Callable[[float], str],
    most_days: int,
    narrow: bool,
    lines: Sequence[int] = (),
    pale: Collection[int] = (),
) -> Figure:
    """``series`` from the bottom up. ``days``: the first day of every interval that has a place, by its number; one
    without sizes stays empty. ``written``: how a number beside the last bar is written. ``most_days``: on the axis.
    ``lines``: intervals that a dashed line stands before. ``pale``: intervals whose bars are."""
    places = {number: place for place, number in enumerate(days)}
    traces = [
        {
            "type": "bar",
            "width": WIDTH,
            "name": plain(one.name),
            "x": [places[number] for number in one.sizes],
            "y": list(one.sizes.values()),
            "hovertext": [plain(one.texts[number]) for number in one.sizes],
            "hoverinfo": "text",
            "marker": {
                "color": one.colour,
                "line": {"color": "--paper", "width": 0.75},
                "opacity": [PALE if number in pale else 1 for number in one.sizes],
            },
        }
        for one in series
    ]
    last = max((number for one in series for number in one.sizes), default=0)
    labels = [one for one in series if one.sizes.get(last)]
    labels.sort(key=lambda one: one.sizes[last] > 0)
    texts = [(written(abs(one.sizes[last])), shortened(one.name, narrow)) for one in labels]
    room = 24 + round(6.7 * max((len(f"{number} {name}") for number, name in texts), default=0))
    unit = (scale.high - scale.low) / (HEIGHT - TOP - BOTTOM)
    heights = spread(
        _middles([one.sizes[last] for one in labels]),
        LINE * unit,
        scale.low + LINE * unit / 2,
        scale.high - LINE * unit / 2,
    )
    beside = []
    for one, (number, name), y in zip(labels, texts, heights, strict=True):
        at = {"xref": "x", "yref": "y", "x": places[last] + 0.5, "y": y, "xanchor": "left", "yanchor": "middle"}
        beside.append(annotation("■", **at, xshift=3) | {"font": {"size": 11, "color": one.colour}})
        beside.append(annotation(f"<b>{number}</b> {plain(name)}", **at, xshift=15, align="left"))
    zero = {"zeroline": True, "zerolinecolor": "--ink", "zerolinewidth": 1, "zerolinelayer": "above traces"}
    return figure(
        traces,
        HEIGHT,
        {"l": 12 + round(6.7 * max(4, *map(len, scale.names))), "r": room, "t": TOP, "b": BOTTOM},
        annotations=beside,
        barmode="relative",
        xaxis=_days(list(days.values()), most_days),
        yaxis=axis(scale.ticks, scale.names, (scale.low, scale.high), **(zero if scale.zero else {})),
        shapes=[_line(places[number] - 0.5) for number in lines if number in places],
    )


def _middles(sizes: Sequence[float]) -> list[float]:
    """Where the middles of a bar's parts are, those that hang below the line first."""
    reached, found = 0.0, []
    for size in sizes:
        found.append(size / 2 if size < 0 else reached + size / 2)
        reached += max(size, 0)
    return found


def _line(x: float) -> Figure:
    """A dashed line from the bottom of a figure to a little above its top."""
    line = {"color": "--ink", "width": 2, "dash": "4px,3px"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1.03, "line": line}


def _days(firsts: Sequence[date], most: int) -> Figure:
    """The axis of intervals: a few first days, always the last one, with the year where it begins or changes."""
    every = max(1, math.ceil(len(firsts) / most))
    chosen = [i for i in range(len(firsts)) if (len(firsts) - 1 - i) % every == 0]
    names, year = [], None
    for i in chosen:
        names.append(short_day(firsts[i]) + (f"<br>{firsts[i].year}" if firsts[i].year != year else ""))
        year = firsts[i].year
    return axis(chosen, names, (-0.5, max(len(firsts), FEWEST_SLOTS) - 0.5), showgrid=False)
