"""The page of the model of engagement with items: how good it is, what it rests on, what it was chosen from."""

from pathlib import Path

from flywheel_assets.engagement.training_task import COMMANDS, ENGAGEMENT_MODEL
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.report import index
from flywheel_assets.report.pages import INDEX, ITEMS, Pages
from flywheel_assets.training.classifier.page import classifier_page
from flywheel_assets.training.classifier.page_content import ClassifierPage, Words
from flywheel_assets.training.classifier.page_source import shown_model

WORDS = Words("interaction", "engage", "engaged", "engagements", "")


def write_items_page(flywheel: Flywheel) -> Path:
    """Write the page of the model in use, else of the newest candidate, and the index of all pages. Raises ReportError
    when that fails."""
    model = shown_model(flywheel.settings.engagement_models_dir, ENGAGEMENT_MODEL, lambda info: True)
    content = ClassifierPage(WORDS, None, True, model, f"{COMMANDS} train")
    html = classifier_page([content], "Engagement with items", [("All reports", INDEX)], "")
    pages = Pages(flywheel.warehouse.folder)
    return pages.write_beside(ITEMS, html, lambda: index(flywheel, pages.folder / ITEMS))
