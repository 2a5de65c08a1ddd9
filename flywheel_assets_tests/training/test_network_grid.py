from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.training import network_grid as fitting
from flywheel_assets.training.metrics import probabilities_in_order, row_losses
from flywheel_assets.training.network import fit_network
from flywheel_assets.training.network_grid import (
    LARGEST_RATIO,
    Point,
    Task,
    class_weights,
    fit,
    schedule,
    smallest_as_good,
    standard_error,
    with_stopping,
)
from flywheel_assets_tests.bundles import FEATURES, SESSION_LABELS
from flywheel_assets_tests.labelled import labelled_sessions, otherwise_validated, quickly

TASK = Task(SESSION_MODEL, SESSION_LABELS, FEATURES)
ALIKE = dict.fromkeys(SESSION_LABELS, 1.0)


def parts(rows: pd.DataFrame) -> dict[str, set[str]]:
    return {part: set(of["user_id"]) for part, of in rows.groupby("part")}


def test_a_tenth_of_the_training_users_says_when_to_stop_with_all_their_training_rows() -> None:
    rows = labelled_sessions(users=60)["session"].rows
    found, users = with_stopping(rows, seed=1), parts(rows)["training"]

    assert len(parts(found)["stopping"]) == 5  # of 48
    assert parts(found)["training"] == users - parts(found)["stopping"]
    assert (found["part"] == "validation").equals(rows["part"] == "validation")


def test_who_is_set_aside_follows_from_the_seed_whatever_the_order_of_the_rows() -> None:
    rows = labelled_sessions(users=60)["session"].rows
    aside = parts(with_stopping(rows, seed=1))["stopping"]

    assert parts(with_stopping(rows.iloc[::-1], seed=1))["stopping"] == aside
    assert parts(with_stopping(rows, seed=2))["stopping"] != aside


def test_labels_as_frequent_as_others_weigh_alike_and_rarer_ones_more() -> None:
    assert class_weights({"a": 10, "b": 10}) == {"a": 1, "b": 1}
    assert class_weights({"a": 30, "b": 10}) == pytest.approx({"a": 2 / 3, "b": 2})


def test_no_label_weighs_more_than_ten_times_another() -> None:
    weights = class_weights({"a": 100_000, "b": 10})

    assert weights["b"] / weights["a"] == pytest.approx(LARGEST_RATIO)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6))
def test_the_mean_row_weighs_1_and_rarer_labels_never_less(counts: list[int]) -> None:
    weights = class_weights({str(n): count for n, count in enumerate(counts)})

    assert np.average(list(weights.values()), weights=counts) == pytest.approx(1)
    assert [*np.argsort(counts, kind="stable")] == [*np.argsort([-w for w in weights.values()], kind="stable")]


def test_the_smallest_network_within_one_standard_error_of_the_best_is_chosen() -> None:
    points = [Point((), 10, 0.32, 0.5), Point((4,), 20, 0.31, 0.5), Point((8,), 40, 0.30, 0.01)]

    assert smallest_as_good(points).hidden_units == (4,)
    assert smallest_as_good(points[:2]).hidden_units == ()


def test_the_standard_error_of_single_rows_is_the_usual_one() -> None:
    values = np.array([1.0, 2, 3, 6])

    assert standard_error(values, pd.Series(list("abcd"))) == pytest.approx(values.std(ddof=1) / 2)


def test_rows_of_one_user_that_are_alike_tell_no_more_than_one_row() -> None:
    values, users = np.array([1.0, 2, 3, 6]), pd.Series(list("abcd"))

    once = standard_error(values, users)
    assert standard_error(np.repeat(values, 9), users.repeat(9)) == pytest.approx(once)
    assert standard_error(values, pd.Series(list("aaaa"))) == float("inf")


@pytest.mark.parametrize(
    ("rows", "batch", "epochs"), [(50, 64, 40), (20_000, 128, 40), (400_000, 2048, 40), (10_000_000, 4096, 15)]
)
def test_batches_grow_with_the_rows_and_many_rows_take_fewer_epochs(rows: int, batch: int, epochs: int) -> None:
    found = schedule(rows, (16,))

    assert (found.batch_rows, found.epochs) == (batch, epochs)


def test_the_same_seed_gives_the_same_weights_and_what_was_fitted_before_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "schedule", quickly)
    rows = with_stopping(labelled_sessions(users=20)["session"].rows, seed=1)
    first, again, other = (fit(TASK, rows, ALIKE, (4,), seed, lambda line: None) for seed in (1, 1, 2))

    for one, two in zip(first.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.network.get_weights()[0], other.network.get_weights()[0])


def test_rows_that_validate_have_no_say_in_what_is_fitted_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "schedule", quickly)
    rows = with_stopping(labelled_sessions(users=20)["session"].rows, seed=1)
    model, other = (fit(TASK, given, ALIKE, (4,), 1, lambda line: None) for given in (rows, otherwise_validated(rows)))

    assert model.scaler.data_max_.tolist() == other.scaler.data_max_.tolist()
    for one, two in zip(model.network.get_weights(), other.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_rows_set_aside_say_when_to_stop_and_are_not_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[np.ndarray] = []

    def noted(*arguments: Any) -> Any:
        said.extend(given.labels for given in arguments[3:5])
        return fit_network(*arguments)

    monkeypatch.setattr(fitting, "schedule", quickly)
    monkeypatch.setattr(fitting, "fit_network", noted)
    rows = with_stopping(labelled_sessions(users=20)["session"].rows, seed=1)
    fit(TASK, rows, ALIKE, (4,), 1, lambda line: None)

    sizes = rows["part"].value_counts()
    assert [len(labels) for labels in said] == [sizes["training"], sizes["stopping"]]


def test_a_label_that_weighs_more_is_given_more_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "schedule", quickly)
    rows = with_stopping(labelled_sessions(users=20)["session"].rows, seed=1)
    heavy = ALIKE | {SESSION_LABELS[0]: 10.0}
    alike, leaning = (
        probabilities_in_order(fit(TASK, rows, weights, (4,), 1, lambda line: None), rows, SESSION_LABELS)
        for weights in (ALIKE, heavy)
    )

    assert leaning[:, 0].mean() > alike[:, 0].mean() + 0.05


def test_a_network_without_hidden_layers_comes_near_to_logistic_regression_and_takes_raw_counts() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = with_stopping(labelled_sessions(users=60)["session"].rows, seed=1).assign(leads=3.0)  # constant, too
    training, validation = rows[rows["part"] != "validation"], rows[rows["part"] == "validation"]
    true = pd.Index(SESSION_LABELS).get_indexer(validation["session_quality_label"])
    lines: list[str] = []
    model = fit(TASK, rows, ALIKE, (), 1, lines.append)
    exact = LogisticRegression(C=1e6, max_iter=5000).fit(training[["pageviews"]], training["session_quality_label"])
    best = exact.predict_proba(validation[["pageviews"]])[:, [list(exact.classes_).index(n) for n in SESSION_LABELS]]

    found = row_losses(true, probabilities_in_order(model, validation, SESSION_LABELS)).mean()
    assert found == pytest.approx(row_losses(true, best).mean(), abs=0.03)
    assert lines[0].startswith("session_quality_model: epoch 1 of at most 40, log loss ")
