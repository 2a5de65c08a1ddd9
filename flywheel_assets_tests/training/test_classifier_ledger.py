"""What a ledger says of predictions, as scikit-learn says it too, and how often it cries wolf."""

import numpy as np
import pytest
from sklearn import metrics

from flywheel_assets.tables.drift import FeatureBaseline, bin_counts, bin_edges
from flywheel_assets.training.classifier.ledger import (
    COLUMNS,
    RELIABILITY_COLUMNS,
    Judged,
    ledger_row,
    reliability_rows,
    verdicts,
)


def drawn(random: np.random.Generator, users: int = 300, spread: float = 1.0, off: float = 0.0) -> Judged:
    """Rows of users whose own level is as large as all else; outcomes follow the probabilities, ``off`` in log-odds."""
    user = np.repeat(np.arange(users), random.integers(1, 9, users))
    odds = -2 + spread * (random.normal(size=users)[user] + 0.5 * random.normal(size=len(user)))
    chance, true = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-odds - off))
    return Judged(chance, chance >= 0.25, random.random(len(user)) < true, user)


def baseline(random: np.random.Generator) -> FeatureBaseline:
    probability = drawn(random, 2_000).probability
    edges = bin_edges(probability)
    return FeatureBaseline(edges, bin_counts(probability, edges))


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def test_figures_are_those_of_scikit_learn(random: np.random.Generator) -> None:
    judged = drawn(random)
    row = ledger_row(judged, "v1", baseline(random))
    target, probability = judged.target, judged.probability
    assert list(row) == [column.name for column in COLUMNS]
    assert (row["predictions"], row["users"], row["positives"]) == (len(target), 300, target.sum())
    assert row["brier"] == pytest.approx(metrics.brier_score_loss(target, probability))
    assert row["brier_skill"] == pytest.approx(1 - row["brier"] / target.var())
    assert row["roc_auc"] == pytest.approx(metrics.roc_auc_score(target, probability))
    assert row["pr_auc"] == pytest.approx(metrics.average_precision_score(target, probability))
    assert row["precision"] == pytest.approx(metrics.precision_score(target, judged.decision))
    assert row["recall"] == pytest.approx(metrics.recall_score(target, judged.decision))
    bins = reliability_rows(judged)
    assert list(bins[0]) == [column.name for column in RELIABILITY_COLUMNS]
    assert sum(one["positives"] for one in bins) == target.sum()
    error = sum(one["predictions"] * abs(one["mean_probability"] - one["rate"]) for one in bins) / len(target)
    assert row["ece"] == pytest.approx(error)


def test_predictions_that_hold_raise_no_alarm_and_others_do(random: np.random.Generator) -> None:
    """Of users whose rows resemble each other."""
    base, alarms, plain = baseline(random), np.zeros(2), 0
    for _ in range(40):
        row = ledger_row(drawn(random), "v1", base)
        alarms += [row["psi"] > row["psi_noise_limit"], row["ece"] > row["ece_noise_limit"]]
        plain += row["psi"] > row["psi_noise_limit"] / 2
    assert max(alarms) <= 6
    assert plain > 12  # limits for independent rows
    shifted = verdicts([ledger_row(drawn(random, off=1.0), "v1", base)])
    assert [one.state for one in shifted] == ["passed", "warned"]
    spread, _ = verdicts([ledger_row(drawn(random, spread=2.0), "v1", base)])
    assert spread.state == "warned"


def test_one_outcome_alone_and_no_prediction_have_no_ranking(random: np.random.Generator) -> None:
    judged = Judged(np.array([0.1, 0.2]), np.array([False, False]), np.array([False, False]), np.array([7, 7]))
    row = ledger_row(judged, "v1", None)
    assert [row[name] for name in ("roc_auc", "pr_auc", "brier_skill", "precision", "recall", "psi", "drift")] == [
        None
    ] * 7
    assert (row["users"], row["decisions"], row["mean_probability"]) == (1, 0, pytest.approx(0.15))
    assert [one.state for one in verdicts([row])] == ["passed", "passed"]
    none = Judged(np.array([]), np.array([], bool), np.array([], bool), np.array([], np.int64))
    assert ledger_row(none, "v1", None)["rate"] is None
    assert reliability_rows(none) == []
    assert [one.state for one in verdicts([])] == ["passed", "passed"]
