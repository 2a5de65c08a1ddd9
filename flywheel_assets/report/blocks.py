"""Blocks: what the sections of a page are put together from, as data. How they look is the templates' business.

Every string is text and is escaped by the template, whatever it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from flywheel_assets.report.curves import Curve
from flywheel_assets.report.figure import Figure
from flywheel_assets.report.numbers import count, percent
from flywheel_assets.tables.labels import ABSENT

DARK_FROM = 0.795
"""The share from which a cell is so dark that its text is light: where black and white are read equally well on it."""

STRIP_HEIGHT = 16


@dataclass(frozen=True)
class Track:
    """A bar in a box that goes from 0 to 1: ``start`` and ``end`` of the bar, and of the line over it, if there is one,
    ``low`` and ``high``. ``colour`` is a CSS variable; ``wide``: as wide as there is room."""

    start: float
    end: float
    low: float | None = None
    high: float | None = None
    colour: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Strip:
    """A bar per day: the path of an SVG, upside down, in a box that is ``width`` wide and STRIP_HEIGHT high."""

    path: str
    width: int


@dataclass(frozen=True)
class Cell:
    """A cell that is more than text: with a second, smaller text, a link, the state of a check, or a bar in front.
    ``bar`` is the bar's length, from -1 to 1, ``colour`` the CSS variable of its colour; a ``track`` is a bar with a
    place. ``lines`` stand below each other in place of the text."""

    text: str
    small: str = ""
    href: str = ""
    state: str = ""
    bar: float | None = None
    colour: str = ""
    track: Track | None = None
    lines: Sequence[str] = ()
    strip: Strip | None = None


@dataclass(frozen=True)
class Text:
    """A paragraph: ``lead`` says what the section shows, ``missing`` what it lacks, ``note`` is small."""

    kind: ClassVar[str] = "paragraph"
    text: str
    role: Literal["lead", "note", "missing"] = "lead"


@dataclass(frozen=True)
class Heading:
    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Table:
    """A table in a box that scrolls by itself. The first ``texts`` columns are text, the first of them names the row;
    the others are numbers, written out and aligned right. ``folded``: what it is called while it is closed, as it then
    is until somebody opens it."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    texts: int = 1
    folded: str = ""
    look: Literal["", "waterfall", "strips", "rules", "rates"] = ""


@dataclass(frozen=True)
class Filter:
    """A choice among the ``values`` of a column, which is counted from 0."""

    name: str
    column: int
    values: Sequence[str]


@dataclass(frozen=True)
class Finder:
    """A table of ``things`` that a reader searches by the column that names the row, the second one, and narrows by
    filters. Every row is there without a script. On a narrow screen a row is a card."""

    kind: ClassVar[str] = "finder"
    caption: str
    search: str
    things: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    filters: Sequence[Filter]


@dataclass(frozen=True)
class Shade:
    """A cell of a square: ``share`` of its row."""

    users: str
    percent: str
    share: float

    @property
    def dark(self) -> bool:
        return self.share >= DARK_FROM


@dataclass(frozen=True)
class Square:
    """Moves as a square: one row per label before, one column per label now, with the sum of each. A cell is darker the
    larger its share of its row; None is a cell without users. Each row ends with its sum, and so do ``sums``."""

    kind: ClassVar[str] = "square"
    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Shade | None], str]]
    sums: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A chart with its numbers as a table. ``sentence``: what it shows, for people who do not see it."""

    kind: ClassVar[str] = "chart"
    identity: str
    title: str
    sentence: str
    wide: Figure
    narrow: Figure
    numbers: Table
    note: str = ""


@dataclass(frozen=True)
class Pair:
    """Charts side by side where there is room."""

    kind: ClassVar[str] = "pair"
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Curves:
    """Curves with their numbers, side by side where there is room."""

    kind: ClassVar[str] = "curves"
    items: Sequence[tuple[Curve, Table]]


@dataclass(frozen=True)
class Findings:
    """Results of checks: (state, title, sentence). A state is passed, warned or failed."""

    kind: ClassVar[str] = "findings"
    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean."""

    kind: ClassVar[str] = "terms"
    items: Sequence[tuple[str, str]]


Block = Text | Heading | Table | Finder | Square | Chart | Pair | Curves | Findings | Terms
Blocks = Sequence[Block | None]
"""None is a block that is left out."""


@dataclass(frozen=True)
class Section:
    """A section of a page: ``name`` is what the list of contents calls it."""

    identity: str
    name: str
    title: str
    blocks: Blocks


@dataclass(frozen=True)
class View:
    """What a link to ``#<identity>`` shows in place of the page's sections. ``links``: texts and addresses."""

    identity: str
    title: str
    links: Sequence[tuple[str, str]]
    blocks: Blocks


@dataclass(frozen=True)
class Headline:
    """A number with its name, its change, what it means, and its history for a small line beside it."""

    name: str
    value: str
    change: str
    meaning: str
    history: Sequence[float | None]

    @property
    def line(self) -> Sequence[tuple[float, float]]:
        """The points of the line in a box of 100 by 28; none where there are too few numbers for a line."""
        known = [(i, value) for i, value in enumerate(self.history) if value is not None]
        if len(known) < 3:
            return []
        low, high = min(value for _, value in known), max(value for _, value in known)
        last, height = len(self.history) - 1, (high - low) or 1.0
        return [(3 + 94 * i / last, 25 - 22 * (value - low) / height) for i, value in known]


def strip(counts: Mapping[int, int], days: int) -> Strip:
    """The strip of so many days. ``counts``: by day from 0, the oldest. A bar is as high as the root of its count, so
    that one event beside a hundred is still seen."""
    most = max(counts.values(), default=0)
    bars = (
        f"M{day}.5 0v{max(3, round(STRIP_HEIGHT * (count / most) ** 0.5))}"
        for day, count in sorted(counts.items())
        if count > 0
    )
    return Strip("".join(bars), days)


def square(caption: str, order: Sequence[str], users: Mapping[tuple[str, str], int], before: str, now: str) -> Square:
    """The square of the users of each pair of labels, ``order`` from worst to best, the best first, Absent last; labels
    without users are left out. ``before`` and ``now`` name the two intervals."""
    labels = [*reversed(order), ABSENT]
    rows = {origin: sum(users.get((origin, to), 0) for to in labels) for origin in labels}
    columns = {to: sum(users.get((origin, to), 0) for origin in labels) for to in labels}
    shown = [label for label in labels if columns[label]]

    def shade(pair: tuple[str, str], whole: int) -> Shade | None:
        number = users.get(pair, 0)
        return Shade(count(number), percent(number / whole), number / whole) if number else None

    return Square(
        caption,
        f"{before} ↓ · {now} →",
        shown,
        [
            (origin, [shade((origin, to), whole) for to in shown], count(whole))
            for origin, whole in rows.items()
            if whole
        ],
        [*(count(columns[to]) for to in shown), count(sum(columns.values()))],
    )
