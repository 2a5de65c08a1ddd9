"""A chart of expected numbers: per label the number now, the expected one, and a range that it should lie in."""

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_assets.report.figure import Figure, axis, figure, nice_step, plain, shortened
from flywheel_assets.report.numbers import count


@dataclass(frozen=True)
class Expected:
    """One line of the chart. ``colour`` is a CSS variable."""

    name: str
    colour: str
    now: float
    expected: float
    low: float
    high: float


def ranges(lines: Sequence[Expected], narrow: bool) -> Figure:
    """``lines`` from the bottom up: a ring for now, a dot for the expected number, a line for the range."""
    most = max((max(line.high, line.now) for line in lines), default=1)
    step = nice_step(max(most, 1) / (3 if narrow else 6))
    ticks = [step * i for i in range(int(most // step) + 2)]
    return figure(
        [trace for place, line in enumerate(lines) for trace in _traces(place, line)],
        34 * len(lines) + 64,
        {"l": 104 if narrow else 150, "r": 16, "t": 8, "b": 34},
        xaxis=axis(ticks, [count(tick) for tick in ticks], (-0.03 * most, most * 1.08)),
        yaxis=axis(
            list(range(len(lines))),
            [plain(shortened(line.name, narrow)) for line in lines],
            (-0.6, len(lines) - 0.4),
            showgrid=False,
            tickfont={"size": 13, "color": "--ink"},
        ),
    )


def _traces(place: int, line: Expected) -> list[Figure]:
    shown = f"{line.name}: {count(line.now)} now, {count(line.expected)} expected"
    common = {
        "type": "scatter",
        "hoverinfo": "text",
        "hovertext": plain(f"{shown} ({count(line.low)} to {count(line.high)})"),
    }
    ring = {"size": 13, "symbol": "circle-open", "color": "--ink", "line": {"width": 1.75, "color": "--ink"}}
    dot = {"size": 9, "color": line.colour, "line": {"color": "--ink", "width": 1.25}}
    span = {
        "mode": "lines",
        "x": [line.low, line.high],
        "y": [place, place],
        "line": {"color": line.colour, "width": 6},
    }
    return [
        common | span,
        common | {"mode": "markers", "x": [line.now], "y": [place], "marker": ring},
        common | {"mode": "markers", "x": [line.expected], "y": [place], "marker": dot},
    ]
