"""The sample as files: what would land, and the truth about it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.intervals import Interval
from flywheel_assets.simulation.events import with_events
from flywheel_assets.simulation.intent_world import IntentWorld
from flywheel_assets.simulation.sample import bots_beside, generate
from flywheel_assets.simulation.world import World
from flywheel_assets.warehouse.files import write_whole


@dataclass(frozen=True)
class Written:
    """What :func:`write_sample` wrote: one file per interval, and the folder of the truth."""

    files: tuple[Path, ...]
    truth_folder: Path
    sessions: int


def write_sample(
    directory: Path,
    world: World,
    intervals: Sequence[Interval],
    users: int,
    seed: int,
    intent: IntentWorld | None = None,
) -> Written:
    """Writes ``landing/sessions_<first day>_<last day>.parquet``, one per interval, and ``truth/sessions.parquet``,
    ``truth/users.parquet`` and ``truth/world.json`` (parameters, transitions and what was asked for). With an
    ``intent``, ``events/events_<first day>_<last day>.parquet`` in place of sessions: those that make them.

    Each file appears whole and replaces one of the same name; other files are left alone.
    """
    what = "events" if intent else "sessions"
    landing, truth = directory / ("events" if intent else "landing"), directory / "truth"
    landing.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    files, session_truths, user_truths, sessions = [], [], [], 0
    samples = generate(world, intervals, users, seed)
    for sample, rows in with_events(world, intent, samples, seed) if intent else ((s, s.sessions) for s in samples):
        path = landing / f"{what}_{sample.interval.first_day}_{sample.interval.last_day}.parquet"
        _write_table(rows, path)
        files.append(path)
        sessions += sample.sessions.num_rows
        session_truths.append(sample.session_truth)
        user_truths.append(sample.user_truth)
    _write_table(pa.concat_tables(session_truths), truth / "sessions.parquet")
    _write_table(pa.concat_tables(user_truths), truth / "users.parquet")
    description = {
        "seed": seed,
        "users": users,
        "bots": bots_beside(world, users),
        "intervals": [interval.key for interval in intervals],
        "session_labels": world.session_labels,
        "user_labels": world.user_labels,
        "transitions": world.transitions.tolist(),
        "stationary": world.stationary().tolist(),
        "world": asdict(world),
        **({"intent": asdict(intent)} if intent else {}),
    }
    write_whole(truth / "world.json", (json.dumps(description, indent=2) + "\n").encode())
    return Written(tuple(files), truth, sessions)


def _write_table(table: pa.Table, path: Path) -> None:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue().to_pybytes())
