import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flywheel_assets.simulation import draw
from flywheel_assets.simulation.share_classifier import ShareClassifier, log_session_count
from flywheel_assets.simulation.world import WORLD

CONFUSION = np.array([[0.93, 0.07, 0.0, 0.0], [0.1, 0.83, 0.07, 0.0], [0.0, 0.1, 0.87, 0.03], [0.0, 0.0, 0.07, 0.93]])
RULE = ShareClassifier(WORLD, CONFUSION)
COUNTS = st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any)


def by_hand(primitive: list[int], most: int) -> np.ndarray:
    """The posterior summed over every multiple of these counts with up to ``most`` sessions, from scipy's pmfs."""
    joint = np.zeros(4)
    for state, (parameters, share) in enumerate(zip(WORLD.states, WORLD.stationary(), strict=True)):
        labels = np.array(parameters.mix) @ CONFUSION
        chance = WORLD.sessions_shape / (WORLD.sessions_shape + parameters.sessions)
        for multiple in range(1, most // sum(primitive) + 1):
            counts = np.array(primitive) * multiple
            joint[state] += (
                share
                * stats.nbinom.pmf(counts.sum(), WORLD.sessions_shape, chance)
                * stats.multinomial.pmf(counts, counts.sum(), labels)
            )
    return joint / joint.sum()


@pytest.mark.parametrize("counts", [[1, 0, 0, 0], [0, 0, 1, 1], [3, 2, 1, 0], [0, 1, 4, 9]])
def test_the_posterior_sums_over_every_number_of_sessions(counts: list[int]) -> None:
    shares = np.array([counts]) / sum(counts)
    assert RULE.posterior(shares)[0] == pytest.approx(by_hand(counts, 200), abs=1e-9)


@given(counts=COUNTS, multiple=st.integers(1, 12))
def test_the_same_shares_of_more_sessions_are_the_same_observation(counts: list[int], multiple: int) -> None:
    once, more = np.array(counts), np.array(counts) * multiple
    posterior = RULE.posterior(np.stack([once / once.sum(), more / more.sum()]))
    assert posterior[0] == pytest.approx(posterior[1])
    assert posterior.sum(axis=1) == pytest.approx(1)


@settings(max_examples=20)
@given(counts=st.lists(COUNTS, min_size=1, max_size=5))
def test_each_row_is_judged_by_itself(counts: list[list[int]]) -> None:
    shares = np.array(counts) / np.array(counts).sum(axis=1, keepdims=True)
    alone = [RULE.posterior(row[None, :])[0] for row in shares]
    assert RULE.posterior(shares) == pytest.approx(np.array(alone))


def test_the_exact_accuracy_is_what_the_rule_reaches_on_drawn_users_and_better_than_the_commonest_label() -> None:
    rng = np.random.default_rng(1)
    states = draw.first_states(WORLD, 30_000, rng)
    owners, qualities = draw.sessions(WORLD, states, rng)
    edges = CONFUSION.cumsum(axis=1)[qualities, :-1]
    predicted = (rng.random(len(qualities))[:, None] >= edges).sum(axis=1)
    counts = np.bincount(owners * 4 + predicted, minlength=4 * len(states)).reshape(-1, 4)
    seen = counts.sum(axis=1) > 0
    shares, truth = counts[seen] / counts[seen].sum(axis=1, keepdims=True), states[seen]

    hits = (RULE.posterior(shares).argmax(axis=1) == truth).mean()
    assert hits == pytest.approx(RULE.accuracy, abs=4 * np.sqrt(0.25 / len(truth)))
    assert RULE.accuracy > (shares.argmax(axis=1) == truth).mean()
    means = WORLD.mixes @ CONFUSION
    nearest = ((shares[:, None, :] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert RULE.accuracy > (nearest == truth).mean()


def test_a_worse_session_classifier_leaves_a_worse_rule() -> None:
    perfect, useless = ShareClassifier(WORLD, np.eye(4)), ShareClassifier(WORLD, np.full((4, 4), 0.25))
    assert perfect.accuracy > RULE.accuracy > useless.accuracy


def test_shares_that_no_number_of_sessions_gives_are_refused() -> None:
    with pytest.raises(ValueError, match="not the shares of up to 1000 sessions"):
        RULE.posterior([[1 / math.pi, 1 - 1 / math.pi, 0, 0]])


def test_a_label_that_is_never_predicted_is_refused() -> None:
    only_low = np.tile([0.5, 0.5, 0.0, 0.0], (4, 1))
    with pytest.raises(ValueError, match="no user has these shares"):
        ShareClassifier(WORLD, only_low).posterior([[0, 0, 0, 1.0]])


def test_numbers_of_sessions_are_negative_binomial() -> None:
    sessions = np.arange(60)
    expected = [
        stats.nbinom.logpmf(sessions, WORLD.sessions_shape, WORLD.sessions_shape / (WORLD.sessions_shape + mean))
        for mean in WORLD.session_means
    ]
    assert log_session_count(WORLD, sessions) == pytest.approx(np.array(expected).T)


def test_no_rows_have_no_posteriors() -> None:
    assert RULE.posterior(np.zeros((0, 4))).shape == (0, 4)
