"""How well engagement with items is predicted, by every protocol and over several seeds.

    python -m benchmarks.engagement_quality ml-latest-small.zip

PATH is MovieLens as GroupLens ships it. Import, features, comparison, calibration and judgement are those of
`flywheel engagement train`; explanations are left out. Figures are of the test part, with 95 % intervals from a
bootstrap of users; the targets are those for MovieLens small, and every seed has to reach them."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from flywheel_assets.cli.console import table, terminal
from flywheel_assets.engagement.engagement_file import LAST_ONE, LAST_TEN
from flywheel_assets.engagement.interaction_tables import make_dataset, make_interactions
from flywheel_assets.engagement.movielens import read_movielens
from flywheel_assets.engagement.training_task import KINDS, REFERENCE, dataset_examples
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.settings import Settings
from flywheel_assets.training.classifier.card import estimate_text
from flywheel_assets.training.classifier.comparison import Learnt, compare
from flywheel_assets.training.classifier.evaluation import BRIER_SKILL, ECE, RMSE, ROC_AUC, Evaluation, evaluate
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.other_splits import scored_by
from flywheel_assets.training.classifier.split import Parts
from flywheel_assets.training.classifier.threshold import ThresholdRule

SEEDS = (2024, 2025, 2026)
SHOWN = (ROC_AUC, RMSE, ECE, BRIER_SKILL)

LEAST_AUC = {LAST_TEN: 0.785, LAST_ONE: 0.75}
MOST_ECE, MOST_RMSE = 0.03, 0.43
"""Of the last ten. Of 610 rows even a perfect model has an ECE of 0.047 on average."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--threads", default=2, show_default=True)
def main(path: Path, threads: int) -> None:
    """Figures of the chosen model and the reference on PATH, MovieLens small, and whether the targets are reached."""
    with tempfile.TemporaryDirectory(prefix="flywheel-engagement-") as folder:
        settings = Settings.read(Path(folder), {})
        read_movielens(path).write(settings.interactions_dir)
        with Flywheel.open(settings) as flywheel:
            make_interactions(flywheel)
            make_dataset(flywheel)
            examples = dataset_examples(flywheel)
    console, found = terminal(), {}
    for protocol, parts in examples.splits.items():
        lines = []
        for seed in SEEDS:
            name, judged = judged_by(examples, parts, seed, threads)
            found[protocol, seed] = judged
            lines += [
                (str(seed) if way == "model" else "", name if way == "model" else way, *texts(judged, way))
                for way in judged.figures
            ]
        console.print(table(("seed", "", *SHOWN), lines, f"{protocol}: {judged.rows:,} interactions"))
    reached = targets(found)
    for target, is_reached in reached.items():
        console.print(f"{'reached' if is_reached else 'missed'}: {target}")
    sys.exit(0 if all(reached.values()) else 1)


def judged_by(examples: Examples, parts: Parts, seed: int, threads: int) -> tuple[str, Evaluation]:
    """What is chosen on the validation part of a protocol, and the test part by it and by the reference."""
    encoding = examples.encoding(parts.known)
    every = Learnt(encoding.encode(examples.inputs), examples.target, examples.user)
    compared = compare(every.take(parts.fit), every.take(parts.validation), KINDS, seed, threads, click.echo)
    reference = next(one for one in compared if one.name == str(REFERENCE))
    ways = {
        name: scored_by(one.members, every, parts, ThresholdRule(), seed, threads)
        for name, one in (("model", compared[0]), ("reference", reference))
    }
    return compared[0].name, evaluate(examples.target[parts.test], examples.user[parts.test], ways)


def texts(judged: Evaluation, way: str) -> list[str]:
    return [estimate_text(judged.figures[way][metric]) for metric in SHOWN]


def targets(found: Mapping[tuple[str, int], Evaluation]) -> dict[str, bool]:
    """What is asked, and whether every seed reaches it."""

    def values(protocol: str, metric: str) -> list[float]:
        return [one.model[metric].value for (of, _), one in found.items() if of == protocol]

    leads = [one.differences["reference"][BRIER_SKILL].low for (of, _), one in found.items() if of == LAST_TEN]
    return {
        **{f"{of}: ROC-AUC at least {least}": min(values(of, ROC_AUC)) >= least for of, least in LEAST_AUC.items()},
        f"{LAST_TEN}: ECE at most {MOST_ECE}": max(values(LAST_TEN, ECE)) <= MOST_ECE,
        f"{LAST_TEN}: RMSE at most {MOST_RMSE}": max(values(LAST_TEN, RMSE)) <= MOST_RMSE,
        f"{LAST_TEN}: Brier skill above the reference's beyond noise": min(leads) > 0,
    }


if __name__ == "__main__":
    main()
