"""The commands that the classifiers of all systems have: train, and what follows it. Imports stand inside, as in
`main`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.training.classifier.examples import Examples
    from flywheel_assets.training.classifier.task import ClassifierTask


def train_and_show(
    task: "ClassifierTask", examples: "Examples", command: str, now: datetime, threads: int, allow: Sequence[str] = ()
) -> None:
    """Trains a candidate and says what came of it."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.registry.files import CARD
    from flywheel_assets.training.classifier.candidate import train_classifier
    from flywheel_assets.training.classifier.card import estimate_text
    from flywheel_assets.training.classifier.evaluation import METRICS
    from flywheel_assets.training.classifier.record import record_of
    from flywheel_assets.training.tracking import track

    for note in examples.notes:
        click.echo(note)
    made = train_classifier(task, examples, command, now, click.echo, threads=threads, allowed=allow)
    track(record_of(task, made), task.records, click.echo)
    evaluation, info = made.evaluation, made.bundle.classifiers[task.name]
    lines = [
        (
            one["candidate"],
            *(f"{one[name]:.4f}" for name in ("pr_auc", "roc_auc")),
            *(f"{one[name]:.4f} > {one[f'{name}_calibrated']:.4f}" for name in ("log_loss", "brier")),
        )
        for one in made.comparison
    ]
    heads = ("candidate", "PR-AUC", "ROC-AUC", "log loss > calibrated", "Brier > calibrated")
    terminal().print(table(heads, lines, "Compared on the validation part"))
    figures = [(metric, *(estimate_text(of[metric]) for of in evaluation.figures.values())) for metric in METRICS]
    judged = f"judged on {evaluation.rows:,} {task.rows}, {evaluation.positives:,} positive"
    title = f"{info.description}, {task.horizon}: {judged}"
    terminal().print(table(("", *evaluation.figures), figures, title))
    for warning in made.training["warnings"]:
        click.echo(f"mind: {warning}")
    click.echo(f"decides from a probability of {info.threshold:.3f} on ({info.threshold_rule})")
    click.echo(f"version {made.bundle.version}, card: {made.bundle.directory / CARD}")
    click.echo(f"next: {task.commands} promote {made.bundle.version}")
