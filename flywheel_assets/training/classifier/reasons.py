"""Why one row gets its probability, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.report import numbers as n
from flywheel_assets.training.classifier.explanation import shapley_values

BESIDE = 100
"""A row is explained beside so many others at most."""

LEAST_TIMES = 1.05
"""An input that changes the odds by less hardly moves them."""

SEED = 1


@dataclass(frozen=True)
class Reasons:
    """``moved``: per input its value as text, and how far it moves the row's log-odds from ``base``, those that the
    others have on average; the furthest first. They sum to those of ``probability``."""

    target: str
    probability: float
    threshold: float
    base: float
    others: int
    moved: tuple[tuple[str, str, float], ...]

    @property
    def sentence(self) -> str:
        """``21.3 % chance of a conversion, below the threshold of 25.0 %``."""
        side = "below" if self.probability < self.threshold else "at or above"
        return (
            f"{100 * self.probability:.1f} % chance of {self.target}, {side} the threshold of "
            f"{100 * self.threshold:.1f} %"
        )

    @property
    def lines(self) -> list[tuple[str, str, str, str]]:
        """Input, value, log-odds, and those in words."""
        return [(name, value, f"{moved:+.3f}", _in_words(moved)) for name, value, moved in self.moved]

    def sentences(self, most: int) -> list[str]:
        """``Page views so far: 3, raises the odds 1.6 times``: so many of them, where they move the odds."""
        told = [(name, value, moved) for name, value, moved in self.moved[:most] if _times(moved) >= LEAST_TIMES]
        return [f"{n.words(name)}: {value}, {_in_words(moved)}" for name, value, moved in told]

    @property
    def sum_sentence(self) -> str:
        """How the inputs add up."""
        total = sum(moved for *_, moved in self.moved)
        return (
            f"log-odds {self.base:+.3f} on average of {self.others:,} others, {total:+.3f} by these inputs: "
            f"{self.base + total:+.3f}"
        )


def explained(
    scorer: ClassifierScorer, rows: pa.Table, others: pa.Table, named: Mapping[str, Sequence[str]] | None = None
) -> list[Reasons]:
    """The Shapley values of each row beside up to BESIDE of ``others``, which may hold the row. ``named``: by input the
    words of its values 0, 1, ... Raises ArtefactError as :meth:`InputEncoding.encode`."""
    encoding = scorer.info.encoding
    encoded, background = encoding.encode(rows), encoding.encode(others)
    found = shapley_values(scorer, encoded, background, SEED, BESIDE)
    probability, words = scorer.of_encoded(encoded), named or {}

    def moved(place: int, row: Mapping[str, object]) -> tuple[tuple[str, str, float], ...]:
        values = found.values[place]
        order = np.argsort(-np.abs(values), kind="stable")
        return tuple(
            (name, _text(row[name], words.get(name, ())), float(values[i])) for i in order for name in [found.names[i]]
        )

    return [
        Reasons(
            scorer.info.target,
            float(probability[place]),
            scorer.info.threshold,
            found.base,
            min(BESIDE, len(others)),
            moved(place, row),
        )
        for place, row in enumerate(rows.select(found.names).to_pylist())
    ]


def _text(value: object, names: Sequence[str] = ()) -> str:
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if 0 <= value < len(names):
        return names[int(value)]
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def _in_words(moved: float) -> str:
    times = _times(moved)
    if times < LEAST_TIMES:
        return "hardly moves the odds"
    return f"{'raises' if moved > 0 else 'lowers'} the odds {times:.1f} times"


def _times(moved: float) -> float:
    return float(np.exp(abs(moved)))
