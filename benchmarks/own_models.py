"""A team without labels makes models of its own: segments, labels from them, both models, promotion, a year rescored.

    python -m benchmarks.own_models sample
    python -m benchmarks.own_models sessions FILE --first 2016-03-14 --last 2017-02-27 --fit 2016-03-28 2016-09-12

``sample`` simulates sessions whose truth is known and says how much of it comes back; ``sessions`` takes real ones and
says what the drift checks make of every interval, before and after. Each step is a command of docs/real-data.md, in a
folder of its own with a copy of the shipped models."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from flywheel_assets.cli.console import table, terminal
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.sessions.assets import session_predictions
from flywheel_assets.settings import Settings
from flywheel_assets.simulation.world import WORLD
from flywheel_assets.tables.label_verdicts import DRIFT_FROM_BASELINE, LABEL_DISTRIBUTION
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.training.metrics import transition_shares
from flywheel_assets.users.assets import user_labels

PROJECT = Path(__file__).parents[1]
FLYWHEEL = Path(sys.executable).with_name("flywheel")
WATCHED = (DRIFT_FROM_BASELINE.name, LABEL_DISTRIBUTION.name)

DAY = "2025-01-06"
"""The first day of the sample's first interval."""


@dataclass(frozen=True)
class Workplace:
    """A folder with a landing folder, a warehouse and models, and the settings that say so."""

    folder: Path
    settings: Mapping[str, str]

    @classmethod
    def make(cls, folder: Path, **settings: str) -> "Workplace":
        (folder / "data" / "landing").mkdir(parents=True)
        (folder / "models").mkdir()
        for path in (PROJECT / "models").iterdir():
            if path.is_file():
                shutil.copy(path, folder / "models")
        return cls(folder, settings)

    def flywheel(self, *arguments: str) -> str:
        """What a command prints; it is shown as it runs its course. Exits when the command fails."""
        click.echo(f"$ flywheel {' '.join(arguments)}", err=True)
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("FLYWHEEL_", "DAGSTER_", "MLFLOW_"))}
        done = subprocess.run(
            [FLYWHEEL, *arguments],
            cwd=self.folder,
            env={**ours, **self.settings},
            capture_output=True,
            text=True,
            check=False,
        )
        click.echo(done.stdout + done.stderr, err=True)
        if done.returncode:
            sys.exit(f"flywheel {arguments[0]} ended with {done.returncode}")
        return done.stdout

    def read(self) -> Settings:
        return Settings.read(self.folder, self.settings)

    def table(self, name: str, intervals: Sequence[Interval]) -> pd.DataFrame:
        """The rows of a table in these intervals, with the key of each as ``interval_start``."""
        with Flywheel.open(self.read()) as flywheel:
            found = [
                flywheel.engine.collect(flywheel.warehouse.read(name, i)).to_pandas().assign(interval_start=i.key)
                for i in intervals
                if flywheel.warehouse.exists(name, i)
            ]
        return pd.concat(found, ignore_index=True)

    def version(self) -> str:
        with Flywheel.open(self.read()) as flywheel:
            return flywheel.models.version


@click.group()
def main() -> None:
    """Models of one's own, from segments alone."""


