"""Why one row gets its probability, in words."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.training.classifier.explanation import shapley_values

BESIDE = 100
"""A row is explained beside so many others at most."""

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

    @property
    def sum_sentence(self) -> str:
        """How the inputs add up."""
        total = sum(moved for *_, moved in self.moved)
        return (
            f"log-odds {self.base:+.3f} on average of {self.others:,} others, {total:+.3f} by these inputs: "
            f"{self.base + total:+.3f}"
        )


def explained(scorer: ClassifierScorer, row: pa.Table, others: pa.Table) -> Reasons:
    """The Shapley values of a table's one row beside up to BESIDE of ``others``, which may hold the row. Raises
    ArtefactError as :meth:`InputEncoding.encode`."""
    encoding = scorer.info.encoding
    encoded, background = encoding.encode(row), encoding.encode(others)
    found = shapley_values(scorer, encoded, background, SEED, BESIDE)
    order = np.argsort(-np.abs(found.values[0]), kind="stable")
    moved = tuple((found.names[i], _text(row[found.names[i]][0].as_py()), float(found.values[0, i])) for i in order)
    return Reasons(
        scorer.info.target,
        float(scorer.of_encoded(encoded)[0]),
        scorer.info.threshold,
        found.base,
        min(BESIDE, len(others)),
        moved,
    )


def _text(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _in_words(moved: float) -> str:
    times = float(np.exp(abs(moved)))
    if times < 1.05:
        return "hardly moves the odds"
    return f"{'raises' if moved > 0 else 'lowers'} the odds {times:.1f} times"
