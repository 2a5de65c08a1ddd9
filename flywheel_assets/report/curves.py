"""Curves: a line on two axes of shares, drawn as SVG in the page itself, so that it needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flywheel_assets.report.numbers import percent

Point = tuple[float, float]

WIDTH, HEIGHT = 360, 300
LEFT, RIGHT, TOP, BOTTOM = 50, 22, 30, 46
"""Around the box of the lines, in the units of the drawing: about a pixel each."""

BOX = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
"""Width and height of the box of the lines."""

STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
MOST_TICKS = 5


@dataclass(frozen=True)
class Curve:
    """``points``, and a dashed ``base`` to compare them with, from 0 to ``x_high`` and ``y_high``; what goes beyond is
    cut off. ``x`` and ``y`` are what is on the axes. ``dots``: with a dot at each point; ``spans``: vertical lines at x
    from low to high; ``mark``: a ring. ``sentence``: what it shows, for people who do not see it; ``note``: how to read
    it."""

    size: ClassVar[tuple[int, int]] = (WIDTH, HEIGHT)
    origin: ClassVar[tuple[int, int]] = (LEFT, TOP)
    box: ClassVar[tuple[int, int]] = BOX

    title: str
    sentence: str
    x: str
    y: str
    points: Sequence[Point]
    base: Sequence[Point]
    x_high: float = 1.0
    y_high: float = 1.0
    dots: bool = False
    spans: Sequence[tuple[float, float, float]] = ()
    mark: Point | None = None
    note: str = ""

    @property
    def line(self) -> str:
        """The points as SVG has them."""
        return self._line(self.points)

    @property
    def dashed(self) -> str:
        return self._line(self.base)

    @property
    def circles(self) -> Sequence[Point]:
        return [self._place(point) for point in self.points] if self.dots else []

    @property
    def bars(self) -> Sequence[tuple[float, float, float]]:
        """Per span its x, and the y of its ends."""
        ends = [(self._place((x, low)), self._place((x, high))) for x, low, high in self.spans]
        return [(x, bottom, top) for (x, bottom), (_, top) in ends]

    @property
    def ring(self) -> Point | None:
        return self._place(self.mark) if self.mark else None

    @property
    def x_ticks(self) -> Sequence[tuple[float, str]]:
        """Places and texts, within the box."""
        return [(self._place((value, 0))[0], share(value)) for value in ticks(self.x_high)]

    @property
    def y_ticks(self) -> Sequence[tuple[float, str]]:
        return [(self._place((0, value))[1], share(value)) for value in ticks(self.y_high)]

    def _place(self, point: Point) -> Point:
        """Of a point, in the box."""
        x, y = point
        return round(BOX[0] * x / self.x_high, 1), round(BOX[1] * (1 - y / self.y_high), 1)

    def _line(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in map(self._place, points))


def ticks(high: float) -> list[float]:
    """Round numbers from 0 to ``high``."""
    step = next((step for step in STEPS if high / step <= MOST_TICKS), STEPS[-1])
    return [step * number for number in range(int(high / step + 1e-9) + 1)]


def share(value: float) -> str:
    """``5%``, ``0.5%``."""
    text = percent(value)
    return text.replace(".0%", "%")
