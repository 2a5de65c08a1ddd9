"""The comparison of a candidate with the champion on the same rows: its figures. Scoring the rows is `holdout`, what
speaks against a promotion is `promotion`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.bootstrap import Estimate, estimate, resampled, sums_by_user

BETTER_WHEN_HIGHER = ("accuracy", "macro F1")
METRICS = (*BETTER_WHEN_HIGHER, "log loss")
"""Lower log loss is better: probabilities are exported, and an equally accurate model can give worse ones."""


@dataclass(frozen=True)
class Metric:
    """One of METRICS of both models, and candidate less champion on the same draws; log loss in nats. ``champion`` and
    ``difference`` are None where the champion cannot be compared."""

    name: str
    candidate: Estimate
    champion: Estimate | None
    difference: Estimate | None

    @property
    def worse(self) -> bool:
        """Beyond noise: the interval of the difference lies on the wrong side of 0."""
        if self.difference is None:
            return False
        return self.difference.high < 0 if self.name in BETTER_WHEN_HIGHER else self.difference.low > 0


@dataclass(frozen=True)
class OnHoldout:
    """The figures of the model whose rows are called ``level``, on that many ``rows`` of that many different ``users``.
    ``not_comparable`` says why the champion has none, empty where it has."""

    level: str
    rows: int
    users: int
    metrics: tuple[Metric, ...]
    not_comparable: str


@dataclass(frozen=True)
class Flips:
    """Rows of one interval by the champion's label, the candidate's label: ``pairs`` of these and a count, also those
    that agree. ``latest``: of the latest closed interval, where there is no truth; else of the holdout."""

    level: str
    interval: str
    latest: bool
    pairs: tuple[tuple[str, str, int], ...]

    @property
    def rows(self) -> int:
        return sum(count for _, _, count in self.pairs)

    @property
    def flipped(self) -> int:
        return sum(count for before, after, count in self.pairs if before != after)

    @property
    def share(self) -> float:
        """The share of rows whose label would flip; 0 without rows."""
        return self.flipped / self.rows if self.rows else 0.0

    def label_shares(self, order: Sequence[str] = ()) -> list[tuple[str, float, float]]:
        """Per label its share of the rows by the champion and by the candidate, in the order given, others after."""
        labels = dict.fromkeys([*order, *sorted({name for before, after, _ in self.pairs for name in (before, after)})])
        total = self.rows or 1
        return [
            (
                label,
                sum(count for before, _, count in self.pairs if before == label) / total,
                sum(count for _, after, count in self.pairs if after == label) / total,
            )
            for label in labels
        ]


@dataclass(frozen=True)
class ModelComparison:
    """``candidate`` and ``champion`` are versions of bundles. ``holdout``: what could be measured against truth.
    ``problems``: what could not be compared, in words, each with the reason. ``remarks``: what a reader of the figures
    has to know; they speak against nothing."""

    candidate: str
    champion: str
    holdout: tuple[OnHoldout, ...]
    flips: tuple[Flips, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it, with what follows from the pairs of the flips."""
        columns, flips = ("label", "champion", "candidate"), []
        for one in self.flips:
            follows = {"rows": one.rows, "flipped": one.flipped, "share": one.share}
            shares = [dict(zip(columns, line, strict=True)) for line in one.label_shares()]
            flips.append({**asdict(one), **follows, "label_shares": shares})
        return {**asdict(self), "flips": flips}

    def figures(self) -> dict[str, Any]:
        """What a promotion rests on, for its record: the metrics, and the share of the latest interval that would
        flip."""
        latest = {f"{one.level} of {one.interval}": one.share for one in self.flips if one.latest}
        return {"holdout": [asdict(one) for one in self.holdout], "flips": latest}

    def lines(self) -> Iterator[dict[str, Any]]:
        """The flips as rows of a table, one per interval and pair of labels."""
        for one in self.flips:
            for champion, candidate, count in one.pairs:
                yield {
                    "Level": one.level,
                    "Interval_Start": one.interval,
                    "Latest": one.latest,
                    "Champion_Label": champion,
                    "Candidate_Label": candidate,
                    "Count": count,
                }


def paired_metrics(
    true: npt.NDArray[np.int64],
    candidate: npt.NDArray[np.floating],
    champion: npt.NDArray[np.floating] | None,
    user: npt.NDArray[np.int64],
    resamples: int,
    seed: int,
) -> tuple[Metric, ...]:
    """METRICS of both models' probabilities [n, C], whose columns are in one order that ``true`` [n] are positions in.
    ``user`` [n] numbers the users from 0; at least one row."""
    users = int(user.max()) + 1
    models = [candidate] if champion is None else [candidate, champion]
    by_user = [sums_by_user(user, users, _statistics(true, model)) for model in models]
    draws = [_metrics(resampled(sums, resamples, seed)) for sums in by_user]
    values = [_metrics(sums.sum(axis=0, keepdims=True)) for sums in by_user]

    def of(model: int, name: str) -> Estimate:
        return estimate(values[model][name][0], draws[model][name])

    def difference(name: str) -> Estimate:
        return estimate(values[0][name][0] - values[1][name][0], draws[0][name] - draws[1][name])

    both = champion is not None
    return tuple(
        Metric(name, of(0, name), of(1, name) if both else None, difference(name) if both else None) for name in METRICS
    )


def _statistics(true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """[n, C * C + 1]: the row's cell of the confusion matrix, true before predicted, and its loss in nats."""
    rows, labels = probabilities.shape
    found = np.zeros((rows, labels * labels + 1))
    found[np.arange(rows), true * labels + probabilities.argmax(axis=1)] = 1
    of_true = probabilities[np.arange(rows), true].astype(float)
    found[:, -1] = -np.log(np.maximum(of_true, np.finfo(np.float32).tiny))
    return found


def _metrics(sums: npt.NDArray[np.float64]) -> Mapping[str, npt.NDArray[np.float64]]:
    """METRICS of sums [r, C * C + 1], each [r]. F1 of a label that is neither true nor predicted is 0."""
    labels = round((sums.shape[1] - 1) ** 0.5)
    confusion = sums[:, :-1].reshape(-1, labels, labels)
    hits = confusion.diagonal(axis1=1, axis2=2)
    total = confusion.sum(axis=(1, 2))
    of_either = confusion.sum(axis=1) + confusion.sum(axis=2)
    f1 = np.divide(2 * hits, of_either, out=np.zeros_like(hits), where=of_either > 0)
    values = (hits.sum(axis=1) / total, f1.mean(axis=1), sums[:, -1] / total)
    return dict(zip(METRICS, values, strict=True))