@main.command()
@click.option("--intervals", "count", type=click.IntRange(4), default=9, show_default=True)
@click.option("--users", type=click.IntRange(100), default=3000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave everything in this folder.")
def sample(count: int, users: int, seed: int, keep: Path | None) -> None:
    """How much of a known truth comes back from segment labels alone."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Workplace.make(keep or Path(temporary), FLYWHEEL_FIRST_INTERVAL=DAY)
        size = ("--intervals", str(count), "--users", str(users), "--seed", str(seed))
        place.flywheel("sample", "data", *size, "--first-interval", DAY)
        calendar = place.read().calendar
        intervals = [calendar.number(number) for number in range(1, count + 1)]
        place.flywheel("run", "--to", intervals[-1].key)
        shipped = recovered(place, intervals)
        make_own(place, intervals[0].key, intervals[-1].key)
        own = recovered(place, intervals)
        clusters = place.table("session_clusters", intervals).merge(truth(place, "sessions"), on="session_id")
        terminal().print(table(("figure", "shipped models", "models from segments"), lines(shipped, own)))
        click.echo(f"segments against true qualities: adjusted Rand index {rand_index(clusters):.3f}")
        click.echo(pd.crosstab(clusters.cluster, clusters.session_quality_label).to_string())


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--first", required=True, metavar="DAY", help="First day of interval 1.")
@click.option("--last", required=True, metavar="KEY", help="The last interval.")
@click.option("--fit", "fitted", required=True, nargs=2, metavar="FROM TO", help="The range to fit and train on.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave everything in this folder.")
def sessions(file: Path, first: str, last: str, fitted: tuple[str, str], keep: Path | None) -> None:
    """What the drift checks say of every interval, with the shipped models and with models of these sessions."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Workplace.make(keep or Path(temporary), FLYWHEEL_FIRST_INTERVAL=first, FLYWHEEL_LAST_INTERVAL=last)
        shutil.copy(file, place.folder / "data" / "landing")
        place.flywheel("run", "--to", last)
        before = alarms(place)
        make_own(place, *fitted)
        after = alarms(place)
        columns = ("interval", "users", "check", "shipped models", "models of these sessions")
        rows = [(*where, before[where].summary, after[where].summary) for where in before]
        terminal().print(table(columns, rows))
        for check in dict.fromkeys(where[2] for where in before):
            failed = [sum(not v.passed for w, v in found.items() if w[2] == check) for found in (before, after)]
            click.echo(f"{check}: fails in {failed[0]} intervals with the shipped models, in {failed[1]} with its own")


def make_own(place: Workplace, first: str, last: str) -> None:
    """Segments, labels, models; the candidate becomes the champion, and everything is scored by it."""
    place.flywheel("segments", "fit", "--from", first, "--to", last)
    place.flywheel("models", "train", "--from", first, "--to", last)
    (candidate,) = (place.folder / "models" / "candidates").iterdir()
    why = "labels of these sessions' own"
    place.flywheel("models", "promote", candidate.name, "--force", "--why", why)
    assert place.version() == candidate.name
    place.flywheel("run", "--rescore")


def alarms(place: Workplace) -> dict[tuple[str, int, str], Verdict]:
    """By interval, its users and the check: what the checks of labels against the training say."""
    found = {}
    with Flywheel.open(place.read()) as flywheel:
        for interval in flywheel.extent.to_run(flywheel.now()):
            users = flywheel.warehouse.rows("user_labels", interval) or 0
            for one in (session_predictions, user_labels):
                for verdict in one.verdicts(flywheel, interval):
                    if verdict.check in WATCHED:
                        found[interval.key, users, f"{one.table.name}.{verdict.check}"] = verdict
    return found


@dataclass(frozen=True)
class Recovered:
    """Shares of sessions and of users with their true label, over all intervals; ``transitions`` is the largest and
    the mean distance between a transition probability estimated from labels and the true one."""

    sessions: float
    users: float
    largest_error: float
    mean_error: float


def recovered(place: Workplace, intervals: Sequence[Interval]) -> Recovered:
    session = place.table("session_predictions", intervals).merge(
        truth(place, "sessions"), on="session_id", suffixes=("", "_true")
    )
    user = place.table("user_labels", intervals).merge(
        truth(place, "users"), on=["user_id", "interval_start"], suffixes=("", "_true")
    )
    errors = np.abs(estimated_transitions(user) - WORLD.transitions)
    return Recovered(
        float((session.session_quality_label == session.session_quality_label_true).mean()),
        float((user.user_flywheel_label == user.user_flywheel_label_true).mean()),
        float(errors.max()),
        float(errors.mean()),
    )


def estimated_transitions(users: pd.DataFrame) -> np.ndarray:
    """``[from, to]``, worst to best, of users with sessions in two intervals in a row."""
    number = users.interval_start.rank(method="dense").astype(int)
    state = pd.Index(WORLD.user_labels).get_indexer(pd.Index(users.user_flywheel_label))
    now = pd.DataFrame({"user_id": users.user_id, "number": number, "state": state})
    both = now.assign(number=now.number + 1).merge(now, on=["user_id", "number"], suffixes=("_from", "_to"))
    return transition_shares(both.state_from.to_numpy(), both.state_to.to_numpy(), len(WORLD.user_labels))


def truth(place: Workplace, name: str) -> pd.DataFrame:
    return pd.read_parquet(place.folder / "data" / "truth" / f"{name}.parquet")


def rand_index(clusters: pd.DataFrame) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(clusters.session_quality_label, clusters.cluster))


def lines(shipped: Recovered, own: Recovered) -> list[tuple[str, str, str]]:
    return [
        ("sessions with their true label", f"{shipped.sessions:.1%}", f"{own.sessions:.1%}"),
        ("users with their true label", f"{shipped.users:.1%}", f"{own.users:.1%}"),
        ("transition probabilities, largest error", f"{shipped.largest_error:.3f}", f"{own.largest_error:.3f}"),
        ("transition probabilities, mean error", f"{shipped.mean_error:.3f}", f"{own.mean_error:.3f}"),
    ]


if __name__ == "__main__":
    main()
