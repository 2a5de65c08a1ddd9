"""The page of a classifier in an interval, of whichever system owns it: what it predicts and how good that is, what
came of it, which rows have the highest probability and why, and the model itself."""

from collections.abc import Sequence

from flywheel_assets.report import numbers as n
from flywheel_assets.report import page as shell
from flywheel_assets.report.blocks import Section
from flywheel_assets.training.classifier.page_content import ClassifierPage, TrainedModel
from flywheel_assets.training.classifier.page_ledger import ledger
from flywheel_assets.training.classifier.page_model import comparison, figures, how_trained, inputs
from flywheel_assets.training.classifier.page_ranking import ranking
from flywheel_assets.training.classifier.page_verdict import headlines, next_step, verdict


def classifier_page(page: ClassifierPage, name: str, links: Sequence[tuple[str, str]], generation: str) -> str:
    """The page, which needs no other file. ``name`` is the system's: Conversion."""
    heading = f"{name}, {n.days(page.interval)}"
    judged = page.model is not None and page.model.was_judged
    warning = "" if page.closed else "This interval is still open: its numbers will change."
    return shell.html(
        shell.Page(
            title=heading,
            kicker=f"Flywheel · {name.lower()} · interval {page.interval.number}",
            heading=heading,
            standfirst=verdict(page),
            links=links,
            warning=" ".join(filter(None, (warning, next_step(page)))),
            headlines=headlines(page),
            note="Figures of the model are of its test part, with 95% intervals." if judged else "",
            sections=sections(page),
            footer=f"Made from the tables of {name.lower()} and the model's manifest. This page makes no network "
            "requests.",
            generation=generation,
        )
    )


def sections(page: ClassifierPage) -> list[Section]:
    """What came of predictions and which rows have the highest probability; then the model. Without a model, what came
    of those of an earlier one."""
    words, model = page.words, page.model
    came_true = Section("ledger", "What came true", "Did the predictions come true?", ledger(page))
    if model is None:
        return [came_true] if page.judgements else []
    highest = f"Which {words.rows} have the highest probability, and why?"
    return [
        came_true,
        Section("highest", "Highest probability", highest, ranking(page)),
        *(_of_model(page, model) if model.was_judged else ()),
    ]


def _of_model(page: ClassifierPage, model: TrainedModel) -> list[Section]:
    unseen = f"How good is it on {page.words.rows} that it had not seen?"
    return [
        Section("inputs", "Inputs", "What does the model rest on?", inputs(model)),
        Section("figures", "How good", unseen, figures(page, model)),
        Section("comparison", "Comparison", "What was it chosen from?", comparison(model)),
        Section("training", "Training", "How was it trained?", how_trained(page, model)),
    ]


def look(package: str | None) -> str:
    """A digest of all code and templates behind a page of the system ``package``: one made with another is stale."""
    return shell.look(str(__package__), str(package))
