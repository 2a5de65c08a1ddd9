"""How well predicted probabilities fit true labels: the figures of the model card."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.registry.originals import Originals

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """``labels`` give the order of every tuple; ``confusion`` is counts, ``[true][predicted]``.

    Precision is 0 for a label that is never predicted, recall for one that never is true, F1 where both are 0.
    ``log_loss`` is in nats. ``calibration_error`` is the expected calibration error of the predicted label: the mean
    distance between the largest probability and the share of hits, over 10 bins of equal mass.
    """

    labels: tuple[str, ...]
    observations: int
    accuracy: float
    log_loss: float
    calibration_error: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def macro_f1(self) -> float:
        """The mean of the labels' F1, each label counting alike."""
        return sum(self.f1) / len(self.f1)


@dataclass(frozen=True)
class ReliabilityBin:
    """A tenth of the rows, alike in a probability: its mean, the share of rows where it came true, and how many."""

    probability: float
    share: float
    rows: int


def evaluate(
    true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating], labels: tuple[str, ...]
) -> Evaluation:
    """``true`` [n] are positions in ``labels``, ``probabilities`` [n, C] in their order. ValueError for no rows."""
    if len(true) == 0:
        raise ValueError("nothing to evaluate: no observations")
    predicted = probabilities.argmax(axis=1)
    count = len(labels)
    confusion = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)
    hits = confusion.diagonal()
    precision = _ratio(hits, confusion.sum(axis=0))
    recall = _ratio(hits, confusion.sum(axis=1))
    return Evaluation(
        labels=labels,
        observations=len(true),
        accuracy=float(hits.sum() / len(true)),
        log_loss=float(row_losses(true, probabilities).mean()),
        calibration_error=calibration_error(probabilities.max(axis=1), predicted == true),
        precision=_floats(precision),
        recall=_floats(recall),
        f1=_floats(_ratio(2 * precision * recall, precision + recall)),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def probabilities_in_order(model: Originals, table: pd.DataFrame, order: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """The model's for a table with its features, the columns from the worst label to the best."""
    columns = [model.labels.index(label) for label in order]
    return model.probabilities(table[list(model.features)].to_numpy(np.float64))[:, columns]


def positions(labels: "pd.Series[str]", order: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return pd.Index(order).get_indexer(pd.Index(labels)).astype(np.int64)


def row_losses(true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The log loss of each row, in nats, from 0. ``true`` [n] are positions in the order of the columns of
    ``probabilities`` [n, C]. A float32 probability may come out a little above 1: it counts as 1."""
    of_true = probabilities[np.arange(len(true)), true].astype(float)
    return np.abs(np.log(np.clip(of_true, np.finfo(np.float32).tiny, 1.0)))


def calibration_error(confidence: npt.NDArray[np.floating], hit: npt.NDArray[np.bool_]) -> float:
    """The expected calibration error (Naeini 2015), in equal-mass bins of ``confidence``."""
    gaps = [one.rows * abs(one.probability - one.share) for one in reliability(confidence, hit)]
    return float(sum(gaps) / len(confidence))


def reliability(confidence: npt.NDArray[np.floating], hit: npt.NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """10 bins of equal mass, from the least confidence to the largest; fewer for fewer rows."""
    bins = np.array_split(np.argsort(confidence, kind="stable"), CALIBRATION_BINS)
    return tuple(
        ReliabilityBin(float(confidence[rows].mean(dtype=float)), float(hit[rows].mean()), len(rows))
        for rows in bins
        if len(rows)
    )


def label_reliability(
    true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]
) -> tuple[tuple[ReliabilityBin, ...], ...]:
    """Of each label against the rest, in the order of the columns: the bins of its probability."""
    return tuple(reliability(probabilities[:, label], true == label) for label in range(probabilities.shape[1]))


def label_calibration_errors(true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """The expected calibration error of each label against the rest, in the order of the columns."""
    return tuple(calibration_error(probabilities[:, label], true == label) for label in range(probabilities.shape[1]))


def transition_shares(previous: npt.NDArray[np.int64], current: npt.NDArray[np.int64], labels: int) -> np.ndarray:
    """``[from, to]``, rows summing to 1, of users whose label is position ``previous`` and then ``current``; a row
    without users is NaN."""
    counts = np.bincount(previous * labels + current, minlength=labels * labels).reshape(labels, labels)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
