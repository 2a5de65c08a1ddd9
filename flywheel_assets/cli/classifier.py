"""The commands that the classifiers of all systems have: train, and what follows it. Imports stand inside, as in
`main`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from flywheel_assets.cli.lifecycle import check_reason, print_promotion

if TYPE_CHECKING:
    import pyarrow as pa

    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.registry.bundle import ModelBundle
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.classifier.evaluation import Evaluation
    from flywheel_assets.training.classifier.examples import Examples
    from flywheel_assets.training.classifier.task import ClassifierTask

Rows = Callable[["Flywheel", str], "tuple[pa.Table, pa.Table] | None"]
"""The row of an id, and the rows beside which it is explained; None where the system's table has no such id."""


def add_commands(group: click.Group, task_of: "Callable[[Settings], ClassifierTask]", rows_of: Rows) -> None:
    """Adds evaluate, explain, compare, promote and rollback to a system's group. ``task_of``: its task, of which the
    horizon and the threshold matter to nothing but training."""

    @group.command()
    @click.argument("version", default="")
    def evaluate(version: str) -> None:
        """Show how well VERSION did on the rows that judged it, beside the baselines, by default the model in use, else
        the newest candidate."""
        from flywheel_assets.settings import Settings
        from flywheel_assets.training.classifier.evaluation import Evaluation

        task = task_of(Settings.read())
        bundle = _bundle(task, version)
        _show_comparison(bundle)
        show_evaluation(task, bundle, Evaluation.from_json(bundle.training["evaluation"]))

    @group.command()
    @click.argument("row_id", metavar="ID")
    @click.option("--version", default="", help="The model  [default: the one in use, else the newest candidate]")
    def explain(row_id: str, version: str) -> None:
        """Show why the row ID gets its probability: how far each input moves the odds, beside rows of the same
        interval; of a candidate that learnt from a table, beside rows of its test part."""
        from flywheel_assets.cli.console import table, terminal
        from flywheel_assets.flywheel import Flywheel
        from flywheel_assets.settings import Settings
        from flywheel_assets.training.classifier.promotion import holdout_row, scorer_of
        from flywheel_assets.training.classifier.reasons import explained

        settings = Settings.read()
        task = task_of(settings)
        bundle = _bundle(task, version)
        with Flywheel.open(settings, to_write=False) as flywheel:
            row, others = rows_of(flywheel, row_id) or holdout_row(task, bundle, row_id)
        (found,) = explained(scorer_of(task, bundle), row, others)
        console = terminal()
        console.print(table(("input", "value", "log-odds", ""), found.lines, f"{row_id}: {found.sentence}"))
        console.print(found.sum_sentence, highlight=False)

    @group.command()
    @click.argument("version", default="")
    def compare(version: str) -> None:
        """Compare VERSION, by default the newest candidate, with the baselines and the model in use, on the rows that
        judge it."""
        from flywheel_assets.registry.shelves import candidate, champion, promotable
        from flywheel_assets.settings import Settings
        from flywheel_assets.training.classifier.promotion import compare_bundle, objections

        task = task_of(Settings.read())
        bundle = (promotable if version else candidate)(task.models_dir, version, task.commands)
        comparison = compare_bundle(task, bundle, champion(task.models_dir))
        show_evaluation(task, bundle, comparison.judged)
        if comparison.beside:
            _show_differences(comparison.beside)
        for remark in comparison.remarks:
            click.echo(f"Warning: {remark}")
        against = objections(comparison)
        for one in against:
            click.echo(f"against a promotion: {one}")
        forced = ' --force --why "..."' if against else ""
        click.echo(f"next: {task.commands} promote {bundle.version}{forced}")

    @group.command()
    @click.argument("version")
    @click.option("--force", is_flag=True, help="Promote despite all objections; needs --why.")
    @click.option("--why", default="", metavar="TEXT", help="The reason, kept in promotions.json of the models folder.")
    def promote(version: str, force: bool, why: str) -> None:
        """Predict with the model VERSION from now on. Refused unless it ranks better than one rule beyond noise, and no
        worse than the model in use. If it was interrupted, run it again to complete it."""
        from datetime import UTC

        from flywheel_assets.settings import Settings
        from flywheel_assets.training.classifier.promotion import promote_classifier

        check_reason(force, why)
        task = task_of(Settings.read())
        print_promotion("the model in use is", promote_classifier(task, version, datetime.now(UTC), why.strip(), force))
        click.echo(f"next: flywheel run | back: {task.commands} rollback")

    @group.command()
    @click.option("--why", default="", metavar="TEXT", help="The reason, kept in promotions.json of the models folder.")
    def rollback(why: str) -> None:
        """Restore the previous model, and archive the present one. After the first one, nothing is predicted."""
        from datetime import UTC

        from flywheel_assets.registry.promotion import rollback as rolled_back
        from flywheel_assets.settings import Settings

        done = rolled_back(task_of(Settings.read()).models_dir, datetime.now(UTC), why.strip(), or_none=True)
        present = f"{done.version} again" if done.version else "none"
        click.echo(f"the model in use is {present}, in place of {done.before}")
        click.echo("next: flywheel run")


