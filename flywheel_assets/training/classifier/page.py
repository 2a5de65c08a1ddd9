"""The page of a classifier in an interval, of whichever system owns it: what it predicts and how good that is, what
came of it, which rows have the highest probability and why, and the model itself."""

from collections.abc import Sequence
from dataclasses import replace

from flywheel_assets.report import numbers as n
from flywheel_assets.report import page as shell
from flywheel_assets.report.blocks import Section, Text
from flywheel_assets.training.classifier.page_content import ClassifierPage, TrainedModel
from flywheel_assets.training.classifier.page_ledger import ledger
from flywheel_assets.training.classifier.page_model import comparison, figures, how_trained, inputs
from flywheel_assets.training.classifier.page_ranking import ranking
from flywheel_assets.training.classifier.page_verdict import headlines, next_step, of_several, together, verdict


def classifier_page(
    pages: Sequence[ClassifierPage],
    name: str,
    links: Sequence[tuple[str, str]],
    generation: str,
) -> str:
    """The page, which needs no other file. ``name`` is the system's: Conversion. Several ``pages`` of an interval, of
    models with names, become one page."""
    interval, several = pages[0].interval, len(pages) > 1
    heading = f"{name}, {n.days(interval)}" if interval else name
    still = "" if pages[0].closed else "This interval is still open: its numbers will change."
    steps = [f"{one.words.name}: {step}" if several else step for one in pages if (step := next_step(one))]
    judged = any(one.model is not None and one.model.was_judged for one in pages)
    return shell.html(
        shell.Page(
            title=heading,
            kicker=f"Flywheel · {name.lower()} · interval {interval.number}" if interval else "Flywheel",
            heading=heading,
            standfirst=together(pages) if several else verdict(pages[0]),
            links=links,
            warning=" ".join(filter(None, (still, *steps))),
            headlines=[one for page in pages for one in (of_several(page) if several else headlines(page))],
            note="Figures of the model are of its test part, with 95% intervals." if judged else "",
            sections=[section for page in pages for section in sections(page)],
            footer=f"Made from the tables of {name.lower()} and the model's manifest. This page makes no network "
            "requests.",
            generation=generation,
        )
    )


def sections(page: ClassifierPage) -> list[Section]:
    """What came of predictions and which rows have the highest probability; then the model. Without a model, what came
    of those of an earlier one. With a name, the first section begins with the verdict, and each title with the name."""
    words, model = page.words, page.model
    came_true = Section("ledger", "What came true", "Did the predictions come true?", ledger(page))
    if words.name:
        came_true = replace(came_true, blocks=[Text(verdict(page)), *came_true.blocks])
    highest = f"Which {words.rows} have the highest probability, and why?"
    made = [came_true] if page.judgements or (model and page.interval) else []
    if model:
        made += [Section("highest", "Highest probability", highest, ranking(page))] if page.interval else []
        made += _of_model(page, model) if model.was_judged else []
    return [_named(one, words.name) for one in made] if words.name else made


def _named(section: Section, name: str) -> Section:
    identity = f"{name.lower().replace(' ', '-')}-{section.identity}"
    title = f"{name}: {section.title[:1].lower()}{section.title[1:]}"
    return replace(section, identity=identity, name=f"{name}: {section.name.lower()}", title=title)


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
