"""From the tables of conversion to its page, and to the page's file."""

from datetime import datetime
from pathlib import Path
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
from flywheel_assets.history.system_pages import SystemPages, rows_of, rows_up_to
from flywheel_assets.intervals import Interval
from flywheel_assets.report import numbers as n
from flywheel_assets.report.pages import CONVERSION
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

PAGES = SystemPages(
    CONVERSION,
    SHOWN,
    (conversion_ledger.TABLE, conversion_reliability.TABLE),
    (conversion_dataset.TABLE,),
)


def content_of(flywheel: Flywheel, interval: Interval) -> ClassifierPage:
    """What the page of an interval with a data set says."""
    judgements = [Judgement(i, row) for i, row in rows_up_to(flywheel, conversion_ledger.TABLE, interval)]
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
        reliability=rows_of(flywheel, conversion_reliability.TABLE, judgements[0].interval) if judgements else [],
    )


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page could be made and is missing, or was made from other data than the present."""
    if not conversion_dataset.TABLE.used(flywheel.settings) or flywheel.conversion.wait:
        return False
    return PAGES.is_stale(flywheel, interval, _parameters(flywheel))


def write_page(flywheel: Flywheel, interval: Interval) -> tuple[Path, str]:
    """Write the page, and the index of all pages; the digest of what it was made from is returned too. Raises
    NotMaterializedError without a data set, ReportError when it cannot be written."""
    # First, so that what is written while the page is made leaves it stale.
    made_from = PAGES.generation(flywheel, interval, _parameters(flywheel)).digest
    page = classifier_page([content_of(flywheel, interval)], NAME, PAGES.links(flywheel, interval), made_from)
    return PAGES.write(flywheel, interval, page), made_from


def _parameters(flywheel: Flywheel) -> dict[str, str]:
    """What the page shows beside tables."""
    model = _model(flywheel)
    return {
        "model": model.identity if model else "none",
        "wait": flywheel.conversion.model_wait,
        "look": look(__package__),
    }


def _model(flywheel: Flywheel) -> TrainedModel | None:
    """Of candidates only those of the present definition: one may be of a table of the team's own."""
    definition = flywheel.conversion.definition
    wanted = (definition.conversion, definition.horizon)
    folder = flywheel.settings.conversion_models_dir
    return shown_model(folder, CONVERSION_MODEL, lambda info: (info.target, info.horizon) == wanted)


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
