"""How well sessions and users of a world can be classified at all: what a model's accuracy is to be compared with.

Bots are left out throughout: they have neither quality nor state, and trimming removes them before any model sees them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.simulation import draw
from flywheel_assets.simulation.likelihood import session_log_likelihood, session_posterior
from flywheel_assets.simulation.share_classifier import ShareClassifier, log_session_count
from flywheel_assets.simulation.world import FloatArray, IntArray, World


@dataclass(frozen=True)
class Optimum:
    """Accuracies, from 0 to 1, that no classifier exceeds but by chance, with the standard errors of their estimates.

    ``user_accuracy_on_shares`` is that of the best rule on what the user model sees: the shares of session labels, as
    the best session classifier predicts them. ``user_accuracy_full_posterior`` is that of a rule that knows the number
    of the user's sessions too, and the counts of each. Neither knows the user's other intervals.
    """

    session_accuracy: float
    session_standard_error: float
    session_confusion: tuple[tuple[float, ...], ...]
    """``[true quality][predicted label]`` of the best session classifier; rows sum to 1."""
    user_accuracy_on_shares: float
    user_accuracy_full_posterior: float
    user_full_posterior_standard_error: float


def optimum(world: World, seed: int, sessions: int = 400_000, users: int = 100_000) -> Optimum:
    """The optimum of a world, estimated from that many drawn sessions and users; the one on shares is exact but for
    the session classifier's mistakes, which are counted on the drawn sessions."""
    rng = np.random.default_rng(seed)
    qualities = rng.choice(len(world.qualities), sessions, p=world.session_shares())
    posterior = session_posterior(world, draw.features(world, qualities, rng))
    mistakes = confusion(qualities, posterior.argmax(axis=1), len(world.qualities))

    states = draw.first_states(world, users, rng)
    owners, qualities_of_users = draw.sessions(world, states, rng)
    of_users = user_posterior(world, owners, draw.features(world, qualities_of_users, rng))

    session_accuracy, session_error = _expected_accuracy(posterior)
    user_accuracy, user_error = _expected_accuracy(of_users)
    return Optimum(
        session_accuracy,
        session_error,
        tuple(tuple(row) for row in mistakes.tolist()),
        ShareClassifier(world, mistakes).accuracy,
        user_accuracy,
        user_error,
    )


def confusion(true: IntArray, predicted: IntArray, labels: int) -> FloatArray:
    """The share of each predicted label among the sessions of each true one, given as positions: ``[true, predicted]``.

    Rows sum to 1. Raises ValueError when a label is never the true one.
    """
    counts = np.bincount(true * labels + predicted, minlength=labels * labels).reshape(labels, labels)
    of_label = counts.sum(axis=1, keepdims=True)
    if not of_label.all():
        raise ValueError(f"no session's true label is number {int(of_label.argmin())}: its mistakes cannot be counted")
    return np.asarray(counts / of_label, dtype=float)


def user_posterior(world: World, owners: IntArray, features: npt.ArrayLike) -> FloatArray:
    """The probability of each state for each user with sessions, given all that landed of them in an interval.

    ``owners`` are the positions of the sessions' users, ascending as :func:`draw.sessions` gives them; a row of the
    result, ``[users with sessions, states]``, for each distinct one. ``features`` are the sessions' counts.
    """
    log_likelihood = session_log_likelihood(world, features)
    peak = log_likelihood.max(axis=1, keepdims=True)
    of_session = np.log(np.exp(log_likelihood - peak) @ world.mixes.T)
    _, first, counts = np.unique(owners, return_index=True, return_counts=True)
    of_user = np.add.reduceat(of_session, first, axis=0)
    joint = np.log(world.stationary()) + log_session_count(world, counts) + of_user
    posterior = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True), dtype=float)


def _expected_accuracy(posterior: FloatArray) -> tuple[float, float]:
    """The mean of the largest probability, which is the chance to be right, and its standard error: the same
    expectation as counting hits, with less noise."""
    chance = posterior.max(axis=1)
    return float(chance.mean()), float(chance.std() / np.sqrt(len(chance)))