def train_and_show(
    task: "ClassifierTask", examples: "Examples", command: str, now: datetime, threads: int, allow: Sequence[str] = ()
) -> None:
    """Trains a candidate and says what came of it."""
    from flywheel_assets.training.classifier.record import train_and_track

    made, _ = train_and_track(task, examples, command, now, click.echo, threads, allow)
    _show_comparison(made.bundle)
    show_evaluation(task, made.bundle, made.evaluation)
    click.echo(f"next: {task.commands} promote {made.bundle.version}")


def show_evaluation(task: "ClassifierTask", bundle: "ModelBundle", evaluation: "Evaluation") -> None:
    """The figures of a bundle's classifier with its baselines, and its warnings."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.registry.files import CARD
    from flywheel_assets.training.classifier.card import estimate_text
    from flywheel_assets.training.classifier.evaluation import BRIER_SKILL, ECE, METRICS, RMSE, ROC_AUC

    info = bundle.classifiers[task.name]
    figures = [(metric, *(estimate_text(of[metric]) for of in evaluation.figures.values())) for metric in METRICS]
    judged = f"judged on {evaluation.rows:,} {info.rows}, {evaluation.positives:,} positive"
    title = f"{info.description}, {info.horizon}: {judged}"
    terminal().print(table(("", *evaluation.figures), figures, title))
    apart = {**evaluation.groups, **{f"split by {name}": one for name, one in evaluation.other_splits.items()}}
    if apart:
        shown = (ROC_AUC, RMSE, BRIER_SKILL, ECE)
        parts = [(name, one.rows, *(estimate_text(one.model[m]) for m in shown)) for name, one in apart.items()]
        terminal().print(table(("", "rows", *shown), parts, "The model by group, and made and judged on other splits"))
    for warning in bundle.training["warnings"]:
        click.echo(f"Warning: {warning}")
    click.echo(f"decides from a probability of {info.threshold:.3f} on ({info.threshold_rule})")
    click.echo(f"version {bundle.version}, card: {bundle.directory / CARD}")


def _show_comparison(bundle: "ModelBundle") -> None:
    from flywheel_assets.cli.console import table, terminal

    lines = [
        (
            one["candidate"],
            *(f"{one[name]:.4f}" for name in ("pr_auc", "roc_auc")),
            *(f"{one[name]:.4f} > {one[f'{name}_calibrated']:.4f}" for name in ("log_loss", "brier")),
        )
        for one in bundle.training["comparison"]
    ]
    heads = ("candidate", "PR-AUC", "ROC-AUC", "log loss > calibrated", "Brier > calibrated")
    terminal().print(table(heads, lines, "Compared on the validation part"))


def _show_differences(beside: "Evaluation") -> None:
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.training.classifier.card import estimate_text
    from flywheel_assets.training.classifier.promotion import IN_USE

    lines = [
        (metric, estimate_text(beside.model[metric]), estimate_text(in_use), beside.differences[IN_USE][metric])
        for metric, in_use in beside.figures[IN_USE].items()
    ]
    shown = [(*line[:3], line[3].as_difference) for line in lines]
    terminal().print(table(("", "model", IN_USE, "difference"), shown, "On the same rows as the model in use"))


def _bundle(task: "ClassifierTask", version: str) -> "ModelBundle":
    from flywheel_assets.registry.shelves import candidate, champion, promotable

    present = champion(task.models_dir)
    if version and not (present and present.version == version):
        return promotable(task.models_dir, version, task.commands)
    return present or candidate(task.models_dir, "", task.commands)
