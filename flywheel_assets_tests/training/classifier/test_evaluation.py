import numpy as np
import pytest
from sklearn import metrics

from flywheel_assets.training.classifier.evaluation import METRICS, Evaluation, Scored, curves, evaluate, measure

DRAW = np.random.default_rng(7)
TRUTH = DRAW.beta(1, 5, 1_000)
TARGET = DRAW.random(1_000) < TRUTH
PROBABILITY = np.round(np.clip(TRUTH + DRAW.normal(0, 0.05, 1_000), 0.001, 0.999), 3)
DECISION = PROBABILITY >= 0.2
USER = np.arange(1_000) // 2


def test_every_figure_is_that_of_scikit_learn() -> None:
    found = measure(TARGET, Scored(PROBABILITY, DECISION), USER)
    brier = metrics.brier_score_loss(TARGET, PROBABILITY)
    expected = {
        "F1": metrics.f1_score(TARGET, DECISION),
        "precision": metrics.precision_score(TARGET, DECISION),
        "recall": metrics.recall_score(TARGET, DECISION),
        "ROC-AUC": metrics.roc_auc_score(TARGET, PROBABILITY),
        "PR-AUC": metrics.average_precision_score(TARGET, PROBABILITY),
        "Brier": brier,
        "RMSE": brier**0.5,
        "Brier skill": 1 - brier / (TARGET.mean() * (1 - TARGET.mean())),
        "accuracy": metrics.accuracy_score(TARGET, DECISION),
    }

    assert tuple(found) == METRICS
    assert {name: found[name].value for name in expected} == pytest.approx(expected)


def test_the_calibration_error_is_the_mean_gap_of_tenths_of_the_rows() -> None:
    order = np.argsort(PROBABILITY, kind="stable")
    gaps = [abs(TARGET[some].mean() - PROBABILITY[some].mean()) for some in np.array_split(order, 10)]

    assert measure(TARGET, Scored(PROBABILITY, DECISION), USER)["ECE"].value == pytest.approx(np.mean(gaps))


def test_lift_and_gain_count_the_rows_of_highest_probability() -> None:
    distinct = PROBABILITY + np.arange(1_000) * 1e-9
    found = measure(TARGET, Scored(distinct, DECISION), USER)
    top = np.argsort(-distinct)[:50]

    assert found["lift at 5 %"].value == pytest.approx(TARGET[top].mean() / TARGET.mean())
    assert found["gain at 5 %"].value == pytest.approx(TARGET[top].sum() / TARGET.sum())


def test_an_interval_draws_users_with_all_of_their_rows() -> None:
    """Rows that are there twice tell no more than once, when both are of one user."""
    once = measure(TARGET, Scored(PROBABILITY, DECISION), np.arange(1_000))
    of_user = np.tile(np.arange(1_000), 2)
    twice = measure(np.tile(TARGET, 2), Scored(np.tile(PROBABILITY, 2), np.tile(DECISION, 2)), of_user)
    apart = measure(np.tile(TARGET, 2), Scored(np.tile(PROBABILITY, 2), np.tile(DECISION, 2)), np.arange(2_000))

    def width(of: dict, name: str) -> float:  # type: ignore[type-arg]
        return of[name].estimate.high - of[name].estimate.low

    for name in ("F1", "PR-AUC"):
        assert width(twice, name) == pytest.approx(width(once, name), rel=0.02)
        assert width(apart, name) < 0.85 * width(once, name)


def test_nothing_decided_for_has_no_precision_and_no_f1() -> None:
    found = measure(TARGET, Scored(PROBABILITY, np.zeros(1_000, bool)), USER)

    assert [found[name].value for name in ("F1", "precision", "recall")] == [0, 0, 0]


def test_an_evaluation_compares_on_the_same_draws_and_is_the_same_after_the_manifest() -> None:
    worse = Scored(np.clip(PROBABILITY + DRAW.normal(0, 0.2, 1_000), 0.001, 0.999), DECISION)
    found = evaluate(TARGET, USER * 7, {"model": Scored(PROBABILITY, DECISION), "other": worse})

    assert (found.rows, found.users, found.positives) == (1_000, 500, TARGET.sum())
    assert found.differences["other"]["ROC-AUC"].low > 0
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(TARGET, DECISION).tolist()))
    assert Evaluation.from_json(found.to_json()) == found


def test_curves_are_those_of_scikit_learn() -> None:
    found = curves(TARGET, PROBABILITY)
    false, true, _ = metrics.roc_curve(TARGET, PROBABILITY, drop_intermediate=False)
    x, y = np.array(found["roc"]).T

    assert {(round(a, 5), round(b, 5)) for a, b in zip(false, true, strict=True)} >= set(zip(x, y, strict=True))
    assert metrics.auc(x, y) == pytest.approx(metrics.roc_auc_score(TARGET, PROBABILITY), abs=0.002)
    assert found["gain"][-1] == [1.0, 1.0]
    assert sum(rows for _, _, rows in found["reliability"]) == 1_000


def test_a_group_has_the_figures_of_its_rows_alone_where_it_has_enough_of_both_classes() -> None:
    ways, some, few = {"model": Scored(PROBABILITY, DECISION)}, np.arange(1_000) < 400, np.arange(1_000) < 20
    found = evaluate(TARGET, USER, ways, {"some": some, "few": few})
    alone = evaluate(TARGET[some], USER[some], {"model": Scored(PROBABILITY[some], DECISION[some])})

    assert dict(found.groups) == {"some": alone}
    assert Evaluation.from_json(found.to_json()).groups["some"].model == alone.model
