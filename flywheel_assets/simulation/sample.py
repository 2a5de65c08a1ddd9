"""Sample data: sessions drawn from a world, interval by interval, and the truth about them, as tables and as files.

Landed tables hold what a tracker would know. What only the world knows, qualities and states, is the truth, kept apart.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flywheel_assets.intervals import Interval
from flywheel_assets.simulation import draw
from flywheel_assets.simulation.world import FEATURES, IntArray, World
from flywheel_assets.warehouse.files import write_whole


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


@dataclass(frozen=True)
class Written:
    """What :func:`write_sample` wrote: one landing file per interval, and the folder of the truth."""

    landing_files: tuple[Path, ...]
    truth_folder: Path
    sessions: int


def generate(world: World, intervals: Sequence[Interval], users: int, seed: int) -> Iterator[Sample]:
    """Each interval's sample, oldest first, for that many users and a few bots beside them.

    The same arguments give the same tables, and more intervals leave those before them as they are; other intervals
    give the same sessions on other days. States begin stationary and move once between an interval and the next.
    """
    bots = _bots(world, users)
    ids = _user_ids(users + bots)
    states = None
    for position, interval in enumerate(intervals, start=1):
        rng = np.random.default_rng([seed, position])
        states = draw.first_states(world, users, rng) if states is None else draw.next_states(world, states, rng)
        yield _sample(world, interval, ids, states, bots, rng)


def write_sample(directory: Path, world: World, intervals: Sequence[Interval], users: int, seed: int) -> Written:
    """Writes ``landing/sessions_<first day>_<last day>.parquet``, one per interval, and ``truth/sessions.parquet``,
    ``truth/users.parquet`` and ``truth/world.json`` (parameters, transitions and what was asked for).

    Each file appears whole and replaces one of the same name; other files are left alone.
    """
    landing, truth = directory / "landing", directory / "truth"
    landing.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    files, session_truths, user_truths, sessions = [], [], [], 0
    for sample in generate(world, intervals, users, seed):
        path = landing / f"sessions_{sample.interval.first_day}_{sample.interval.last_day}.parquet"
        _write_table(sample.sessions, path)
        files.append(path)
        sessions += sample.sessions.num_rows
        session_truths.append(sample.session_truth)
        user_truths.append(sample.user_truth)
    _write_table(pa.concat_tables(session_truths), truth / "sessions.parquet")
    _write_table(pa.concat_tables(user_truths), truth / "users.parquet")
    description = {
        "seed": seed,
        "users": users,
        "bots": _bots(world, users),
        "intervals": [interval.key for interval in intervals],
        "session_labels": world.session_labels,
        "user_labels": world.user_labels,
        "transitions": world.transitions.tolist(),
        "stationary": world.stationary().tolist(),
        "world": asdict(world),
    }
    write_whole(truth / "world.json", (json.dumps(description, indent=2) + "\n").encode())
    return Written(tuple(files), truth, sessions)


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


def _bots(world: World, users: int) -> int:
    return round(users * world.bot.users_per_human)


def _user_ids(count: int) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(np.arange(1, count + 1)).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise("u", digits, "")


def _labels(labels: Sequence[str], positions: IntArray) -> pa.Array:
    return pa.array(labels, pa.string()).take(pa.array(positions))


def _write_table(table: pa.Table, path: Path) -> None:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue().to_pybytes())
