"""How well the classifiers of conversion do on UCI Online Shoppers, whose split and columns are stated.

    python -m benchmarks.conversion_quality FILE --repeats 3

FILE is `online_shoppers_intention.csv` (UCI 468). The folds are scikit-learn's StratifiedKFold, seeds from 0 on. A
fifth of each training part chooses among models and treatments of imbalance; the winner is fitted on all of it,
calibrated, and its threshold chosen out of fold; the test fold only judges. Beside it the blend of the best models, and
the same without PageValues, which holds the outcome: the mean value of a session's pages counts those of its own
order."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks.targets import machine
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.registry.classifier import blended
from flywheel_assets.training.classifier.calibration import FloatArray, choose, log_loss
from flywheel_assets.training.classifier.comparison import Learnt, Tried, compare, fit_members, out_of_fold
from flywheel_assets.training.classifier.estimators import MODELS, PLAIN, STRATEGIES, Kind, kinds, probability
from flywheel_assets.training.classifier.evaluation import Scored, measure
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.split import folds
from flywheel_assets.training.classifier.table_file import Roles, examples_of_file
from flywheel_assets.training.classifier.threshold import ThresholdRule, choose_threshold

CODES = ("OperatingSystems", "Browser", "Region", "TrafficType")
OUTCOME = "PageValues"
SHOWN = ("ROC-AUC", "PR-AUC", "F1", "precision", "recall", "Brier", "ECE")
WITH = {"ROC-AUC": 0.935, "PR-AUC": 0.755, "F1": 0.67, "precision": 0.6, "recall": 0.6}
WITHOUT = {"ROC-AUC": 0.766, "F1": 0.41}
CHOSEN, BLEND = "chosen by the comparison", "blend"

Member = tuple[Kind, dict[str, Any]]


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--repeats", type=int, default=1, show_default=True, help="Of the five folds, with page values.")
@click.option("--without", type=int, default=1, show_default=True, help="Of the five folds, without them.")
@click.option(
    "--plain", is_flag=True, help="Compare models only, without treatments of imbalance: a third of the time."
)
@click.option("--threads", type=int, default=2, show_default=True)
def main(file: Path, repeats: int, without: int, plain: bool, threads: int) -> None:
    """Figures of each candidate, means of all folds, beside what they have to reach."""
    console, missed = terminal(), False
    console.print(machine())
    for drop, count, targets in (((), repeats, WITH), ((OUTCOME,), without, WITHOUT)):
        if not count:
            continue
        examples = examples_of_file(file, Roles(target="Revenue", categories=CODES), drop)
        strategies = (PLAIN,) if plain else STRATEGIES
        found = [judged(examples, fold, repeat, strategies, threads) for repeat in range(count) for fold in range(5)]
        means = {
            way: {name: float(np.mean([one[way][name] for one in found])) for name in (*SHOWN, "log loss")}
            for way in found[0]
        }
        lines = [(way, *(f"{figures[name]:.4f}" for name in (*SHOWN, "log loss"))) for way, figures in means.items()]
        what = f"without {OUTCOME}" if drop else "with all columns"
        console.print(table(("", *SHOWN, "log loss"), lines, f"{what}, means of {len(found)} folds"))
        for way in (CHOSEN, BLEND):
            for name, least in targets.items():
                reached = means[way][name] >= least
                missed |= way == BLEND and not reached
                said = "reached" if reached else "missed"
                console.print(f"{said}: {name} of {way}, {means[way][name]:.4f}, at least {least}")
    sys.exit(1 if missed else 0)


def judged(
    examples: Examples, fold: int, repeat: int, strategies: tuple[str, ...], threads: int
) -> dict[str, dict[str, float]]:
    """Per way to score, the figures of one test fold."""
    began, seed = time.perf_counter(), repeat
    parts = StratifiedKFold(5, shuffle=True, random_state=seed).split(examples.target, examples.target)
    test = np.zeros(len(examples), bool)
    test[list(parts)[fold][1]] = True
    known = ~test
    encoding = examples.encoding(known)
    every = Learnt(encoding.encode(examples.inputs), examples.target, examples.user)
    learnt, part = every.take(known), folds(examples.target[known], examples.user[known], 100 + seed)
    compared = compare(
        learnt.take(part != 0), learnt.take(part == 0), kinds(MODELS, strategies), seed, threads, lambda line: None
    )
    blend = next(one for one in compared if len(one.members) > 1)
    ways: dict[str, Tried] = {CHOSEN: compared[0], BLEND: blend}
    for model in MODELS:
        ways[f"best {model}"] = next(one for one in compared if [k.model for k, _ in one.members] == [model])
    members = {repr(member): member for one in ways.values() for member in one.members}
    scores = {name: _scores(member, learnt, every.take(test), seed, threads) for name, member in members.items()}
    made = {
        way: _figures([scores[repr(member)] for member in one.members], learnt, every.take(test), seed)
        for way, one in ways.items()
    }
    shown = ", ".join(f"{way} {of['ROC-AUC']:.4f} {of['PR-AUC']:.4f} {of['F1']:.3f}" for way, of in made.items())
    seconds = time.perf_counter() - began
    click.echo(f"repeat {repeat}, fold {fold}: {compared[0].name}; ROC-AUC, PR-AUC, F1: {shown}; {seconds:.0f} s")
    return made


def _scores(member: Member, known: Learnt, test: Learnt, seed: int, threads: int) -> tuple[FloatArray, FloatArray]:
    """The probabilities of one model, out of fold of what it learns from, and on the test part."""
    (fitted,) = fit_members((member,), known, seed, threads)
    return out_of_fold((member,), known, seed, threads), probability(fitted, test.encoded)


def _figures(
    scores: Sequence[tuple[FloatArray, FloatArray]], known: Learnt, test: Learnt, seed: int
) -> dict[str, float]:
    raw, fold = blended([one for one, _ in scores]), folds(known.target, known.user, seed)
    calibration, calibrated = choose(raw, known.target, fold)
    threshold = choose_threshold(ThresholdRule(), calibrated, known.target, fold, len(fold))
    scored = calibration(blended([one for _, one in scores]))
    figures = measure(test.target, Scored(scored, scored >= threshold), np.arange(len(test.target)))
    return {name: figures[name].value for name in SHOWN} | {"log loss": log_loss(test.target, scored)}


if __name__ == "__main__":
    main()
