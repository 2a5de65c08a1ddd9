"""Blocks: what the sections of a page are put together from, as data. How they look is the templates' business.

Every string is text and is escaped by the template, whatever it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from flywheel_assets.report.figure import Figure
from flywheel_assets.report.numbers import count, percent
from flywheel_assets.tables.labels import ABSENT

DARK_FROM = 0.795
"""The share from which a cell is so dark that its text is light: where black and white are read equally well on it."""


@dataclass(frozen=True)
class Cell:
    """A cell that is more than text: with a second, smaller text, a link, the state of a check, or a bar in front.
    ``bar`` is the bar's length, from -1 to 1, ``colour`` the CSS variable of its colour."""

    text: str
    small: str = ""
    href: str = ""
    state: str = ""
    bar: float | None = None
    colour: str = ""


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
class Findings:
    """Results of checks: (state, title, sentence). A state is passed, warned or failed."""

    kind: ClassVar[str] = "findings"
    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean."""

    kind: ClassVar[str] = "terms"
    items: Sequence[tuple[str, str]]


Block = Text | Heading | Table | Square | Chart | Pair | Findings | Terms
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
