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
from flywheel_assets.history.report import index
from flywheel_assets.intervals import Interval
from flywheel_assets.report.page import GENERATION_META
from flywheel_assets.report.pages import ENGAGEMENT, INDEX, Pages
from flywheel_assets.tables.generation import NOTHING, Generation, digest_of_all
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

HISTORY, SCORES, LEDGER, RELIABILITY = (table.name for table in SHOWN)


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
        reliability=_of_model(_rows(flywheel, RELIABILITY, newest), target) if newest else (),
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


def page_generation(flywheel: Flywheel, interval: Interval) -> Generation:
    """What the page would be made from now."""
    earlier = [i for i in flywheel.calendar if i.number <= interval.number]

    def digest(table: str, intervals: Sequence[Interval]) -> str:
        made = [flywheel.warehouse.generation(table, i) for i in intervals if flywheel.warehouse.exists(table, i)]
        return digest_of_all(one.digest if one else NOTHING for one in made)

    models = [_model(flywheel, target) for target in TARGETS]
    return Generation(
        "engagement_page",
        {t.name: digest(t.name, earlier if t.name in (LEDGER, RELIABILITY) else [interval]) for t in SHOWN},
        {
            "interval number": str(interval.number),
            "closed": "yes" if flywheel.closed(interval) else "no",
            "models": ", ".join(f"{one.bundle.version}, in use: {one.in_use}" if one else "none" for one in models),
            "wait": flywheel.score_models.wait,
            "links": repr(_links(flywheel, interval)),
            "look": look(__package__),
        },
    )


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page could be made and is missing, or was made from other data than the present."""
    if not engagement_scores.TABLE.used(flywheel.settings) or flywheel.score_models.wait:
        return False
    if not all(flywheel.warehouse.exists(table, interval) for table in (HISTORY, SCORES)):
        return False
    return pages(flywheel).digest(interval, GENERATION_META) != page_generation(flywheel, interval).digest


def write_page(flywheel: Flywheel, interval: Interval) -> tuple[Path, str]:
    """Write the page, and the index of all pages; the digest of what it was made from is returned too. Raises
    NotMaterializedError without scores, ReportError when it cannot be written."""
    made_from = page_generation(flywheel, interval).digest  # first: what is written meanwhile leaves the page stale
    html = classifier_page(content_of(flywheel, interval), NAME, _links(flywheel, interval), made_from)
    found = pages(flywheel)
    written = found.path(interval)
    return found.write(interval, html, lambda: index(flywheel, written)), made_from


def pages(flywheel: Flywheel) -> Pages:
    """The pages of engagement."""
    return Pages(flywheel.warehouse.folder, ENGAGEMENT)


def _links(flywheel: Flywheel, interval: Interval) -> list[tuple[str, str]]:
    """The index, and the page of the previous interval where there is one or can be."""
    previous = flywheel.extent.previous(interval)
    links = [("All reports", INDEX)]
    if previous and flywheel.warehouse.exists(SCORES, previous):
        links.append(("Previous interval", pages(flywheel).path(previous).name))
    return links


def _model(flywheel: Flywheel, target: ScoreTarget) -> TrainedModel | None:
    return shown_model(folder(flywheel.settings, target), target.name, lambda info: True)


def _judgements(flywheel: Flywheel, interval: Interval, target: ScoreTarget) -> list[Judgement]:
    """Of the intervals up to this one, newest first."""
    found = []
    for one in reversed([i for i in flywheel.calendar if i.number <= interval.number]):
        rows = [row for row in _rows(flywheel, LEDGER, one) if row["target"] == target.name]
        beside = [row for row in rows if row["method"] != MODEL]
        found += [Judgement(one, row, beside) for row in _of_model(rows, target)]
    return found


def _of_model(rows: Sequence[dict[str, Any]], target: ScoreTarget) -> list[dict[str, Any]]:
    return [row for row in rows if row["target"] == target.name and row["method"] == MODEL]


def _rows(flywheel: Flywheel, table: str, interval: Interval) -> list[dict[str, Any]]:
    """All rows of a small table; none where it is not there."""
    if not flywheel.warehouse.exists(table, interval):
        return []
    return flywheel.engine.collect(flywheel.warehouse.read(table, interval)).to_pylist()


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
