import numpy as np
import pytest
from sklearn.metrics import f1_score

from flywheel_assets.errors import TrainingError
from flywheel_assets.training.classifier.threshold import ThresholdRule, choose_threshold

DRAW = np.random.default_rng(5)
PROBABILITY = DRAW.beta(1, 6, 2_000)
TARGET = DRAW.random(2_000) < PROBABILITY
FOLD = np.arange(2_000) % 5


def mean_over_folds(value: "callable", threshold: float) -> float:  # type: ignore[valid-type]
    return float(np.mean([value(TARGET[k == FOLD], PROBABILITY[k == FOLD] >= threshold) for k in range(5)]))


def test_for_f1_no_other_threshold_has_a_higher_mean_over_folds() -> None:
    found = choose_threshold(ThresholdRule(), PROBABILITY, TARGET, FOLD, 100)
    best = max(mean_over_folds(f1_score, one) for one in np.linspace(0.02, 0.6, 200))

    assert mean_over_folds(f1_score, found) >= best - 0.003


def test_for_costs_it_is_where_a_positive_is_worth_its_false_alarms() -> None:
    truth = np.random.default_rng(1).beta(1, 4, 200_000)
    target = np.random.default_rng(2).random(200_000) < truth
    found = choose_threshold(ThresholdRule("cost", 9), truth, target, np.arange(200_000) % 5, 100)

    assert found == pytest.approx(1 / 10, abs=0.02), "Elkan 2001: 1 / (1 + ratio)"


def test_for_a_capacity_so_many_of_an_interval_are_at_or_above_it() -> None:
    found = choose_threshold(ThresholdRule("capacity", 50), PROBABILITY, TARGET, FOLD, 1_000)

    assert (found <= PROBABILITY).sum() == 100
    everyone = choose_threshold(ThresholdRule("capacity", 5_000), PROBABILITY, TARGET, FOLD, 1_000)
    assert (everyone <= PROBABILITY).all()


def test_rows_that_are_tied_where_the_capacity_ends_are_not_decided_for() -> None:
    tied = np.repeat([0.1, 0.5, 0.9], [50, 45, 5])
    found = [choose_threshold(ThresholdRule("capacity", n), tied, tied > 0.3, FOLD[:100], 100) for n in (1, 20, 50, 99)]

    assert found == [0.9, 0.9, 0.5, 0.5]


def test_a_rule_is_read_as_it_is_typed() -> None:
    assert [ThresholdRule.parse(text) for text in ("f1", "Cost:5", "capacity:2000")] == [
        ThresholdRule(),
        ThresholdRule("cost", 5.0),
        ThresholdRule("capacity", 2000.0),
    ]
    assert str(ThresholdRule.parse("capacity:2000")) == "2,000 can be treated per interval"


@pytest.mark.parametrize("text", ["", "cost", "cost:0", "capacity:-1", "f2", "cost:five"])
def test_any_other_rule_is_refused(text: str) -> None:
    with pytest.raises(TrainingError, match="expected f1, cost:5"):
        ThresholdRule.parse(text)
