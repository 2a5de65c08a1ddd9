"""`flywheel intent train`, `compare`, `promote`, `rollback`, `suggest`: what is learnt from outcomes. Imports stand
inside, as in `cli`."""

from typing import TYPE_CHECKING

import click

from flywheel_assets.cli.lifecycle import check_reason, print_promotion

if TYPE_CHECKING:
    from flywheel_assets.intent.model_comparison import IntentComparison

_FORCED = ' --force --why "..."'


@click.command()
def train() -> None:
    """Train a model of intent on the outcomes so far and compare it with the rules. It is written to intent/candidates
    in the models folder; users stay ranked as they are."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.learning_rows import outcome_rows
    from flywheel_assets.intent.model_candidate import train_candidate
    from flywheel_assets.intent.model_comparison import objections
    from flywheel_assets.settings import Settings

    settings = Settings.read()
    with Flywheel.open(settings) as flywheel:
        rules, kinds = flywheel.intent.rules, list(flywheel.events.mapping.kinds)
        rows = outcome_rows(flywheel)
        made = train_candidate(settings.intent_models_dir, rows, rules, kinds, flywheel.now())
    click.echo(f"version {made.bundle.version} in {made.bundle.directory}")
    _show(made.bundle.version, made.comparison, objections(made.comparison))


@click.command()
@click.argument("version", default="")
def compare(version: str) -> None:
    """Compare VERSION, by default the newest candidate, with the rules and the model in use, on the users that it was
    not trained on."""
    from flywheel_assets.intent.model_comparison import COMMANDS, compare_bundle, objections
    from flywheel_assets.registry.shelves import candidate, champion, promotable
    from flywheel_assets.settings import Settings

    models_dir = Settings.read().intent_models_dir
    find = promotable if version else candidate
    bundle = find(models_dir, version, COMMANDS)
    comparison = compare_bundle(bundle, champion(models_dir))
    _show(bundle.version, comparison, objections(comparison))


def _show(version: str, comparison: "IntentComparison", against: list[str]) -> None:
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.intent.model_candidate import SHOWN
    from flywheel_assets.intent.model_comparison import comparison_rows, remarks

    first, last = comparison.intervals[0], comparison.intervals[-1]
    when = first if first == last else f"{first} to {last}"
    click.echo(
        f"judged on what it was not trained on, {comparison.users:,} users in {when}: {comparison.conversions:,} of "
        f"{comparison.rows:,} converted"
    )
    heads = ("ranking", *SHOWN, "model's AUC less this one's")
    terminal().print(table(heads, comparison_rows(comparison, SHOWN)))
    for one in against:
        click.echo(f"against a promotion: {one}")
    for one in remarks(comparison):
        click.echo(f"mind that {one}")
    click.echo(f"next: flywheel intent promote {version}{_FORCED if against else ''}")


@click.command()
@click.argument("version")
@click.option("--force", is_flag=True, help="Promote despite all objections; needs --why.")
@click.option("--why", default="", metavar="TEXT", help="The reason, kept in models/intent/promotions.json.")
def promote(version: str, force: bool, why: str) -> None:
    """Rank users by the model VERSION from now on. Refused unless it ranks better than the rules beyond noise and its
    probabilities fit as well. The rules go on explaining scores. If it was interrupted, run it again to complete it."""
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.model_comparison import promote_model
    from flywheel_assets.settings import Settings

    check_reason(force, why)
    with Flywheel.open(Settings.read()) as flywheel:
        done = promote_model(flywheel, version, why.strip(), force)
    print_promotion("users are ranked by the model", done)
    click.echo("next: flywheel run | back: flywheel intent rollback")


@click.command()
@click.option("--why", default="", metavar="TEXT", help="The reason, kept in models/intent/promotions.json.")
def rollback(why: str) -> None:
    """Restore the previous model of intent, and archive the present one. After the first one, users are ranked by the
    rules again."""
    from datetime import UTC, datetime

    from flywheel_assets.registry.promotion import rollback as rolled_back
    from flywheel_assets.settings import Settings

    done = rolled_back(Settings.read().intent_models_dir, datetime.now(UTC), why.strip(), or_none=True)
    by = f"the model {done.version}" if done.version else "the score of the rules"
    click.echo(f"users are ranked by {by} again, in place of the model {done.before}")
    click.echo(f"next: flywheel run{' --rescore' if done.version else ''}")


@click.command()
@click.option("--write", is_flag=True, help="Replace the points in the file itself.")
def suggest(write: bool) -> None:
    """Suggest new points for the rules from the outcomes so far, and say what they would change. They go into
    intent_rules.suggested.toml, beside the rules, for you to accept."""
    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.learning_rows import outcome_rows
    from flywheel_assets.intent.ranking import scored_interval, tier_moves
    from flywheel_assets.intent.suggested_points import suggest as suggestion_of
    from flywheel_assets.intent.suggested_points import with_points
    from flywheel_assets.intent.user_features import numeric_features
    from flywheel_assets.settings import Settings
    from flywheel_assets.warehouse.files import write_whole

    settings = Settings.read()
    with Flywheel.open(settings) as flywheel:
        rules, mapping = flywheel.intent.rules, flywheel.events.mapping
        kinds = list(mapping.kinds)
        found = suggestion_of(outcome_rows(flywheel), rules, kinds)
        latest = scored_interval(flywheel, None)
        moves = tier_moves(flywheel, latest, found.rules)
    if not found.why:
        click.echo("the outcomes change no points")
        click.echo("next: flywheel intent check")
        return
    of = {rule.name: rule.points for rule in found.rules.rules}
    changed = [rule for rule in rules.rules if rule.name in found.why]
    lines = [(rule.name, f"{rule.points:g}", f"{of[rule.name]:g}", found.why[rule.name]) for rule in changed]
    terminal().print(table(("rule", "points", "suggested", "why"), lines))
    click.echo(
        f"AUC on {found.users:,} users held out: {found.before.value:.3f} now, {found.after.value:.3f} as suggested, "
        f"{found.difference.as_difference}"
    )
    if found.difference.low <= 0 <= found.difference.high:
        click.echo("which may be chance: no better and no worse, beyond noise")
    changes = {f"{before} to {after}": count for (before, after), count in sorted(moves.items()) if before != after}
    listed = "".join(f"; {change}: {count:,}" for change, count in changes.items())
    click.echo(f"{sum(changes.values()):,} of {sum(moves.values()):,} users of {latest.dates} change tier{listed}")
    path = settings.intent_file
    known = (kinds, numeric_features(kinds), list(mapping.carried))
    text = with_points(path.read_text(encoding="utf-8"), path, rules, found.rules, *known)
    target = path if write else path.with_name(f"{path.stem}.suggested{path.suffix}")
    write_whole(target, text.encode())
    click.echo(f"written: {target}")
    click.echo(
        "next: flywheel run"
        if write
        else f"next: flywheel intent check {target.name} | flywheel intent suggest --write"
    )
