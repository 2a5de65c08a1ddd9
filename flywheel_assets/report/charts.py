"""The report's figures over time, as plain data for Plotly's script: label mix, growth, forecast.

Each is made in a wide and a narrow version, because what a phone needs is fewer ticks and shorter names rather than the
same picture smaller. Colours are names of the page's CSS variables (``--ink``, ``--user-0``), which the page's script
looks up, so that a figure follows light, dark and paper. Plotly for Python is not imported: it would take a second a
run to check what a test checks once."""

import html
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flywheel_assets.history.headlines import Rows
from flywheel_assets.report.folding import Folding
from flywheel_assets.report.page.colours import label_variables
from flywheel_assets.report.page.numbers import count, percent, short_day
from flywheel_assets.tables.labels import ABSENT

Figure = dict[str, Any]

LINE = 15
"""Height of a line of a direct label, in pixels."""

BAR = 0.88
"""Width of a bar, of its place. Said, because Plotly takes it from the least distance, and intervals may be empty."""

FEWEST_SLOTS = 5
"""A history shorter than this leaves room at its right, rather than having bars as wide as the page."""


def label_mix(
    rows: Rows, level: str, folding: Folding, days: Mapping[int, date], narrow: bool, changes: Sequence[int] = ()
) -> Figure:
    """Shares of labels as stacked bars, worst at the bottom, a bar an interval; the last bar's labels stand beside it.
    ``days``: the first day of every interval that has a place, by its number; one without rows stays empty.
    ``changes``: the intervals that other models labelled than the one before; a dashed line stands before each."""
    height, top, bottom = 330, 10, 40
    places = {number: place for place, number in enumerate(days)}
    colours = label_variables(folding)
    shares: dict[str, dict[int, float]] = {name: {} for name in folding.names}
    counts: dict[str, dict[int, int]] = {name: {} for name in folding.names}
    for row in rows:
        if row["Level"] == level and row["Share"] is not None and row["Interval"] in places:
            name, number = folding(row["Label"]), row["Interval"]
            shares[name][number] = shares[name].get(number, 0.0) + row["Share"]
            counts[name][number] = counts[name].get(number, 0) + row["Count"]
    traces = [
        {
            "type": "bar",
            "width": BAR,
            "name": plain(name),
            "x": [places[number] for number in of_label],
            "y": list(of_label.values()),
            "hovertext": [
                plain(f"{name}: {percent(share)}, {count(counts[name][x])} {level}, from {short_day(days[x])}")
                for x, share in of_label.items()
            ],
            "hoverinfo": "text",
            "marker": {"color": colours[name], "line": {"color": "--paper", "width": 0.75}},
        }
        for name, of_label in shares.items()
    ]
    last = max((n for of_label in shares.values() for n in of_label), default=None)
    beside, reached = [], 0.0
    for name, of_label in shares.items():
        share = of_label.get(last, 0.0) if last is not None else 0.0
        beside.append((name, f"{share:.0%}" if narrow else percent(share), reached + share / 2, share))
        reached += share
    at = places[last] if last is not None else 0
    labels = _beside(beside, (0.0, 1.0), height - top - bottom, at, narrow, colours)
    figure = drawn(traces, height, {"l": 38, "r": _room(beside, narrow), "t": top, "b": bottom}, labels)
    figure["layout"] |= {"barmode": "stack", "xaxis": _days(days, 3 if narrow else 6)}
    figure["layout"]["shapes"] = [_line(places[number] - 0.5) for number in changes if number in places]
    figure["layout"]["yaxis"] = _axis([0, 0.5, 1], ["0", "50%", "100%"], [0, 1])
    return figure


GROWTH = (
    ("Stayed", "Retained_Users", "--retained", 1),
    ("Came back", "Resurrected_Users", "--resurrected", 1),
    ("New", "New_Users", "--new", 1),
    ("Left", "Churned_Users", "--churned", -1),
)


