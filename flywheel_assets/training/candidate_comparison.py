"""A candidate compared with the champion, for `flywheel models compare` and `promote` and for the asset
`model_comparison`. Knows nothing of Dagster."""

import ibis.expr.types as ir

from flywheel_assets.errors import ArtefactError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.comparison import Flips, ModelComparison
from flywheel_assets.registry.holdout import Holdout, Models, on_holdout, remarks
from flywheel_assets.tables.changes import moves
from flywheel_assets.users.second_opinion import models_of, second_opinion


def compare_bundles(flywheel: Flywheel, candidate: ModelBundle, champion: ModelBundle) -> ModelComparison:
    """Both on the candidate's holdout and on the latest closed interval with sessions. What cannot be compared is told
    of in ``problems``; that nothing has been run yet is none."""
    new, old = models_of(flywheel, candidate), models_of(flywheel, champion)
    problems, said = [], []
    try:
        rows = Holdout.read(candidate.directory)
        holdout, flips = on_holdout(old, new, rows)
        said = remarks(champion, rows)
    except ArtefactError as error:
        holdout, flips = [], []
        problems.append(f"there are no figures on a holdout: {error}")
    latest = latest_interval(flywheel)
    if latest:
        try:
            flips += _flips(flywheel, latest, old, new)
        except (ArtefactError, ValueError) as error:  # a feature that is no column, or has nulls
            problems.append(f"nobody knows what would change in {latest.key}: {error}")
    parts = tuple(holdout), tuple(flips), tuple(problems), tuple(said)
    return ModelComparison(candidate.version, champion.version, *parts)


def latest_interval(flywheel: Flywheel) -> Interval | None:
    """The latest closed interval whose trimmed_sessions have rows; None when there is none."""
    now = flywheel.now()
    closed = [key for key in flywheel.warehouse.keys("trimmed_sessions") if flywheel.interval(key).closed(now)]
    intervals = (flywheel.interval(key) for key in reversed(closed))
    return next((i for i in intervals if flywheel.warehouse.rows("trimmed_sessions", i)), None)


def _flips(flywheel: Flywheel, interval: Interval, champion: Models, candidate: Models) -> list[Flips]:
    with second_opinion(flywheel, interval, (champion, candidate)) as (sessions, (before, after)):
        by_label = sessions.group_by(from_label="label_0", to_label="label_1").aggregate(count=sessions.count())
        by_user = moves(before, after, "user_id", "user_flywheel_label")
        return [
            Flips("sessions", interval.key, True, _pairs(flywheel, by_label)),
            Flips("users", interval.key, True, _pairs(flywheel, by_user)),
        ]


def _pairs(flywheel: Flywheel, counted: ir.Table) -> tuple[tuple[str, str, int], ...]:
    rows = flywheel.engine.collect(counted).to_pylist()
    return tuple(sorted((row["from_label"], row["to_label"], row["count"]) for row in rows))
