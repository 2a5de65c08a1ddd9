"""From the tables of engagement by interval to their page, and to the page's file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel_assets.engagement import (
    engagement_history,
    engagement_ledger,
    engagement_reliability,
    engagement_scores,
)
from flywheel_assets.engagement.judged_scores import MODEL
from flywheel_assets.engagement.score_rows import others_among, score_task
from flywheel_assets.engagement.score_targets import ACTIVITY, TARGETS, ScoreTarget, folder
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.system_pages import SystemPages, rows_of, rows_up_to
from flywheel_assets.intervals import Interval
from flywheel_assets.report.pages import ENGAGEMENT
from flywheel_assets.training.classifier.page import classifier_page, look
from flywheel_assets.training.classifier.page_content import (
    MOST_SHOWN,
    ClassifierPage,
    HighRow,
    Judgement,
    TrainedModel,
    Words,
)
from flywheel_assets.training.classifier.page_source import reasons_by, shown_model

NAME = "Engagement"

JUDGED = "What was predicted at the end of one interval is judged when the next one has closed."

SHOWN = (engagement_history.TABLE, engagement_scores.TABLE, engagement_ledger.TABLE, engagement_reliability.TABLE)
"""The tables that the page shows; the first two have to be there."""

PAGES = SystemPages(
    ENGAGEMENT,
    SHOWN,
    (engagement_ledger.TABLE, engagement_reliability.TABLE),
    (engagement_history.TABLE, engagement_scores.TABLE),
)

HISTORY, SCORES = engagement_history.TABLE.name, engagement_scores.TABLE.name


def content_of(flywheel: Flywheel, interval: Interval) -> list[ClassifierPage]:
    """What the page of an interval with scores says, per target."""
    return [_of_target(flywheel, interval, target) for target in TARGETS]


def _of_target(flywheel: Flywheel, interval: Interval, target: ScoreTarget) -> ClassifierPage:
    model, words = _model(flywheel, target), _words(flywheel, target)
    judgements = _judgements(flywheel, interval, target)
    newest = judgements[0].interval if judgements else None
    highest, predicted = _highest(flywheel, interval, target, words)
    return ClassifierPage(
        words=words,
        interval=interval,
        closed=flywheel.closed(interval),
        model=model,
        train=f"{score_task(flywheel.settings, target).commands} train",
        wait=flywheel.score_models.wait,
        predicted=predicted,
        knows_outcome=model is not None and not engagement_scores.learnt_before(model.info, interval),
        highest=highest,
        facts=("Label",),
        judgements=judgements,
        reliability=_of_model(rows_of(flywheel, engagement_reliability.TABLE, newest), target) if newest else (),
    )


def _words(flywheel: Flywheel, target: ScoreTarget) -> Words:
    if target == ACTIVITY:
        return Words("user", "come back", "came back", "users who come back", JUDGED, "Active")
    best = flywheel.models["session"].order[-1]
    return Words(
        "user",
        f"have a session of {best}",
        f"had a session of {best}",
        f"users with a session of {best}",
        JUDGED,
        "Best label",
    )


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page could be made and is missing, or was made from other data than the present."""
    if not engagement_scores.TABLE.used(flywheel.settings) or flywheel.score_models.wait:
        return False
    return PAGES.is_stale(flywheel, interval, _parameters(flywheel))


def write_page(flywheel: Flywheel, interval: Interval) -> tuple[Path, str]:
    """Write the page, and the index of all pages; the digest of what it was made from is returned too. Raises
    NotMaterializedError without scores, ReportError when it cannot be written."""
    # First, so that what is written while the page is made leaves it stale.
    made_from = PAGES.generation(flywheel, interval, _parameters(flywheel)).digest
    page = classifier_page(content_of(flywheel, interval), NAME, PAGES.links(flywheel, interval), made_from)
    return PAGES.write(flywheel, interval, page), made_from


def _parameters(flywheel: Flywheel) -> dict[str, str]:
    """What the page shows beside tables."""
    models = [_model(flywheel, target) for target in TARGETS]
    identities = ", ".join(one.identity if one else "none" for one in models)
    return {"models": identities, "wait": flywheel.score_models.wait, "look": look(__package__)}


def _model(flywheel: Flywheel, target: ScoreTarget) -> TrainedModel | None:
    return shown_model(folder(flywheel.settings, target), target.name, lambda info: True)


def _judgements(flywheel: Flywheel, interval: Interval, target: ScoreTarget) -> list[Judgement]:
    """Of the intervals up to this one, newest first."""
    rows = [
        (i, row) for i, row in rows_up_to(flywheel, engagement_ledger.TABLE, interval) if row["target"] == target.name
    ]
    return [
        Judgement(i, row, [one for j, one in rows if j == i and one["method"] != MODEL])
        for i, row in rows
        if row["method"] == MODEL
    ]


def _of_model(rows: Sequence[dict[str, Any]], target: ScoreTarget) -> list[dict[str, Any]]:
    return [row for row in rows if row["target"] == target.name and row["method"] == MODEL]


def _highest(
    flywheel: Flywheel, interval: Interval, target: ScoreTarget, words: Words
) -> tuple[list[HighRow], int | None]:
    """The users of the highest probability with their reasons, by the model that predicted, and how many users have a
    probability; None where the scores are not made."""
    if not flywheel.warehouse.exists(SCORES, interval):
        return [], None
    scores, rows = flywheel.warehouse.read(SCORES, interval), flywheel.warehouse.read(HISTORY, interval)
    known = scores.filter(scores[f"probability_{target.outcome}"].notnull())
    predicted = int(flywheel.figures(known, {"rows": known.count()})["rows"])
    if not predicted:
        return [], 0
    own = known.select(
        "user_id",
        _probability=known[f"probability_{target.outcome}"],
        _version=known[f"{target.name}_model_version"],
    )
    joined = rows.inner_join(own, "user_id")
    ordered = joined.order_by(joined["_probability"].desc(), joined.user_id)
    top, others = (flywheel.engine.collect(table) for table in (ordered.limit(MOST_SHOWN), others_among(rows)))
    version = top["_version"][0].as_py()
    reasons = reasons_by(folder(flywheel.settings, target), target.name, version, top, others, words)
    made = [
        HighRow(row["user_id"], row["_probability"], None, (row["user_label"],), why)
        for row, why in zip(top.to_pylist(), reasons, strict=True)
    ]
    return made, predicted
