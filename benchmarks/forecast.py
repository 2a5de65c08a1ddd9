"""How good the forecast from transitions is where the truth is known: on samples of `flywheel sample`'s world.

    python -m benchmarks.forecast --samples 12 --intervals 26

Each sample is labelled twice: by the truth, users without a session left out as the graph leaves them out, and by the
shipped models (untrimmed). Prints how far the forecast and "no change" were off, how often the forecast's intervals
held what came, and how often 90 % intervals of the transition probabilities hold those of the world. A model's label is
not the truth: its transitions are those of its labels, mistakes included, and their intervals miss the world's."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from flywheel_assets.cli.console import table, terminal
from flywheel_assets.history.forecast import FloatArray, History, probabilities
from flywheel_assets.history.forecast_backtest import backtest
from flywheel_assets.history.moves import Moves
from flywheel_assets.intervals import Calendar
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import open_scorer
from flywheel_assets.simulation.sample import Sample, generate
from flywheel_assets.simulation.world import WORLD
from flywheel_assets.tables.labels import ABSENT, share_column

MODELS = Path(__file__).parents[1] / "models"
CALENDAR = Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "UTC")

Labels = dict[str, str]


@click.command()
@click.option("--samples", type=click.IntRange(2), default=12, show_default=True)
@click.option("--intervals", type=click.IntRange(4), default=26, show_default=True)
@click.option("--users", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--seed", type=int, default=100, show_default=True, help="Of the first sample; the next has the next.")
def main(samples: int, intervals: int, users: int, seed: int) -> None:
    """The forecast against no change, and its intervals against the truth."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        models = Models(Path(folder))
        made: dict[str, list[list[Moves]]] = {"truth": [], "models": []}
        for number in range(seed, seed + samples):
            drawn = list(
                generate(WORLD, CALENDAR.between(CALENDAR.number(1), CALENDAR.number(intervals)), users, number)
            )
            made["truth"].append(moves_between(true_labels(sample) for sample in drawn))
            made["models"].append(moves_between(models.labels(sample) for sample in drawn))
    for count in sorted({min(12, intervals), intervals}):
        for name, histories in made.items():
            lines.append((name, count, *figures([History.of(moves[:count], WORLD.user_labels) for moves in histories])))
    columns = ("labels by", "intervals", "forecast off by", "no change by", "better in", "held", "hold the world's")
    terminal().print(table(columns, lines, f"{samples} samples of {users:,} users"))


def figures(histories: list[History]) -> tuple[float, float, str, float, float]:
    """Users a label that the forecast, and no change, were off by; in how many samples it was less; how often the
    intervals held what came; how often those of the probabilities hold the world's."""
    found = [backtest(history) for history in histories]
    errors = [(one.error or 0.0, one.no_change_error or 0.0) for one in found]
    better = sum(error < no_change for error, no_change in errors)
    held = float(np.mean([one.covered or 0.0 for one in found]))
    truth = observed_transitions()
    covered = float(np.mean([covers(history, truth) for history in histories]))
    error, no_change = np.mean(errors, axis=0)
    return float(error), float(no_change), f"{better} of {len(found)}", held, covered


def observed_transitions() -> FloatArray:
    """The world's chances of each state, and last of Absent, for a user who had a session: who moves to a state may
    have no session in it. Sessions are negative binomial."""
    shape = WORLD.sessions_shape
    absent = (shape / (shape + WORLD.session_means)) ** shape
    seen = WORLD.transitions * (1 - absent)
    return np.column_stack([seen, 1 - seen.sum(axis=1)])


def covers(history: History, truth: FloatArray) -> FloatArray:
    """Which of the 90 % intervals of the transition probabilities, Beta marginals of the Dirichlet posteriors of all
    transitions so far, hold those of the truth."""
    from scipy.stats import beta

    means, totals = probabilities(history)
    return (beta.ppf(0.05, means * totals, (1 - means) * totals) <= truth) & (
        truth <= beta.ppf(0.95, means * totals, (1 - means) * totals)
    )


def true_labels(sample: Sample) -> Labels:
    """Of the users who have a session; bots have no truth."""
    active = set(sample.sessions["user_id"].to_pylist())
    truth = zip(*(sample.user_truth[name].to_pylist() for name in ("user_id", "user_flywheel_label")), strict=True)
    return {user: label for user, label in truth if user in active}


class Models:
    """The shipped models."""

    def __init__(self, compiled: Path) -> None:
        self.bundle = ModelBundle.open(MODELS)
        self.session = open_scorer(self.bundle, "session", compiled)
        self.user = open_scorer(self.bundle, "user", compiled)

    def labels(self, sample: Sample) -> Labels:
        """Each user's flywheel label."""
        labels = self.bundle["session"].labels
        batch = _batch(sample.sessions)
        found = self.session.labelled(batch, "label", "version")["label"].to_pylist()
        counts = Counter(zip(batch["user_id"].to_pylist(), found, strict=True))
        users = sorted({user for user, _ in counts})
        mixes = np.array([[counts[user, label] for label in labels] for user in users], dtype=float)
        shares = dict(zip(map(share_column, labels), (mixes / mixes.sum(axis=1, keepdims=True)).T, strict=True))
        scored = self.user.labelled(_batch(pa.table({"user_id": users, **shares})), "label", "version")
        return dict(zip(users, scored["label"].to_pylist(), strict=True))


def moves_between(intervals: Iterator[Labels]) -> list[Moves]:
    """The moves into each interval."""
    moves, before = [], Labels()
    for now in intervals:
        everyone = before.keys() | now.keys()
        moves.append(Counter((before.get(user, ABSENT), now.get(user, ABSENT)) for user in everyone))
        before = now
    return moves


def _batch(rows: pa.Table) -> pa.RecordBatch:
    return rows.combine_chunks().to_batches()[0]


if __name__ == "__main__":
    main()
