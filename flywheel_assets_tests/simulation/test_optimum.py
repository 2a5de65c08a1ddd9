import numpy as np
import pytest

from flywheel_assets.simulation import draw
from flywheel_assets.simulation.optimum import Optimum, confusion, optimum, user_posterior
from flywheel_assets.simulation.world import WORLD


@pytest.fixture(scope="module")
def best() -> Optimum:
    return optimum(WORLD, seed=1, sessions=100_000, users=20_000)


def test_sessions_and_users_overlap_but_can_be_told_apart(best: Optimum) -> None:
    assert 0.80 < best.session_accuracy < 0.95
    assert 0.80 < best.user_accuracy_on_shares < 0.95


def test_the_counts_of_sessions_say_more_of_a_user_than_the_shares(best: Optimum) -> None:
    assert (
        best.user_accuracy_full_posterior > best.user_accuracy_on_shares + 3 * best.user_full_posterior_standard_error
    )


def test_the_accuracy_is_that_of_the_confusion(best: Optimum) -> None:
    of_labels = float(WORLD.session_shares() @ np.diag(best.session_confusion))
    assert best.session_accuracy == pytest.approx(of_labels, abs=0.005)
    assert best.session_standard_error < 0.001


def test_the_same_seed_gives_the_same_optimum_and_another_one_within_its_errors(best: Optimum) -> None:
    assert optimum(WORLD, seed=1, sessions=100_000, users=20_000) == best
    other = optimum(WORLD, seed=2, sessions=100_000, users=20_000)
    assert other.session_accuracy == pytest.approx(best.session_accuracy, abs=6 * best.session_standard_error)
    assert other.user_accuracy_on_shares == pytest.approx(best.user_accuracy_on_shares, abs=0.003)


def test_the_user_posterior_is_right_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    states = draw.first_states(WORLD, 20_000, rng)
    owners, qualities = draw.sessions(WORLD, states, rng)
    posterior = user_posterior(WORLD, owners, draw.features(WORLD, qualities, rng))
    hits = posterior.argmax(axis=1) == states[np.unique(owners)]
    assert posterior.sum(axis=1) == pytest.approx(1)
    assert hits.mean() == pytest.approx(posterior.max(axis=1).mean(), abs=4 * np.sqrt(0.08 / len(hits)))


def test_confusion_counts_predictions_by_true_label() -> None:
    true, predicted = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 1, 1])
    assert confusion(true, predicted, 2).tolist() == [[0.75, 0.25], [0.0, 1.0]]


def test_confusion_needs_a_session_of_every_label() -> None:
    with pytest.raises(ValueError, match="true label is number 1"):
        confusion(np.array([0, 2]), np.array([0, 1]), 3)
