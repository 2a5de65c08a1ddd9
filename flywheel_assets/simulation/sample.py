"""Sample data: sessions drawn from a world, interval by interval, and the truth about them, as tables.

Landed tables hold what a tracker would know. What only the world knows, qualities and states, is the truth, kept apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.intervals import Interval
from flywheel_assets.simulation import draw
from flywheel_assets.simulation.world import FEATURES, IntArray, World


@dataclass(frozen=True)
class Sample:
    """One interval. No column is ever null.

    ``sessions``, in order of their start: ``session_id`` string, `<user_id>.<unix seconds>`, ``user_id`` string, the
    FEATURES int32, ``device`` string, which no model needs and which passes through.
    ``session_truth``: ``session_id``, ``session_quality_label``. ``user_truth``: ``user_id``, ``interval_start`` (the
    interval's key), ``user_flywheel_label``, also for users without a session. Bots are in neither truth.
    """

    interval: Interval
    sessions: pa.Table
    session_truth: pa.Table
    user_truth: pa.Table


def generate(world: World, intervals: Sequence[Interval], users: int, seed: int) -> Iterator[Sample]:
    """Each interval's sample, oldest first, for that many users and a few bots beside them.

    The same arguments give the same tables, and more intervals leave those before them as they are; other intervals
    give the same sessions on other days. States begin stationary and move once between an interval and the next.
    """
    bots = bots_beside(world, users)
    ids = user_ids(users + bots)
    states = None
    for position, interval in enumerate(intervals, start=1):
        rng = np.random.default_rng([seed, position])
        states = draw.first_states(world, users, rng) if states is None else draw.next_states(world, states, rng)
        yield _sample(world, interval, ids, states, bots, rng)


def _sample(
    world: World, interval: Interval, ids: pa.Array, states: IntArray, bots: int, rng: np.random.Generator
) -> Sample:
    human_users, qualities = draw.sessions(world, states, rng)
    bot_users = np.repeat(np.arange(len(states), len(states) + bots), rng.poisson(world.bot.sessions, bots))
    users = np.concatenate([human_users, bot_users])
    counts = np.concatenate([draw.features(world, qualities, rng), draw.bot_features(world, len(bot_users), rng)])
    starts = interval.start_unix + draw.start_seconds(users, interval.end_unix - interval.start_unix, rng)
    devices = rng.choice(len(world.devices), len(users), p=[share for _, share in world.devices])

    user_ids = ids.take(pa.array(users))
    session_ids = pc.binary_join_element_wise(user_ids, pa.array(starts).cast(pa.string()), ".")
    columns = {"session_id": session_ids, "user_id": user_ids}
    columns |= {name: pa.array(column) for name, column in zip(FEATURES, counts.T, strict=True)}
    columns["device"] = _labels([name for name, _ in world.devices], devices)
    return Sample(
        interval,
        pa.table(columns).take(pa.array(np.argsort(starts, kind="stable"))),
        pa.table(
            {
                "session_id": session_ids[: len(human_users)],
                "session_quality_label": _labels(world.session_labels, qualities),
            }
        ),
        pa.table(
            {
                "user_id": ids[: len(states)],
                "interval_start": pa.repeat(interval.key, len(states)),
                "user_flywheel_label": _labels(world.user_labels, states),
            }
        ),
    )


def bots_beside(world: World, users: int) -> int:
    return round(users * world.bot.users_per_human)


def user_ids(count: int) -> pa.Array:
    """The ids of users and, after them, of bots: ``u000001`` and so on."""
    digits = pc.utf8_lpad(pa.array(np.arange(1, count + 1)).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise("u", digits, "")


def _labels(labels: Sequence[str], positions: IntArray) -> pa.Array:
    return pa.array(labels, pa.string()).take(pa.array(positions))
