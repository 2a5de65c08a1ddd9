"""How long the comparison of classifiers and their scoring take.

    python -m benchmarks.conversion --rows 400_000 --scored 1_000_000

The rows are drawn: nine numbers and three categories of twelve values, 4 % positive. Compared is everything that a
training does: every model with every treatment of imbalance, calibration, threshold, judgement and reasons. Scored is a
table of such rows, encoding included, by each model at the smallest and at the largest parameters of its grid, and by
their blends."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.registry.calibration_map import CalibrationMap
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer
from flywheel_assets.tables.drift import FeatureBaseline
from flywheel_assets.training.classifier.candidate import train_classifier
from flywheel_assets.training.classifier.comparison import Learnt
from flywheel_assets.training.classifier.estimators import LARGE_GRIDS, MODELS, PLAIN, Kind, to_onnx
from flywheel_assets.training.classifier.examples import examples_of
from flywheel_assets.training.classifier.task import ClassifierTask

COMPARISON_SECONDS, SCORING_SECONDS = 600.0, 5.0
BLENDED = ("random forest", "XGBoost", "LightGBM")
FITTED = 100_000
"""Rows that the scored models are fitted on: more of them make no larger models."""


@click.command()
@click.option("--rows", type=int, default=400_000, show_default=True, help="How many are compared on; 0 for none.")
@click.option("--scored", type=int, default=1_000_000, show_default=True, help="How many are scored; 0 for none.")
@click.option("--threads", type=int, default=2, show_default=True)
def main(rows: int, scored: int, threads: int) -> None:
    """Time of a training of a classifier, and of scoring."""
    console, targets = terminal(), list[Target]()
    console.print(machine())
    if rows:
        seconds = compared(rows, threads)
        targets.append(Target(f"comparison on {rows:,} rows, seconds", seconds, COMPARISON_SECONDS))
    if scored:
        measured = scoring(scored)
        console.print(table(("model", "seconds", "rows per second"), [(n, s, round(scored / s)) for n, s in measured]))
        targets += [Target(f"scoring {scored:,} rows, {name}, seconds", s, SCORING_SECONDS) for name, s in measured]
    console.print(targets_table(targets))


def drawn(count: int, seed: int = 1) -> pa.Table:
    """The rows: id, user, time, inputs and converted."""
    draw = np.random.default_rng(seed)
    numbers = {f"number_{i}": np.round(draw.lognormal(1, 1, count), 2) for i in range(5)}
    numbers |= {f"share_{i}": draw.random(count) for i in range(2)}
    numbers |= {f"count_{i}": draw.poisson(2, count) for i in range(2)}
    texts = {f"text_{i}": draw.integers(0, 12, count) for i in range(3)}
    odds = (
        *(0.6 * np.log(numbers["number_0"]), 0.5 * (numbers["count_0"] > 3), 0.8 * (texts["text_0"] < 3)),
        np.where(texts["text_1"] == 5, numbers["share_0"], -numbers["share_1"]),
    )
    converted = draw.random(count) < 1 / (1 + np.exp(4.1 - sum(odds)))
    words = {name: pa.array(np.char.add("value ", codes.astype(str))) for name, codes in texts.items()}
    return pa.table(
        {
            **numbers,
            **words,
            "converted": converted,
            "time": np.arange(count),
            "user": draw.integers(0, count * 3, count),
            "id": pa.array(np.arange(count).astype(str)),
        }
    )


def compared(rows: int, threads: int) -> float:
    """The seconds of a whole training."""
    with tempfile.TemporaryDirectory() as folder:
        task = ClassifierTask(
            "conversion", "a conversion", "sessions", "in a benchmark", "", "", Path(folder), Path(folder)
        )
        began = time.perf_counter()

        def log(line: str) -> None:
            click.echo(f"{time.perf_counter() - began:6.1f} s  {line}")

        examples = examples_of(drawn(rows), "converted", user="user", row_id="id", time="time")
        train_classifier(task, examples, "", datetime.now(UTC), log, threads=threads)
        log("done")
        return time.perf_counter() - began


def scoring(rows: int) -> list[tuple[str, float]]:
    """Name and seconds of each model, and of a blend."""
    examples = examples_of(drawn(FITTED), "converted", user="user", time="time")
    encoding = examples.encoding(np.ones(len(examples), bool))
    learnt = Learnt(encoding.encode(examples.inputs), examples.target, examples.user)
    scored, made = drawn(rows, seed=2), []
    for size, at in (("smallest", 0), ("largest", -1)):
        files = {}
        for model in MODELS:
            point = {name: values[at] for name, values in LARGE_GRIDS[model].items()}
            files[model] = to_onnx(learnt.fitted(Kind(model, PLAIN), point, 1), len(encoding.places))
        ways = {model: (content,) for model, content in files.items()}
        ways[f"blend of {', '.join(BLENDED)}"] = tuple(files[model] for model in BLENDED)
        for name, contents in ways.items():
            nothing = FeatureBaseline((), ())
            of = ("", "", name, {}, encoding, CalibrationMap("sigmoid"), 0.5, "", "", "", "", "", nothing, "")
            scorer = ClassifierScorer(ClassifierInfo(*of), contents)
            assert scorer.sessions
            began = time.perf_counter()
            scorer.probability(scored)
            made.append((f"{name}, {size}", time.perf_counter() - began))
    return made


if __name__ == "__main__":
    main()
