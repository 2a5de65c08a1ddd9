"""What a classifier has to beat: the rate of the positive class, and the best rule on one input."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.classifier_inputs import InputEncoding

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MAJORITY, ONE_RULE = "majority", "one rule"

MOST_CUTS = 50


@dataclass(frozen=True)
class OneRule:
    """Rows whose number in a ``place`` is above ``cut``, or at most ``cut`` where it is ``below``; null is neither."""

    place: str
    cut: float
    below: bool
    inside: float
    outside: float

    @property
    def text(self) -> str:
        """``PageValues > 0``."""
        name, is_value, _ = self.place.partition("=")
        if is_value:
            return f"{name} is {'not ' if self.below else ''}{self.place.partition('=')[2]}"
        return f"{self.place} {'<=' if self.below else '>'} {self.cut:g}"

    def holds(self, encoded: npt.NDArray[np.float32], encoding: InputEncoding) -> BoolArray:
        """For which rows [n]."""
        column = encoded[:, encoding.places.index(self.place)]
        with np.errstate(invalid="ignore"):
            return np.asarray(column <= self.cut if self.below else column > self.cut)

    def probability(self, holds: BoolArray) -> FloatArray:
        """The rate of the positive class where it holds and where it does not, of the rows that it was found on."""
        return np.where(holds, self.inside, self.outside)


def one_rule(encoded: npt.NDArray[np.float32], target: BoolArray, encoding: InputEncoding) -> OneRule:
    """The rule with the highest F1 on these rows (Holte 1993, with two branches)."""
    best, found = -1.0, OneRule(encoding.places[0], 0.0, False, 0.0, 0.0)
    positives = target.sum()
    for number, place in enumerate(encoding.places):
        column = encoded[:, number]
        known = ~np.isnan(column)
        values = np.unique(column[known])
        if len(values) < 2:
            continue
        cuts = np.unique(values[np.linspace(0, len(values) - 2, min(MOST_CUTS, len(values) - 1)).astype(int)])
        order = np.argsort(column[known], kind="stable")
        sorted_values, hits = column[known][order], np.append(0, target[known][order].cumsum())
        at = np.searchsorted(sorted_values, cuts, "right")
        low, rows = hits[at], known.sum()
        for below, hit, size in ((True, low, at), (False, hits[-1] - low, rows - at)):
            f1 = 2 * hit / np.maximum(size + positives, 1)
            top = int(f1.argmax())
            if f1[top] > best:
                best = float(f1[top])
                rest = len(target) - size[top]
                inside = hit[top] / max(1, size[top])
                outside = (positives - hit[top]) / max(1, rest)
                found = OneRule(place, float(cuts[top]), below, float(inside), float(outside))
    return found