def growth(rows: Rows, days: Mapping[int, date], narrow: bool) -> Figure:
    """Users of each interval above the line, by how they came to be there, and below it those who left."""
    height, top, bottom = 340, 10, 40
    places = {number: place for place, number in enumerate(days)}
    totals = [row for row in rows if row["Label"] is None and row["Interval"] in places]
    traces = [
        {
            "type": "bar",
            "width": BAR,
            "name": name,
            "x": [places[row["Interval"]] for row in totals],
            "y": [sign * row[column] for row in totals],
            "hovertext": [f"{name}: {count(row[column])}, from {short_day(days[row['Interval']])}" for row in totals],
            "hoverinfo": "text",
            "marker": {"color": colour, "line": {"color": "--paper", "width": 0.75}},
        }
        for name, column, colour, sign in GROWTH
    ]
    most = max((row["Active_Users"] for row in totals), default=0)
    least = max((row["Churned_Users"] for row in totals), default=0)
    step = nice_step(max(most, least, 1) / 3)
    low, high = -math.ceil(least / step * 1.02) * step if least else 0, max(most * 1.06, step)
    low = max(low, -least * 1.25)
    ticks = [step * i for i in range(-int(least // step), int(most // step) + 1)]
    latest = totals[-1] if totals else None
    beside, reached = [], 0.0
    for name, column, _, sign in GROWTH if latest else ():
        size = latest[column] if latest else 0
        middle = -size / 2 if sign < 0 else reached + size / 2
        beside.append((name, count(size), middle, size))
        reached += max(sign * size, 0)
    beside = [beside[-1], *beside[:-1]] if beside else []
    at = places[latest["Interval"]] if latest else 0
    colours = {name: colour for name, _, colour, _ in GROWTH}
    labels = _beside(beside, (low, high), height - top - bottom, at, narrow, colours)
    figure = drawn(traces, height, {"l": 48, "r": _room(beside, narrow), "t": top, "b": bottom}, labels)
    figure["layout"] |= {"barmode": "relative", "xaxis": _days(days, 3 if narrow else 8)}
    figure["layout"]["yaxis"] = _axis(ticks, [count(abs(tick)) for tick in ticks], [low, high]) | {
        "zeroline": True,
        "zerolinecolor": "--ink",
        "zerolinewidth": 1,
        "zerolinelayer": "above traces",
    }
    return figure


def forecast(rows: Rows, folding: Folding, narrow: bool) -> Figure:
    """Per label the users now as a ring, the forecast as a dot and its 90 % interval as a line. Best label on top."""
    known = [r for r in rows if r["Label"] in {*folding.shown, ABSENT} and r["Forecast_Users"] is not None]
    shown = sorted(known, key=lambda row: row["Label_Order"])
    colours = label_variables(folding)
    height = 34 * len(shown) + 64
    traces: list[Figure] = []
    for place, row in enumerate(shown):
        expected, low, high = row["Forecast_Users"], row["Lower_Users"], row["Upper_Users"]
        colour = colours[row["Label"]]
        now = count(row["User_Count"])
        said = plain(f"{row['Label']}: {now} now, {count(expected)} expected ({count(low)} to {count(high)})")
        common = {"type": "scatter", "hoverinfo": "text", "hovertext": said}
        traces += [
            {**common, "mode": "lines", "x": [low, high], "y": [place, place], "line": {"color": colour, "width": 6}},
            {
                **common,
                "mode": "markers",
                "x": [row["User_Count"]],
                "y": [place],
                "marker": {
                    "size": 13,
                    "symbol": "circle-open",
                    "color": "--ink",
                    "line": {"width": 1.75, "color": "--ink"},
                },
            },
            {
                **common,
                "mode": "markers",
                "x": [expected],
                "y": [place],
                "marker": {"size": 9, "color": colour, "line": {"color": "--ink", "width": 1.25}},
            },
        ]
    most = max((max(r["Upper_Users"], r["User_Count"]) for r in shown), default=1)
    step = nice_step(max(most, 1) / (3 if narrow else 6))
    ticks = [step * i for i in range(int(most // step) + 2)]
    figure = drawn(traces, height, {"l": 104 if narrow else 150, "r": 16, "t": 8, "b": 34}, [])
    figure["layout"]["xaxis"] = _axis(ticks, [count(tick) for tick in ticks], [-0.03 * most, most * 1.08]) | {
        "showgrid": True
    }
    names = [plain(shortened(row["Label"], narrow)) for row in shown]
    figure["layout"]["yaxis"] = _axis(list(range(len(shown))), names, [-0.6, len(shown) - 0.4])
    figure["layout"]["yaxis"] |= {"showgrid": False, "tickfont": {"size": 13, "color": "--ink"}}
    return figure


def plain(text: str) -> str:
    """Text that Plotly shows as it is: it takes some tags and entities for formatting."""
    return html.escape(text, quote=False)


def shortened(name: str, narrow: bool) -> str:
    """A name that fits beside a chart, without its middle where it is long: names of a kind differ at their ends. The
    chart's table has the whole."""
    most = 16 if narrow else 22
    if len(name) <= most:
        return name
    return f"{name[: most - 7].rstrip()}…{name[-6:].lstrip()}"


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that is not less."""
    power = 10.0 ** math.floor(math.log10(max(least, 1)))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least - 1e-9)


def spread(wanted: Sequence[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Ascending positions moved as little as it takes to stand ``gap`` apart between two bounds; closer than that where
    there is no room."""
    if not wanted:
        return []
    gap = min(gap, (highest - lowest) / len(wanted))
    placed = []
    at = lowest - gap / 2
    for position in wanted:
        at = max(position, at + gap)
        placed.append(at)
    at = highest + gap / 2
    for i in range(len(placed) - 1, -1, -1):
        at = min(placed[i], at - gap)
        placed[i] = at
    return placed


def annotation(text: str, **where: Any) -> Figure:
    """Text in a figure, without arrow."""
    return {"text": text, "showarrow": False, "font": {"size": 12, "color": "--ink"}, **where}


def _line(x: float) -> Figure:
    """A dashed line from the bottom of a figure to a little above its top."""
    line = {"color": "--ink", "width": 2, "dash": "4px,3px"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1.03, "line": line}


def _beside(
    labels: Sequence[tuple[str, str, float, float]],
    bounds: tuple[float, float],
    pixels: int,
    last: int,
    narrow: bool,
    colours: Mapping[str, str],
) -> list[Figure]:
    """Direct labels at the right of the last bar, (name, number, middle, size) from the bottom up, none over another.
    What has no size has no label."""
    there = [label for label in labels if label[3] > 0]
    low, high = bounds
    unit = (high - low) / pixels
    places = spread([label[2] for label in there], LINE * unit, low + LINE * unit / 2, high - LINE * unit / 2)
    found = []
    for (name, number, _, _), y in zip(there, places, strict=True):
        text = f"<b>{number}</b> {plain(shortened(name, narrow))}"
        at = {"xref": "x", "yref": "y", "x": last + 0.5, "y": y, "xanchor": "left", "yanchor": "middle"}
        found.append(annotation("■", **at, xshift=3) | {"font": {"size": 11, "color": colours[name]}})
        found.append(annotation(text, **at, xshift=15, align="left"))
    return found


def _room(beside: Sequence[tuple[str, str, float, float]], narrow: bool) -> int:
    """The width that direct labels take, in pixels."""
    texts = [f"{number} {shortened(name, narrow)}" for name, number, _, size in beside if size > 0]
    return 24 + round(6.7 * max(map(len, texts), default=0))


def drawn(traces: Sequence[Figure], height: int, margin: Mapping[str, int], annotations: Sequence[Figure]) -> Figure:
    """Traces as a figure of the page's look: no legend, no zoom, nothing behind it."""
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
            "annotations": list(annotations),
        },
    }


def _axis(ticks: Sequence[float], names: Sequence[str], bounds: Sequence[float]) -> Figure:
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
    }


def _days(days: Mapping[int, date], most: int) -> Figure:
    """The axis of intervals: a few first days, the last one among them, the year where it begins or changes."""
    firsts = list(days.values())
    places = len(firsts)
    every = max(1, math.ceil(places / most))
    chosen = [i for i in range(places) if (places - 1 - i) % every == 0]
    names, year = [], None
    for i in chosen:
        names.append(short_day(firsts[i]) + (f"<br>{firsts[i].year}" if firsts[i].year != year else ""))
        year = firsts[i].year
    axis = _axis(chosen, names, [-0.5, max(places, FEWEST_SLOTS) - 0.5])
    return axis | {"showgrid": False}
