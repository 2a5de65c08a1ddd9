"""The best possible user classifier among those that see only the shares of a user's session labels, as a session
classifier with given mistakes predicts them. It does not see the number of sessions: one of one and three of three are
the same observation, so likelihoods are summed over every number of sessions that gives exactly these shares."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from flywheel_assets.simulation.world import FloatArray, IntArray, World

MAX_SESSIONS = 1_000
"""The most sessions of a user and interval that shares are traced back to."""

NEGLIGIBLE = 1e-6
"""The chance of more sessions than are enumerated, in the state with the most."""


@dataclass(frozen=True, eq=False)
class ShareClassifier:
    """``confusion`` is ``[true quality, predicted label]``, rows summing to 1: the session classifier's mistakes."""

    world: World
    confusion: FloatArray

    def posterior(self, shares: npt.ArrayLike) -> FloatArray:
        """The probability of each user state: ``[n, labels]``, shares as float64 summing to 1, to ``[n, states]``.

        Raises ValueError for shares that no number of sessions up to MAX_SESSIONS gives, and for labels that the
        session classifier never predicts.
        """
        rows, position = np.unique(np.asarray(shares, dtype=float), axis=0, return_inverse=True)
        primitive = _primitive(rows)
        smallest = primitive.sum(axis=1)
        joint = np.full((len(rows), len(self.world.states)), -np.inf)
        for multiple in range(1, MAX_SESSIONS + 1):
            possible = smallest * multiple <= MAX_SESSIONS
            if not possible.any():
                break
            joint[possible] = np.logaddexp(joint[possible], self._log_joint(primitive[possible] * multiple))
        best = joint.max(axis=1, keepdims=True)
        if np.isneginf(best).any():
            raise ValueError(f"no user has these shares in this world: {rows[int(best.argmin())].tolist()}")
        joint -= best
        posterior = np.exp(joint)
        return np.asarray((posterior / posterior.sum(axis=1, keepdims=True))[position.reshape(-1)], dtype=float)

    @cached_property
    def accuracy(self) -> float:
        """The share of users with sessions whose state the rule gets right: exact, but for up to NEGLIGIBLE."""
        counts = _compositions(_enumerated_sessions(self.world), self.confusion.shape[1])[1:]
        primitive = counts // np.gcd.reduce(counts, axis=1, keepdims=True)
        digits = (int(primitive.max()) + 1) ** np.arange(counts.shape[1])
        _, position = np.unique(primitive @ digits, return_inverse=True)
        chances = np.exp(self._log_joint(counts))
        observed = np.column_stack([np.bincount(position, column) for column in chances.T])
        return float(observed.max(axis=1).sum() / chances.sum())

    def _log_joint(self, counts: IntArray) -> FloatArray:
        """The log probability of each state and sessions of these labels: ``[n, labels]`` to ``[n, states]``."""
        from scipy.special import gammaln, xlogy

        total = counts.sum(axis=1)
        orders = gammaln(total + 1) - gammaln(counts + 1).sum(axis=1)
        labels = np.stack([xlogy(counts, mix).sum(axis=1) for mix in self.world.mixes @ self.confusion], axis=1)
        return np.log(self.world.stationary()) + log_session_count(self.world, total) + orders[:, None] + labels


def log_session_count(world: World, sessions: IntArray) -> FloatArray:
    """The log probability of that many sessions in an interval, negative binomial: ``[n]`` to ``[n, states]``."""
    from scipy.special import gammaln

    shape, means = world.sessions_shape, world.session_means
    count = sessions[:, None]
    ways = gammaln(count + shape) - gammaln(shape) - gammaln(count + 1)
    return np.asarray(ways + shape * np.log(shape / (shape + means)) + count * np.log(means / (shape + means)))


def _enumerated_sessions(world: World) -> int:
    cumulative = np.exp(log_session_count(world, np.arange(MAX_SESSIONS))).cumsum(axis=0).min(axis=1)
    return int(np.searchsorted(cumulative, 1 - NEGLIGIBLE))


def _compositions(limit: int, parts: int) -> IntArray:
    """Every vector of that many counts from 0 with a sum of ``limit`` at most; the first is the one of zeros."""
    rows = np.zeros((1, 0), dtype=np.int64)
    for _ in range(parts):
        choices = limit - rows.sum(axis=1) + 1
        first = np.repeat(choices.cumsum() - choices, choices)
        rows = np.column_stack([np.repeat(rows, choices, axis=0), np.arange(choices.sum()) - first])
    return rows


def _primitive(shares: FloatArray) -> IntArray:
    """The smallest counts that have these shares."""
    counts = np.zeros(shares.shape, dtype=np.int64)
    open_rows = np.arange(len(shares))
    for sessions in range(1, MAX_SESSIONS + 1):
        scaled = shares[open_rows] * sessions
        whole = np.rint(scaled)
        found = (np.abs(scaled - whole) < 1e-9).all(axis=1) & (whole.sum(axis=1) == sessions)
        counts[open_rows[found]] = whole[found]
        open_rows = open_rows[~found]
        if not len(open_rows):
            return counts
    raise ValueError(f"{shares[open_rows[0]].tolist()} are not the shares of up to {MAX_SESSIONS} sessions")
