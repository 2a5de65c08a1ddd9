"""`flywheel models list`, `compare`, `promote`, `rollback`: the life of a bundle. Imports stand inside, as in `cli`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.registry.promotions_record import Promotion
    from flywheel_assets.registry.shelves import Known

_BETTER = "label more sessions and train again, or overrule: "


@click.command("list")
def list_models() -> None:
    """List the champion, candidates and archived champions, those of intent too, with the accuracy of each model on the
    intervals that validated it, when it was trained, and when and why it became champion."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.intent.rules import INTENT_MODEL
    from flywheel_assets.registry.shelves import known_bundles
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    of_intent = settings.intent_models_dir
    bundles = [*known_bundles(settings.models_dir), *(known_bundles(of_intent) if of_intent.is_dir() else ())]
    models = list(dict.fromkeys(name for one in bundles for name in one.models))
    rows = [
        (
            one.version,
            one.place,
            one.trained,
            *(_model(one, name) for name in models),
            one.since,
            "incomplete, see below" if one.problem else one.why,
        )
        for one in bundles
    ]
    heads = (f"{name} model, accuracy" for name in models)
    columns = ("version", "is", "trained (UTC)", *heads, "champion from (UTC)", "why")
    terminal().print(table(columns, rows))
    for one in bundles:
        if one.problem:
            click.echo(f"\n{one.problem}")
    candidates = (one for one in bundles if one.place == "candidate" and INTENT_MODEL not in one.models)
    newest = next((one.version for one in candidates if not one.problem), None)
    click.echo(f"next: flywheel models compare {newest}" if newest else "next: flywheel models train")


def _model(bundle: "Known", name: str) -> str | None:
    """``37c9039c9062, 88.3 %``."""
    version, accuracy = bundle.models.get(name), bundle.accuracies.get(name)
    return version if version is None or accuracy is None else f"{version}, {accuracy:.1%}".replace("%", " %")


@click.command()
@click.argument("version")
def compare(version: str) -> None:
    """Compare VERSION, a candidate or an archived champion, with the champion, on VERSION's holdout and on the latest
    closed interval."""
    from flywheel_assets.cli.comparison import comparison_report
    from flywheel_assets.cli.console import terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.registry.files import CARD
    from flywheel_assets.registry.promotion import objections
    from flywheel_assets.registry.shelves import promotable
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.candidate_comparison import compare_bundles

    settings = Settings.read()
    with Flywheel.open(settings) as flywheel:
        bundle = promotable(flywheel.settings.models_dir, version)
        if not flywheel.has_models:
            click.echo(f"{settings.models_dir} has no champion, so there is nothing to compare {version} with")
            click.echo(f"its figures: {bundle.directory / CARD}")
            click.echo(f"next: flywheel models promote {version}")
            return
        found = compare_bundles(flywheel, bundle, flywheel.models)
        against = objections(found, flywheel.settings.max_flips)
    orders = {info.spec.rows: info.order for info in bundle.models.values()}
    terminal().print(comparison_report(found, orders, against), highlight=False)
    overruled = ' --force --why "..."' if against else ""
    click.echo(f"next: {_BETTER if against else ''}flywheel models promote {version}{overruled}")


@click.command()
@click.argument("version")
@click.option("--force", is_flag=True, help="Promote despite all objections; needs --why.")
@click.option("--why", default="", metavar="TEXT", help="The reason, kept in models/promotions.json.")
def promote(version: str, force: bool, why: str) -> None:
    """Make VERSION, a candidate or an archived champion, the champion, and archive the present one. Refused when
    VERSION is worse beyond noise, changes more labels than FLYWHEEL_MAX_FLIPS, or cannot be compared, for example
    without a holdout. If it was interrupted, run it again to complete it."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.candidate_comparison import promote_candidate

    check_reason(force, why)
    with Flywheel.open(Settings.read()) as flywheel:
        done, _ = promote_candidate(flywheel, version, why.strip(), force)
    print_promotion("champion is", done)
    click.echo("next: flywheel run --rescore | back: flywheel models rollback")


@click.command()
@click.option("--why", default="", metavar="TEXT", help="The reason, kept in models/promotions.json.")
def rollback(why: str) -> None:
    """Restore the previous champion, and archive the present one. After a promotion was interrupted, undo it
    instead."""
    from datetime import UTC, datetime

    from flywheel_assets.registry.promotion import rollback as rolled_back
    from flywheel_assets.settings import Settings

    done = rolled_back(Settings.read().models_dir, datetime.now(UTC), why.strip())
    click.echo(f"champion is {done.version} again, in place of {done.before}")
    click.echo("next: flywheel run --rescore")


def check_reason(force: bool, why: str) -> None:
    """Raises UsageError for a promotion that is forced without a reason."""
    if force and not why.strip():
        raise click.UsageError('--force needs --why "...", which goes into the record')


def print_promotion(now: str, done: "Promotion") -> None:
    """Says what was overruled, what is in use ``now``, as in "champion is", and where the one before is."""
    for objection in done.objections:
        click.echo(f"overruled: {objection}")
    archived = f", {done.before} is in the archive" if done.before not in (None, done.version) else ""
    click.echo(f"{now} {done.version}{archived}")
