"""`flywheel models`: the commands that train, adopt, compile and verify. Imports stand inside them, as in `cli`."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_assets.cli import lifecycle as cli_lifecycle

if TYPE_CHECKING:
    from flywheel_assets.training.network import Log


@click.group()
def models() -> None:
    """Train, adopt, compile and verify the models; compare, promote and roll back what was trained."""


for _command in (cli_lifecycle.list_models, cli_lifecycle.compare, cli_lifecycle.promote, cli_lifecycle.rollback):
    models.add_command(_command)

_MODELS_DIR = click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)


@models.command()
@click.option("--from", "first", metavar="KEY", help="Train on the labelled sessions from this interval, by first day")
@click.option("--to", "last", metavar="KEY", help="and to this one  [default for both: all that were run]")
@click.option("--labelled", type=click.Path(path_type=Path), help="Train on a parquet file of labelled sessions.")
@click.option("--sample", is_flag=True, help="Train on simulated sessions, to see what training does.")
@click.option("--users", type=click.IntRange(100), default=20_000, show_default=True, help="Simulated users.")
@click.option("--intervals", type=click.IntRange(2), default=6, show_default=True, help="Simulated intervals.")
@click.option("--quick", is_flag=True, help="Try two networks per model in place of five, in half of the time.")
@click.option("--seed", type=click.IntRange(0), default=2024, show_default=True, help="Same seed, same version.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a whole models folder there, like the shipped one, instead of a candidate.",
)
@click.pass_context
def train(
    context: click.Context,
    first: str | None,
    last: str | None,
    labelled: Path | None,
    sample: bool,
    users: int,
    intervals: int,
    quick: bool,
    seed: int,
    out: Path | None,
) -> None:
    """Train both models and write them to candidates/VERSION in the models folder; those in use stay as they are.

    On the landed sessions and their labels, of all intervals that were run or of a range (--from, --to); or on a file
    (--labelled); or on simulated sessions (--sample, with --users, --intervals and --out)."""
    if sum([first is not None or last is not None, labelled is not None, sample]) > 1:
        raise click.UsageError("expected only one: --from and --to, or --labelled, or --sample")
    drawn = [name for name in ("users", "intervals", "out") if context.get_parameter_source(name) != _DEFAULT]
    if drawn and not sample:
        raise click.UsageError(f"--{drawn[0]} is for simulated sessions: add --sample, or leave it out")
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.simulation.labelled_sample import sample_source
    from flywheel_assets.simulation.world import WORLD
    from flywheel_assets.training.card import worth
    from flywheel_assets.training.sources import file_source, range_source, train_and_track, train_models_folder

    if out and quick:
        raise click.UsageError("--quick is for a candidate: leave it out, or leave out --out")
    if out:
        bundle = train_models_folder(
            out, sample_source(WORLD, users, intervals, seed, "--out models"), seed, _progress()
        )
        click.echo(f"version {bundle.version} in {out}; its figures: {out / 'README.md'}")
        click.echo(f"next: flywheel models verify {out}, then set FLYWHEEL_MODELS_DIR to it")
        return
    settings, warn = Settings.read(), partial(click.echo, err=True)
    if sample:
        source = sample_source(WORLD, users, intervals, seed)
    else:
        with Flywheel.open(settings) as flywheel:
            source = file_source(flywheel, labelled, warn) if labelled else range_source(flywheel, first, last, warn)
    candidate, _ = train_and_track(settings.models_dir, source, seed, _progress(), quick)
    for name, figures in candidate.figures.items():
        click.echo(f"{name} model: {worth(figures)}")
    clustered = " and ".join(source.data.from_clusters)
    if clustered:
        click.echo(
            f"The labels of {clustered} were made from clusters: agreement with them measures how well the clusters "
            "are imitated, not whether the labels are right."
        )
    for warning in candidate.training.get("warnings", ()):
        warn(
            f"under the trained user model, {warning}: it sees the mix alone, not how many sessions a user has. With "
            "added_sessions = 0 in user_cluster_labels.toml, labels depend on the mix alone too"
        )
    click.echo(f"version {candidate.bundle.version} in {candidate.bundle.directory}")
    click.echo(f"next: flywheel models compare {candidate.bundle.version}")


_DEFAULT = click.core.ParameterSource.DEFAULT


def _progress() -> "Log":
    """Where a training writes its progress; epochs only on a terminal."""
    from flywheel_assets.training.network import without_epochs

    return click.echo if sys.stdout.isatty() else without_epochs(click.echo)


@models.command("compile")
@_MODELS_DIR
def compile_models(directory: Path | None) -> None:
    """Compile the artefacts in DIRECTORY into the ONNX files that score."""
    from flywheel_assets.registry.bundle import ModelBundle
    from flywheel_assets.registry.compilation import compile_bundle
    from flywheel_assets.registry.promotion import champion_locked

    with champion_locked(_models_dir(directory)):  # it writes the manifest, as a promotion does
        bundle = compile_bundle(ModelBundle.open(_models_dir(directory)))
    for info in bundle.models.values():
        click.echo(bundle.directory / info.files.compiled)


@models.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--yes", is_flag=True, help="Trust the source of the files without asking.")
@click.option("--label-order", "orders", multiple=True, metavar="WORST,..,BEST", help="Give it once per model.")
def adopt(directory: Path, yes: bool, orders: tuple[str, ...]) -> None:
    """Adopt the artefacts in DIRECTORY, which have no manifest: show them, ask whether you trust them and how the
    labels are ordered, write the manifest and compile."""
    from flywheel_assets.registry.adoption import adopt as adopted
    from flywheel_assets.registry.adoption import inventory
    from flywheel_assets.registry.originals import Originals
    from flywheel_assets.users.user_model import MODELS

    artefacts = inventory(directory, MODELS)
    for file in artefacts:
        click.echo(f"  {file.name}  {file.size_bytes:,} bytes  SHA-256 {file.digest}")
    if not yes:
        click.echo("Pickles and Keras files are programs: opening them runs whatever code they hold.")
        click.confirm("Do you trust the source of these files?", abort=True)
    digests = {file.name: file.digest for file in artefacts}
    opened = {spec: Originals.open(directory, spec.files, digests) for spec in MODELS}
    for spec, model in opened.items():
        layers = " > ".join(type(layer).__name__ for layer in model.network.layers)
        click.echo(f"{spec.name} model: {', '.join(model.features)} > {layers} > {', '.join(model.labels)}")
    ordered = {
        spec: (model, _label_order(spec.name, model.labels, orders, ask=not yes)) for spec, model in opened.items()
    }
    bundle = adopted(directory, artefacts, ordered)
    click.echo(f"adopted as version {bundle.version}; without a baseline, drift is measured between intervals only")
    click.echo(f"next: flywheel models verify {directory}, then set FLYWHEEL_MODELS_DIR to it")


@models.command()
@_MODELS_DIR
def verify(directory: Path | None) -> None:
    """Check the artefacts in DIRECTORY: digests, library versions, ONNX against Keras. Exit 1 when a check fails."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.registry.verification import verify as findings_of

    findings = findings_of(_models_dir(directory))
    terminal().print(table(("verdict", "what", "found"), [(f.verdict, f.subject, f.detail) for f in findings]))
    if any(finding.verdict == "failed" for finding in findings):
        click.echo("next: put right what failed, then flywheel models verify again")
        sys.exit(1)
    click.echo("next: flywheel run" + (f", with FLYWHEEL_MODELS_DIR={directory}" if directory else ""))


def _models_dir(directory: Path | None) -> Path:
    from flywheel_assets.settings import Settings

    return directory or Settings.read().models_dir


def _label_order(name: str, labels: tuple[str, ...], orders: tuple[str, ...], ask: bool) -> tuple[str, ...]:
    from flywheel_assets.registry.adoption import matching_order

    def matching(*candidates: str) -> tuple[str, ...]:
        order = matching_order(labels, candidates)
        if order is None:
            raise click.UsageError(
                f"the labels of the {name} model are {', '.join(labels)}; expected --label-order with exactly these, "
                "worst to best, separated by commas"
            )
        return order

    if ask and matching_order(labels, orders) is None:
        order: tuple[str, ...] = click.prompt(
            f"Labels of the {name} model, worst to best ({', '.join(labels)})", value_proc=matching
        )
        return order
    return matching(*orders)
