"""Drift between two samples of counts: how far they differ, whether noise explains it, and what to call it.

Sources: the population stability index and its bands as used in credit scoring (Siddiqi 2006); its distribution without
drift, (1/N + 1/M) * chi-square with B - 1 degrees of freedom, from Yurdakul and Naranjo 2020; Jensen-Shannon distance
from Endres and Schindelin 2003, base 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

Band = Literal["stable", "moderate", "major"]
MODERATE_PSI = 0.10
MAJOR_PSI = 0.25
CONFIDENCE = 0.95

Counts = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Drift:
    """The comparison of a sample with the one expected. ``alert`` needs a band above stable and a PSI beyond noise."""

    psi: float
    noise_limit: float
    jensen_shannon: float
    band: Band

    @property
    def alert(self) -> bool:
        return self.band != "stable" and self.psi > self.noise_limit


@dataclass(frozen=True)
class FeatureBaseline:
    """A numeric feature on the baseline: ``len(counts) == len(edges) + 1`` bins, see :func:`bin_edges`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Baseline:
    """A model's held-out training data: rows per *predicted* label, and its features in bins."""

    labels: Mapping[str, int]
    features: Mapping[str, FeatureBaseline]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Baseline":
        features = {
            name: FeatureBaseline(tuple(map(float, f["edges"])), tuple(map(int, f["counts"])))
            for name, f in value["features"].items()
        }
        return cls(dict(value["labels"]), features)


def compare(actual: Counts, expected: Counts) -> Drift | None:
    """The drift of ``actual`` from ``expected``, counts of the same bins in one order. None when either is empty."""
    n, m = int(np.sum(actual)), int(np.sum(expected))
    if n == 0 or m == 0:
        return None
    value = psi(actual, expected)
    return Drift(value, noise_limit(n, m, len(actual)), jensen_shannon_distance(actual, expected), band(value))


def psi(actual: Counts, expected: Counts) -> float:
    """sum((a - e) * ln(a / e)) over shares, each floored at half an observation (0.5 / n) of its own sample."""
    a, e = _floored_shares(actual), _floored_shares(expected)
    return float(np.sum((a - e) * np.log(a / e)))


def noise_limit(n: int, m: int, bins: int) -> float:
    """The PSI that samples of ``n`` and ``m`` from one distribution over ``bins`` stay under 95 times in 100."""
    from scipy.special import chdtri  # a tenth of a second to import, and only checks need it

    return float((1 / n + 1 / m) * chdtri(bins - 1, 1 - CONFIDENCE)) if bins > 1 else 0.0


def jensen_shannon_distance(actual: Counts, expected: Counts) -> float:
    """The square root of the Jensen-Shannon divergence in base 2: 0 for equal shares, 1 for disjoint ones."""
    p, q = _shares(actual), _shares(expected)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def band(value: float) -> Band:
    """Under 0.10 stable, to 0.25 moderate, above it major."""
    if value < MODERATE_PSI:
        return "stable"
    return "moderate" if value <= MAJOR_PSI else "major"


def bin_edges(values: npt.ArrayLike) -> tuple[float, ...]:
    """Upper edges (included) of all bins but the last, which is open: the minimum, then the unique deciles above it.

    The minimum is a bin of its own because plain deciles of a rare feature collapse into one bin, and its PSI would
    always be 0. Raises ValueError for no values.
    """
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError("bins need at least one value")
    # Deciles that are values: one between two whole numbers would make a bin that nothing can fall into.
    deciles = np.quantile(array, np.arange(0.1, 0.95, 0.1), method="inverted_cdf")
    return tuple(float(v) for v in np.unique(np.append(deciles, array.min())))


def bin_counts(values: npt.ArrayLike, edges: Sequence[float]) -> tuple[int, ...]:
    """How many values lie in each bin of :func:`bin_edges`: ``len(edges) + 1`` counts."""
    index = np.searchsorted(np.asarray(edges), np.asarray(values, dtype=float), side="left")
    return tuple(int(c) for c in np.bincount(index, minlength=len(edges) + 1))


def cumulative_bin_counts(column: ir.NumericColumn, edges: Sequence[float]) -> list[ir.IntegerScalar]:
    """The aggregates ``count(column <= edge)``, one per edge: with the row count they give :func:`bin_counts`."""
    return [(column <= edge).sum() for edge in edges]


def _shares(counts: Counts) -> npt.NDArray[np.float64]:
    array = np.asarray(counts, dtype=float)
    return array / array.sum()


def _floored_shares(counts: Counts) -> npt.NDArray[np.float64]:
    return np.maximum(_shares(counts), 0.5 / float(np.sum(counts)))


def _relative_entropy(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    some = p > 0
    return float(np.sum(p[some] * np.log2(p[some] / q[some])))
