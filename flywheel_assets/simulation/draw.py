"""Random draws from a world: states, sessions and counts as arrays. No tables and no files: those are `sample`'s."""

import numpy as np
import numpy.typing as npt

from flywheel_assets.simulation.world import FEATURES, FloatArray, IntArray, World

Features = npt.NDArray[np.int32]


def first_states(world: World, users: int, rng: np.random.Generator) -> IntArray:
    """The state of each user in a first interval, from the stationary distribution."""
    return _choices(np.tile(world.stationary(), (users, 1)), rng)


def next_states(world: World, states: IntArray, rng: np.random.Generator) -> IntArray:
    """The state of each user one interval later."""
    return _choices(world.transitions[states], rng)


def sessions(world: World, states: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """The sessions of one interval: the position in ``states`` of the user of each, ascending, and its quality.

    A user without sessions does not occur.
    """
    means = world.session_means[states]
    counts = rng.poisson(rng.gamma(world.sessions_shape, means / world.sessions_shape))
    users = np.repeat(np.arange(len(states)), counts)
    return users, _choices(world.mixes[states[users]], rng)


def features(world: World, qualities: IntArray, rng: np.random.Generator) -> Features:
    """The counts of one session of each quality given: ``[n, 8]`` in the order of FEATURES."""
    frailty = rng.gamma(world.frailty_shape, 1 / world.frailty_shape, len(qualities))

    def parameter(name: str) -> FloatArray:
        return np.array([getattr(quality, name) for quality in world.qualities])[qualities]

    counts = {name: rng.poisson(frailty * parameter(name)) for name in ("impressions", "favorites", "shares", "leads")}
    pages = 1 + rng.poisson(frailty * parameter("further_pageviews"))
    details = rng.binomial(pages, parameter("detail_chance"))
    items = _distinct(details, parameter("new_item_chance"), rng)
    categories = _distinct(items, parameter("new_category_chance"), rng)
    counts |= {
        "pageviews": pages,
        "detail_pageviews": details,
        "distinct_items": items,
        "distinct_categories": categories,
    }
    return np.column_stack([counts[name] for name in FEATURES]).astype(np.int32)


def bot_features(world: World, count: int, rng: np.random.Generator) -> Features:
    """The counts of that many sessions of bots, in the order of FEATURES: they read everything and do nothing."""
    pace = rng.uniform(0.5, 1.5, count)
    pages = 1 + rng.poisson(pace * world.bot.further_pageviews)
    details = rng.binomial(pages, world.bot.detail_chance)
    counts = {
        "impressions": rng.poisson(pace * world.bot.impressions),
        "pageviews": pages,
        "detail_pageviews": details,
        "distinct_items": details,
        "distinct_categories": np.minimum(details, 200),
    }
    return np.column_stack([counts.get(name, np.zeros(count)) for name in FEATURES]).astype(np.int32)


def start_seconds(users: IntArray, length_seconds: int, rng: np.random.Generator) -> IntArray:
    """A random second in ``[0, length_seconds)`` for each session, no two of one user the same. ``users`` ascend.

    Seconds are drawn from what is left without one second for each further session of the user, and sessions are then
    moved apart by their rank, so that none has to be drawn again.
    """
    counts = np.bincount(users)[users] if len(users) else users
    drawn = rng.integers(0, length_seconds - counts + 1)
    order = np.lexsort((drawn, users))
    first = np.searchsorted(users, users, side="left")
    return drawn[order] + np.arange(len(users)) - first


def _distinct(events: IntArray, new_chance: FloatArray, rng: np.random.Generator) -> IntArray:
    return np.minimum(events, 1) + rng.binomial(np.maximum(events - 1, 0), new_chance)


def _choices(chances: FloatArray, rng: np.random.Generator) -> IntArray:
    """One column of each row of ``chances``, whose rows sum to 1."""
    edges = np.cumsum(chances, axis=1)[:, :-1]
    return np.asarray((rng.random(len(chances))[:, None] >= edges).sum(axis=1), dtype=np.int64)
