"""From the tables of conversion to its page, and to the page's file."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flywheel_assets.conversion import (
    conversion_dataset,
    conversion_ledger,
    conversion_predictions,
    conversion_reliability,
)
from flywheel_assets.conversion.definition import COMMANDS, CONVERSION_MODEL
from flywheel_assets.conversion.training_task import others_among
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.report import index
from flywheel_assets.intervals import Interval
from flywheel_assets.report import numbers as n
from flywheel_assets.report.page import GENERATION_META
from flywheel_assets.report.pages import CONVERSION, INDEX, Pages
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

NAME = "Conversion"

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

WORDS = Words(
    "session",
    "convert",
    "converted",
    "conversions",
    "The predictions of an interval are judged when the interval has closed.",
    named={"weekday": WEEKDAYS},
)

SHOWN = (conversion_dataset.TABLE, conversion_predictions.TABLE, conversion_ledger.TABLE, conversion_reliability.TABLE)
"""The tables that the page shows; the first has to be there."""

LEDGER, RELIABILITY = conversion_ledger.TABLE.name, conversion_reliability.TABLE.name


def content_of(flywheel: Flywheel, interval: Interval) -> ClassifierPage:
    """What the page of an interval with a data set says."""
    judgements = [Judgement(i, row) for i in _judged(flywheel, interval) for row in _rows(flywheel, LEDGER, i)]
    predictions = conversion_predictions.TABLE.name
    made = flywheel.warehouse.exists(predictions, interval)
    predicted = flywheel.warehouse.rows(predictions, interval) if made else None
    model = _model(flywheel)
    return ClassifierPage(
        words=WORDS,
        interval=interval,
        closed=flywheel.closed(interval),
        model=model,
        train=f"{COMMANDS} train",
        wait=flywheel.conversion.model_wait,
        predicted=predicted,
        knows_outcome=model is not None and model.info.learnt_to >= interval.key,
        highest=_highest(flywheel, interval) if predicted else [],
        facts=("User", "Began"),
        judgements=judgements,
        reliability=_rows(flywheel, RELIABILITY, judgements[0].interval) if judgements else [],
    )


def page_generation(flywheel: Flywheel, interval: Interval) -> Generation:
    """What the page would be made from now."""
    earlier = [i for i in flywheel.calendar if i.number <= interval.number]

    def digest(table: str, intervals: Sequence[Interval]) -> str:
        made = [flywheel.warehouse.generation(table, i) for i in intervals if flywheel.warehouse.exists(table, i)]
        return digest_of_all(one.digest if one else NOTHING for one in made)

    model = _model(flywheel)
    return Generation(
        "conversion_page",
        {t.name: digest(t.name, earlier if t.name in (LEDGER, RELIABILITY) else [interval]) for t in SHOWN},
        {
            "interval number": str(interval.number),
            "closed": "yes" if flywheel.closed(interval) else "no",
            "model": f"{model.bundle.version}, in use: {model.in_use}" if model else "none",
            "wait": flywheel.conversion.model_wait,
            "links": repr(_links(flywheel, interval)),
            "look": look(__package__),
        },
    )


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page could be made and is missing, or was made from other data than the present."""
    table = conversion_dataset.TABLE
    if not table.used(flywheel.settings) or flywheel.conversion.wait:
        return False
    if not flywheel.warehouse.exists(table.name, interval):
        return False
    return pages(flywheel).digest(interval, GENERATION_META) != page_generation(flywheel, interval).digest


def write_page(flywheel: Flywheel, interval: Interval) -> tuple[Path, str]:
    """Write the page, and the index of all pages; the digest of what it was made from is returned too. Raises
    NotMaterializedError without a data set, ReportError when it cannot be written."""
    made_from = page_generation(flywheel, interval).digest  # first: what is written meanwhile leaves the page stale
    html = classifier_page([content_of(flywheel, interval)], NAME, _links(flywheel, interval), made_from)
    found = pages(flywheel)
    written = found.path(interval)
    return found.write(interval, html, lambda: index(flywheel, written)), made_from


def pages(flywheel: Flywheel) -> Pages:
    """The pages of conversion."""
    return Pages(flywheel.warehouse.folder, CONVERSION)


def _links(flywheel: Flywheel, interval: Interval) -> list[tuple[str, str]]:
    """The index, and the page of the previous interval where there is one or can be."""
    previous = flywheel.extent.previous(interval)
    links = [("All reports", INDEX)]
    if previous and flywheel.warehouse.exists(conversion_dataset.TABLE.name, previous):
        links.append(("Previous interval", pages(flywheel).path(previous).name))
    return links


def _model(flywheel: Flywheel) -> TrainedModel | None:
    """Of candidates only those of the present definition: one may be of a table of the team's own."""
    definition = flywheel.conversion.definition
    wanted = (definition.conversion, definition.horizon)
    folder = flywheel.settings.conversion_models_dir
    return shown_model(folder, CONVERSION_MODEL, lambda info: (info.target, info.horizon) == wanted)


def _judged(flywheel: Flywheel, interval: Interval) -> list[Interval]:
    """The intervals up to this one that have a ledger, newest first."""
    found = [i for i in flywheel.calendar if i.number <= interval.number and flywheel.warehouse.exists(LEDGER, i)]
    return found[::-1]


def _rows(flywheel: Flywheel, table: str, interval: Interval) -> list[dict[str, Any]]:
    """All rows of a small table; none where it is not there."""
    if not flywheel.warehouse.exists(table, interval):
        return []
    return flywheel.engine.collect(flywheel.warehouse.read(table, interval)).to_pylist()


def _highest(flywheel: Flywheel, interval: Interval) -> list[HighRow]:
    """The predictions of the highest probability with their reasons, by the model that made them."""
    predictions = flywheel.warehouse.read(conversion_predictions.TABLE.name, interval)
    rows = flywheel.warehouse.read(conversion_dataset.TABLE.name, interval)
    own = predictions.select("session_id", "probability", "model_version")
    joined = rows.inner_join(own, "session_id")
    ordered = joined.order_by(joined.probability.desc(), joined.session_id)
    top = flywheel.engine.collect(ordered.limit(MOST_SHOWN))
    others = flywheel.engine.collect(others_among(rows))
    version = top["model_version"][0].as_py()
    folder = flywheel.settings.conversion_models_dir
    reasons = reasons_by(folder, CONVERSION_MODEL, version, top, others, WORDS)
    closed, zone = flywheel.closed(interval), ZoneInfo(flywheel.calendar.timezone)
    return [
        HighRow(
            row["session_id"],
            row["probability"],
            row["converted"] if closed else None,
            (row["user_id"], _began(row["timestamp_unix"], zone)),
            why,
        )
        for row, why in zip(top.to_pylist(), reasons, strict=True)
    ]


def _began(unix: int, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(unix, zone)
    return f"{n.short_day(at.date())}, {at:%H:%M}"
