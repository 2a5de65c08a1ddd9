from dataclasses import replace
from pathlib import Path

import numpy as np

from flywheel_assets.training.candidate_models import Measured, ModelFigures
from flywheel_assets.training.card import candidate_card, worth
from flywheel_assets.training.metrics import evaluate, label_reliability
from flywheel_assets.training.network_grid import Point
from flywheel_assets_tests.bundles import write_artefacts

TRUE = np.array([0, 0, 1, 2])
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3]])
LABELS = ("Low Quality", "Medium Quality", "High Quality")
NETWORK = Measured("network", evaluate(TRUE, PROBABILITIES, LABELS), (0.1, 0.2, 0.3), 1.5, 900, 0.25)
LOGISTIC = replace(NETWORK, name="multinomial logistic regression", loss_gap=0.2, gap_error=0.01)
BOOSTING = replace(NETWORK, name="gradient boosting", loss_gap=0.1, gap_error=0.01)

FIGURES = ModelFigures(
    grid=(Point((), 9, 0.7, 0.1), Point((32, 16), 600, 0.6, 0.1)),
    chosen=Point((), 9, 0.7, 0.1),
    class_weights={"Low Quality": 0.5, "Medium Quality": 1.0, "High Quality": 2.0},
    log_loss_uncalibrated=0.75,
    classifiers=(NETWORK, LOGISTIC, BOOSTING),
    reliability=label_reliability(TRUE, PROBABILITIES),
    unseen_users=None,
    outcome_features=(),
    without_outcome=None,
)
TRAINING = {
    "command": "flywheel models train",
    "seed": 1,
    "source": "a test",
    "intervals": ["2024-01-01", "2024-01-15"],
    "validation_intervals": ["2024-01-15"],
    "fingerprint": "0123456789abcdef",
    "rows": {"training sessions": 1234},
}
"""Figures that one can look up in the card."""

BOTH = {"session": FIGURES, "user": FIGURES}


def against(gap: float, error: float, log_loss: float = 0.6192) -> ModelFigures:
    """The network beside boosting of that log loss, and of the same macro F1."""
    evaluation = replace(NETWORK.evaluation, log_loss=log_loss)
    boosting = replace(BOOSTING, evaluation=evaluation, loss_gap=gap, gap_error=error)
    return replace(FIGURES, classifiers=(NETWORK, LOGISTIC, boosting))


def test_a_network_that_beats_the_better_baseline_beyond_noise_is_said_to() -> None:
    assert worth(against(0.1, 0.01, 0.7192)) == (
        "The network does better than the better reference classifier, gradient boosting: log loss 0.6192 against "
        "0.7192, 0.1000 lower, ± 0.0200 over users; macro F1 0.556 against 0.556."
    )


def test_a_baseline_that_is_better_beyond_noise_makes_the_network_worse_though_macro_f1_is_equal() -> None:
    assert worth(against(-0.0658, 0.01, 0.5534)) == (
        "The network does worse than the better reference classifier, gradient boosting: log loss 0.6192 against "
        "0.5534, 0.0658 higher, ± 0.0200 over users; macro F1 0.556 against 0.556."
    )


def test_within_two_standard_errors_they_are_no_different_and_the_noise_is_shown() -> None:
    assert worth(against(-0.0658, 0.04, 0.5534)) == (
        "Network and better reference classifier, gradient boosting, do not differ beyond noise: log loss "
        "0.6192 against 0.5534, 0.0658 higher, ± 0.0800 over users; macro F1 0.556 against 0.556."
    )


def test_a_baseline_that_is_better_beyond_noise_is_not_hidden_by_one_that_is_better_within_it() -> None:
    noisy = against(-0.0658, 0.04)
    both = replace(noisy, classifiers=(NETWORK, replace(LOGISTIC, loss_gap=-0.05), noisy.classifiers[2]))
    assert worth(both).startswith(
        "The network does worse than the better reference classifier, multinomial logistic regression:"
    )


def test_only_the_card_has_markdown_and_bold_what_a_network_is_worse_by(tmp_path: Path) -> None:
    worse, bundle = against(-0.1, 0.01), write_artefacts(tmp_path, compiled=False)

    assert "*" not in worth(worse)
    card = candidate_card(bundle, {"session": worse, "user": FIGURES}, TRAINING)
    assert f"**{worth(worse)}**" in card
    assert f"\n{worth(FIGURES)}\n" in card


def test_the_card_has_a_line_for_every_classifier_label_and_point_of_the_grid(tmp_path: Path) -> None:
    card = candidate_card(write_artefacts(tmp_path, compiled=False), BOTH, TRAINING)

    assert "| network | 75.00 | 0.556 | 0.6192 | 0.2000 | 900 | 0.25 |" in card
    assert "| High Quality | 0.000 | 0.000 | 0.000 | 0.300 | 2.000 |" in card
    assert "| 32 > 16 | 600 | 0.6000 | 0.1000 |" in card
    assert "| training sessions | 1,234 |" in card
    assert "- hidden layers: none; 9 parameters" in card
    assert "- temperature: 1.500" in card
    assert "users never seen in training: none in the validation part" in card
    assert "which also chose network and temperature" in card


def test_the_card_says_of_labels_by_clusters_that_they_are_proposals_and_how_many_a_person_reviewed(
    tmp_path: Path,
) -> None:
    bundle = write_artefacts(tmp_path, compiled=False)
    proposals = TRAINING | {"from_clusters": ["sessions", "users"], "reviewed": {}}
    reviewed = proposals | {"reviewed": {"sessions": {"confirmed": 31, "changed": 7, "left_out": 2}}}

    assert "**These labels are proposals made from clusters of sessions. Nobody has confirmed them" in candidate_card(
        bundle, BOTH, proposals
    )
    assert "Of 40 sessions that a person reviewed, 31 kept their label.**" in candidate_card(bundle, BOTH, reviewed)
    assert "proposals" not in candidate_card(bundle, BOTH, TRAINING | {"from_clusters": [], "reviewed": {}})


def test_the_card_says_what_the_labels_were_defined_by(tmp_path: Path) -> None:
    bundle = write_artefacts(tmp_path, compiled=False)
    outcome = replace(FIGURES, outcome_features=("leads",))
    without = replace(outcome, without_outcome=NETWORK)

    assert "defined by `leads`, all that the model sees" in candidate_card(
        bundle, BOTH | {"session": outcome}, TRAINING
    )
    card = candidate_card(bundle, BOTH | {"session": without}, TRAINING)
    assert "defined by `leads`, which the model sees; the same network without: accuracy 75.00 %" in card
