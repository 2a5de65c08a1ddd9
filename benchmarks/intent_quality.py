"""How well the score of intent, its model and the mere number of events say who converts in the next interval.

    python -m benchmarks.intent_quality sample
    python -m benchmarks.intent_quality deskdrop FILE

``sample`` simulates users whose true intent is known; ``deskdrop`` takes a year of real events, where commenting and
bookmarking count as conversions. Each step is a command of docs/intent-model.md, in a folder of its own with a copy of
the shipped models. All figures are of users that neither model nor probabilities have seen, with 95 % intervals."""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks.own_models import Workplace
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intent import intent_performance
from flywheel_assets.intent.pooled_outcomes import MODEL, RULES
from flywheel_assets.registry.files import MANIFEST
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.training.ranking_metrics import AUC, AVERAGE_PRECISION, BRIER_SKILL, CALIBRATION_ERROR, LIFT

DAY = "2025-01-06"
"""The first day of the sample's first interval."""

LEAST_AUC, MOST_CALIBRATION_ERROR = 0.80, 0.02

KINDS = """
[kinds]
views = "VIEW"
likes = "LIKE"
bookmarks = "BOOKMARK"
comments = "COMMENT CREATED"
follows = "FOLLOW"
responses = ["COMMENT CREATED", "BOOKMARK"]
"""

METRICS = (AUC, AVERAGE_PRECISION, LIFT, BRIER_SKILL, CALIBRATION_ERROR)


@click.group()
def main() -> None:
    """How well scores and models of intent say who converts."""


@main.command()
@click.option("--users", type=click.IntRange(1000), default=5_000, show_default=True)
@click.option("--intervals", type=click.IntRange(4), default=6, show_default=True)
def sample(users: int, intervals: int) -> None:
    """On simulated users, whose intent is known."""
    with tempfile.TemporaryDirectory(prefix="flywheel-intent-") as folder:
        place = Workplace.make(Path(folder), FLYWHEEL_FIRST_INTERVAL=DAY)
        several = ("--users", str(users), "--intervals", str(intervals), "--first-interval", DAY)
        place.flywheel("sample", "data", "--events", *several)
        comparison = judged(place)
        closed = list(place.read().calendar)[:intervals]
        scores = place.table("intent_scores", closed)
        truth = pd.read_parquet(place.folder / "data" / "truth" / "users.parquet")
        truth["interval_start"] = truth["interval_start"].astype(str)
        both = scores.merge(truth, on=["user_id", "interval_start"])
        ranks = (
            both[["score", "intent"]].astype(float).groupby(both["interval_start"]).corr("spearman").loc[:, "intent"]
        )
        correlations = ranks[:, "score"]
    show(comparison)
    console = terminal()
    console.print(f"rank correlation of score and true intent: {correlations.iloc[-1]:.3f} in the last interval")
    auc, error = comparison["figures"][RULES][AUC]["value"], comparison["figures"][MODEL][CALIBRATION_ERROR]["value"]
    targets = {
        f"AUC of the rules at least {LEAST_AUC}": auc >= LEAST_AUC,
        "the model's not worse": comparison["differences"][RULES][AUC]["high"] >= 0,
        f"calibration error of the model under {MOST_CALIBRATION_ERROR}": error < MOST_CALIBRATION_ERROR,
    }
    for target, reached in targets.items():
        console.print(f"{'reached' if reached else 'missed'}: {target}")
    sys.exit(0 if all(targets.values()) else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def deskdrop(file: Path) -> None:
    """On FILE, the events of CI&T DeskDrop."""
    with tempfile.TemporaryDirectory(prefix="flywheel-intent-") as folder:
        place = Workplace.make(Path(folder), FLYWHEEL_FIRST_INTERVAL="2016-03-14", FLYWHEEL_MODELS_DIR="no_models")
        events = place.folder / "data" / "events"
        events.mkdir()
        shutil.copy(file, events)
        place.flywheel("events", "init", str(events / file.name))
        mapping = place.folder / "events.toml"
        mapping.write_text(mapping.read_text() + KINDS)
        place.flywheel("intent", "init", "--outcome", "responses")
        show(judged(place))
        place.flywheel("intent", "suggest")


def judged(place: Workplace) -> Mapping[str, Any]:
    """Everything made and a model trained: its comparison with the rules. Prints what outcomes say of the rules."""
    place.flywheel("run")
    place.flywheel("intent", "train")
    with Flywheel.open(place.read()) as flywheel:
        made = flywheel.warehouse.keys(intent_performance.TABLE.name)
    last = place.table(intent_performance.TABLE.name, [place.read().calendar.key(made[-1])])
    click.echo(last.set_index("ranking").loc[RULES, "verdict"])
    (candidate,) = (place.read().intent_models_dir / CANDIDATES).iterdir()
    found: Mapping[str, Any] = json.loads((candidate / MANIFEST).read_text())["training"]["comparison"]
    return found


def show(comparison: Mapping[str, Any]) -> None:
    """The figures of each ranking, and the model's lead."""

    def text(estimate: Mapping[str, float] | None, signed: str = "") -> str:
        return "{value:{s}.3f} ({low:{s}.3f} to {high:{s}.3f})".format(**estimate, s=signed) if estimate else ""

    console, figures, lead = terminal(), comparison["figures"], comparison["differences"]
    lines = [
        (name, *(text(of.get(metric)) for metric in METRICS), text(lead.get(name, {}).get(AUC), "+"))
        for name, of in figures.items()
    ]
    console.print(table(("ranking", *METRICS, "model's AUC less this one's"), lines))
    console.print(f"{comparison['conversions']:,} of {comparison['rows']:,} held-out users converted")


if __name__ == "__main__":
    main()
