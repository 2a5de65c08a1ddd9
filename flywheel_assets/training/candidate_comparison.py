"""Compares a candidate with the champion on its holdout and on the latest interval, and promotes it when nothing speaks
against it. The rule itself is in `registry.promotion`. Knows nothing of Dagster."""

import ibis.expr.types as ir

from flywheel_assets.errors import ArtefactError, PromotionError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.comparison import Flips, ModelComparison
from flywheel_assets.registry.holdout import Holdout, on_holdout, remarks
from flywheel_assets.registry.promotion import objections, promote
from flywheel_assets.registry.promotions_record import Promotion, read_promotions, unfinished
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.registry.shelves import ARCHIVE, champion, promotable
from flywheel_assets.tables.changes import moves
from flywheel_assets.users import user_labels
from flywheel_assets.users.second_opinion import models_of, second_opinion


def compare_bundles(flywheel: Flywheel, candidate: ModelBundle, champion: ModelBundle) -> ModelComparison:
    """Both on the candidate's holdout and on the latest closed interval with sessions. ``problems`` lists what cannot
    be compared; that nothing has been run yet is not a problem."""
    new, old = models_of(flywheel, candidate), models_of(flywheel, champion)
    problems, notes = [], []
    try:
        rows = Holdout.read(candidate)
        holdout, flips = on_holdout(old, new, rows)
        notes = remarks(champion, rows)
    except ArtefactError as error:
        holdout, flips = [], []
        problems.append(f"there are no figures on a holdout: {error}")
    latest = latest_interval(flywheel)
    if latest:
        try:
            flips += _flips(flywheel, latest, old, new)
        except (ArtefactError, ValueError) as error:  # a feature that is no column, or has nulls
            problems.append(f"what would change in {latest.key} is unknown: {error}")
    parts = tuple(holdout), tuple(flips), tuple(problems), tuple(notes)
    return ModelComparison(candidate.version, champion.version, *parts)


def promote_candidate(
    flywheel: Flywheel, version: str, why: str, forced: bool
) -> tuple[Promotion, ModelComparison | None]:
    """Makes the candidate, or bundle of the archive, the champion; with the comparison that it rests on, None where
    there was nothing to compare with or to decide: a first champion, or a promotion that had begun.

    Raises PromotionError when something speaks against it and it is not ``forced``, ArtefactError as
    :func:`flywheel_assets.registry.promotion.promote`."""
    models_dir, now = flywheel.settings.models_dir, flywheel.now()
    begun = unfinished(read_promotions(models_dir))
    if begun:
        return promote(models_dir, version, now, begun.before), None
    bundle, present = promotable(models_dir, version), champion(models_dir)
    if present is None or present.version == bundle.version:
        return promote(models_dir, version, now, present.version if present else None, why), None
    comparison = compare_bundles(flywheel, bundle, present)
    against = objections(comparison, flywheel.settings.max_flips)
    if against and not forced:
        place = "in the archive" if bundle.directory.parent.name == ARCHIVE else "a candidate"
        raise PromotionError(
            f"{version} stays {place}, the champion {present.version} as it is:\n"
            + "".join(f"  - {one}\n" for one in against)
            + f"look at it: flywheel models compare {version}; promote it anyway: "
            f'flywheel models promote {version} --force --why "..."'
        )
    return promote(models_dir, version, now, present.version, why, against, comparison.figures()), comparison


def latest_interval(flywheel: Flywheel) -> Interval | None:
    """The latest closed interval whose trimmed_sessions have rows; None when there is none."""
    now = flywheel.now()
    made = set(flywheel.warehouse.keys("trimmed_sessions"))  # also of intervals before a first one that was moved
    closed = [interval for interval in flywheel.calendar if interval.key in made and interval.closed(now)]
    return next((i for i in reversed(closed) if flywheel.warehouse.rows("trimmed_sessions", i)), None)


def _flips(flywheel: Flywheel, interval: Interval, champion: Scorers, candidate: Scorers) -> list[Flips]:
    with second_opinion(flywheel, interval, (champion, candidate)) as (sessions, (before, after)):
        by_label = sessions.group_by(from_label="label_0", to_label="label_1").aggregate(count=sessions.count())
        by_user = moves(before, after, "user_id", user_labels.LABELS.label)
        return [
            Flips("sessions", interval.key, True, _pairs(flywheel, by_label)),
            Flips("users", interval.key, True, _pairs(flywheel, by_user)),
        ]


def _pairs(flywheel: Flywheel, counted: ir.Table) -> tuple[tuple[str, str, int], ...]:
    rows = flywheel.engine.collect(counted).to_pylist()
    return tuple(sorted((row["from_label"], row["to_label"], row["count"]) for row in rows))
