from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.comparison import (
    METRICS,
    Flips,
    Metric,
    ModelComparison,
    OnHoldout,
    paired_metrics,
)
from flywheel_assets.registry.promotion import objections
from flywheel_assets.training.metrics import evaluate

SAME = Estimate(0.0, -0.01, 0.01)
METRIC = Metric("accuracy", Estimate(0.8, 0.7, 0.9), Estimate(0.8, 0.7, 0.9), SAME)
HOLDOUT = OnHoldout("sessions", 100, 20, (METRIC,), "")
FLIPS = Flips("users", "2024-02-26", True, (("High", "High", 7), ("High", "Low", 1), ("Low", "High", 2)))
FOUND = ModelComparison("new", "old", (HOLDOUT,), (FLIPS,), ())


def drawn(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    users = np.unique(draw.integers(0, rows, rows), return_inverse=True)[1]
    return draw.integers(0, labels, rows), draw.dirichlet(np.ones(labels), rows).astype(np.float32), users


@given(seed=st.integers(0, 99), rows=st.integers(1, 80), labels=st.integers(2, 5))
def test_the_figures_are_those_of_the_model_card(seed: int, rows: int, labels: int) -> None:
    true, probabilities, users = drawn(seed, rows, labels)
    found = {m.name: m.candidate for m in paired_metrics(true, probabilities, None, users, 20, 1)}
    expected = evaluate(true, probabilities, tuple(map(str, range(labels))))

    assert found["accuracy"].value == pytest.approx(expected.accuracy)
    assert found["macro F1"].value == pytest.approx(np.mean(expected.f1))
    assert found["log loss"].value == pytest.approx(expected.log_loss)
    assert all(one.low <= one.high for one in found.values())


def test_a_model_and_itself_differ_by_nothing_in_every_draw() -> None:
    true, probabilities, users = drawn(1, 60, 3)
    for metric in paired_metrics(true, probabilities, probabilities.copy(), users, 50, 1):
        assert metric.difference == Estimate(0.0, 0.0, 0.0)
        assert metric.candidate == metric.champion


def test_the_difference_is_candidate_less_champion_and_narrower_than_either() -> None:
    true, wrong, users = drawn(1, 400, 2)
    right = np.where(np.arange(400)[:, None] % 10 == 0, np.eye(2)[true], wrong)
    accuracy = paired_metrics(true, right, wrong, users, 300, 1)[0]

    assert accuracy.champion is not None
    assert accuracy.difference is not None
    assert accuracy.difference.value == pytest.approx(accuracy.candidate.value - accuracy.champion.value)
    assert accuracy.difference.low > 0
    width = accuracy.candidate.high - accuracy.candidate.low
    assert accuracy.difference.high - accuracy.difference.low < 0.7 * width


def test_without_a_champion_there_is_no_difference() -> None:
    true, probabilities, users = drawn(1, 30, 3)
    found = paired_metrics(true, probabilities, None, users, 20, 1)
    assert [(m.name, m.champion, m.difference) for m in found] == [(name, None, None) for name in METRICS]


def test_flips_are_the_rows_whose_labels_differ() -> None:
    assert (FLIPS.rows, FLIPS.flipped, FLIPS.share) == (10, 3, 0.3)
    assert FLIPS.label_shares() == [("High", 0.8, 0.9), ("Low", 0.2, 0.1)]
    assert [label for label, _, _ in FLIPS.label_shares(("Low", "High"))] == ["Low", "High"]


def test_no_rows_flip_nothing() -> None:
    assert replace(FLIPS, pairs=()).share == 0


def test_nothing_speaks_against_a_candidate_that_is_as_good_and_flips_little() -> None:
    assert objections(FOUND, most_flips=0.3) == []


def test_more_flips_than_the_share_speak_against_it() -> None:
    assert objections(FOUND, most_flips=0.29) == [
        "30.0% of the users of 2024-02-26 would get another label, more than FLYWHEEL_MAX_FLIPS (29.0%)"
    ]


def test_flips_on_the_holdout_do_not_count_because_the_truth_does() -> None:
    assert objections(replace(FOUND, flips=(replace(FLIPS, latest=False),)), 0.1) == []


@pytest.mark.parametrize(
    ("name", "difference", "speaks"),
    [
        ("accuracy", Estimate(-0.02, -0.03, -0.01), True),
        ("macro F1", Estimate(-0.02, -0.03, -0.01), True),
        ("accuracy", Estimate(-0.02, -0.05, 0.0), False),
        ("accuracy", Estimate(0.02, 0.01, 0.03), False),
        ("log loss", Estimate(-0.02, -0.03, -0.01), False),
        ("log loss", Estimate(0.02, -0.01, 0.03), False),
        ("log loss", Estimate(0.02, 0.0, 0.03), False),
        ("log loss", Estimate(0.02, 0.01, 0.03), True),
        ("accuracy", None, False),
    ],
)
def test_worse_beyond_noise_is_an_interval_below_0_and_of_log_loss_above_it(
    name: str, difference: Estimate | None, speaks: bool
) -> None:
    metric = replace(METRIC, name=name, difference=difference)
    found = objections(replace(FOUND, holdout=(replace(HOLDOUT, metrics=(metric,)),)), 0.5)
    assert bool(found) == speaks
    if speaks:
        by = "+0.0200 (+0.0100 to +0.0300)" if name == "log loss" else "-0.0200 (-0.0300 to -0.0100)"
        assert found == [f"{name} of sessions is worse beyond noise: {by}"]


def test_probabilities_that_are_worse_speak_against_a_candidate_that_is_as_often_right() -> None:
    true, _, users = drawn(1, 400, 3)
    right = 0.9 * np.eye(3)[true] + 0.1 / 3
    unsure = np.where(np.arange(400)[:, None] % 10 == 0, 0.4 * np.eye(3)[true] + 0.6 / 3, right)
    metrics = paired_metrics(true, unsure, right, users, 200, 1)
    found = objections(replace(FOUND, holdout=(replace(HOLDOUT, metrics=metrics),)), 0.5)

    assert [m.candidate.value for m in metrics[:2]] == [1.0, 1.0]
    assert [one.split(":")[0] for one in found] == ["log loss of sessions is worse beyond noise"]


def test_what_cannot_be_compared_speaks_against_it() -> None:
    found = replace(FOUND, holdout=(replace(HOLDOUT, not_comparable="other labels"),), problems=("no holdout",))
    assert objections(found, 0.5) == ["no holdout", "sessions cannot be compared with the truth: other labels"]


def test_a_remark_is_no_objection_and_is_in_the_json() -> None:
    found = replace(FOUND, remarks=("too good",))

    assert objections(found, 0.5) == []
    assert found.to_json()["remarks"] == ("too good",)


def test_as_json_it_says_what_follows_from_the_pairs() -> None:
    value = FOUND.to_json()
    assert value["holdout"][0]["metrics"][0]["difference"] == {"value": 0.0, "low": -0.01, "high": 0.01}
    assert (value["flips"][0]["share"], value["flips"][0]["label_shares"][1]) == (
        0.3,
        {"label": "Low", "champion": 0.2, "candidate": 0.1},
    )


def test_as_a_table_it_has_a_row_a_pair() -> None:
    assert list(FOUND.lines())[1] == {
        "Level": "users",
        "Interval_Start": "2024-02-26",
        "Latest": True,
        "Champion_Label": "High",
        "Candidate_Label": "Low",
        "Count": 1,
    }
