"""The world behind the sample data: what users, sessions and their counts are drawn from. Parameters only; `sample`
draws from them and `optimum` computes how well they can be told apart.

A user is in one of four states and moves between them by a Markov chain, one step per interval. A state gives a mean
number of sessions per interval and a mix of session qualities. A quality gives the counts of a session, all scaled by
one gamma frailty of mean 1: that makes them over-dispersed and correlated, as counts of real sessions are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEATURES = (
    "impressions",
    "pageviews",
    "detail_pageviews",
    "favorites",
    "shares",
    "leads",
    "distinct_categories",
    "distinct_items",
)


@dataclass(frozen=True)
class Quality:
    """One session quality. Counts are means at frailty 1; chances are per page, item or category.

    Every session has a first page; ``further_pageviews`` are those after it. A page shows an item's details with
    ``detail_chance``; the first detail page shows a new item, each later one does with ``new_item_chance``; the first
    item is of a new category, each later one with ``new_category_chance``.
    """

    label: str
    impressions: float
    further_pageviews: float
    favorites: float
    shares: float
    leads: float
    detail_chance: float
    new_item_chance: float
    new_category_chance: float


@dataclass(frozen=True)
class State:
    """One user state. ``mix`` is the chance of each quality, ``moves`` that of each state in the next interval."""

    label: str
    sessions: float
    mix: tuple[float, ...]
    moves: tuple[float, ...]


@dataclass(frozen=True)
class Bot:
    """A crawler: a user without a state, its sessions without a quality. Counts are means of a session."""

    users_per_human: float
    sessions: float
    impressions: float
    further_pageviews: float
    detail_chance: float


@dataclass(frozen=True)
class World:
    """States and qualities stand worst to best. A gamma's shape is 1 over its squared coefficient of variation:
    ``frailty_shape`` is that of the frailty of a session, ``sessions_shape`` that of a user's rate of sessions, drawn
    anew in each interval, so that numbers of sessions are negative binomial."""

    states: tuple[State, ...]
    qualities: tuple[Quality, ...]
    sessions_shape: float
    frailty_shape: float
    bot: Bot
    devices: tuple[tuple[str, float], ...]

    @property
    def user_labels(self) -> tuple[str, ...]:
        return tuple(state.label for state in self.states)

    @property
    def session_labels(self) -> tuple[str, ...]:
        return tuple(quality.label for quality in self.qualities)

    @property
    def transitions(self) -> FloatArray:
        """``[from state, to state]``; rows sum to 1."""
        return np.array([state.moves for state in self.states])

    @property
    def mixes(self) -> FloatArray:
        """``[state, quality]``; rows sum to 1."""
        return np.array([state.mix for state in self.states])

    @property
    def session_means(self) -> FloatArray:
        """Sessions per interval, per state."""
        return np.array([state.sessions for state in self.states])

    def stationary(self) -> FloatArray:
        """The share of users in each state, in every interval: what ``transitions`` leaves as it is."""
        count = len(self.states)
        equations = np.vstack([self.transitions.T - np.eye(count), np.ones(count)])
        solution, *_ = np.linalg.lstsq(equations, np.append(np.zeros(count), 1.0), rcond=None)
        return np.asarray(solution, dtype=float)

    def session_shares(self) -> FloatArray:
        """The share of sessions of each quality, over all users but bots."""
        sessions = (self.stationary() * self.session_means) @ self.mixes
        return np.asarray(sessions / sessions.sum(), dtype=float)

    def lead_chances(self) -> FloatArray:
        """The chance that a session has a lead, per quality: counts are Poisson given the frailty, a gamma."""
        means = np.array([quality.leads for quality in self.qualities])
        return np.asarray(1 - (1 + means / self.frailty_shape) ** -self.frailty_shape, dtype=float)


WORLD = World(
    states=(
        State("Passive", 3.0, (0.82, 0.14, 0.03, 0.01), (0.82, 0.14, 0.03, 0.01)),
        State("Exploring", 6.5, (0.14, 0.70, 0.13, 0.03), (0.22, 0.62, 0.13, 0.03)),
        State("Engaged", 10.0, (0.04, 0.14, 0.70, 0.12), (0.06, 0.18, 0.66, 0.10)),
        State("Highly Engaged", 14.0, (0.02, 0.06, 0.22, 0.70), (0.02, 0.06, 0.20, 0.72)),
    ),
    qualities=(
        Quality("Very Low Quality", 4.0, 0.5, 0.01, 0.0008, 0.0004, 0.15, 0.95, 0.80),
        Quality("Low Quality", 14.0, 4.0, 0.10, 0.003, 0.002, 0.30, 0.90, 0.65),
        Quality("Medium Quality", 26.0, 14.0, 0.80, 0.010, 0.015, 0.50, 0.82, 0.45),
        Quality("High Quality", 34.0, 30.0, 4.00, 0.045, 0.120, 0.70, 0.72, 0.28),
    ),
    sessions_shape=6.0,
    frailty_shape=6.0,
    bot=Bot(users_per_human=0.002, sessions=2.0, impressions=6000.0, further_pageviews=2500.0, detail_chance=0.9),
    devices=(("phone", 0.62), ("desktop", 0.31), ("tablet", 0.07)),
)
"""The world of `flywheel sample` and of the shipped models, tuned so that the best possible classifiers are right 80 to
95 % of the time, about 6.7 sessions per user and interval, shares in about 1 % and leads in about 3 % of sessions."""
