"""Folding: which labels a chart shows by name when there are too many, and which stand together as the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_assets.tables.labels import ABSENT

MOST_LABELS = 12
"""Nobody can tell more than a dozen colours apart."""


@dataclass(frozen=True)
class Folding:
    """``name`` of what the labels are of, ``shown`` and ``folded`` labels, each from worst to best."""

    name: str
    shown: tuple[str, ...]
    folded: tuple[str, ...]

    @property
    def other(self) -> str:
        """The name of the folded labels together."""
        return f"{len(self.folded):,} other labels"

    @property
    def names(self) -> tuple[str, ...]:
        """All that a chart shows, the others first, which have no place in the order."""
        return (self.other, *self.shown) if self.folded else self.shown

    def __call__(self, label: str) -> str:
        """What a label is shown as; Absent stays."""
        return label if label == ABSENT or label in self.shown else self.other


def fold(name: str, order: Sequence[str], weights: Mapping[str, float], most: int = MOST_LABELS) -> Folding:
    """Show the ``most`` labels of the largest weight, in ``order``; of equal weights the first in order. All are shown
    where there are no more, and one too many is as well: a name takes no more room than "1 other label"."""
    if len(order) <= most + 1:
        return Folding(name, tuple(order), ())
    largest = sorted(order, key=lambda label: -weights.get(label, 0))[:most]
    kept = set(largest)
    return Folding(name, tuple(x for x in order if x in kept), tuple(x for x in order if x not in kept))
