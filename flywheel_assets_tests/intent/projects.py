"""Projects with events of a few kinds and rules of an intent score."""

from pathlib import Path

from flywheel_assets.intent.rules_text import rules_text
from flywheel_assets_tests.ingest.projects import events_project, mapping_text
from flywheel_assets_tests.projects import Project

KINDS = {"page_views": '"view"', "carts": '{ count = "view", where = { item = "cart*" } }', "purchases": '"buy"'}
TEXT = "\n".join(["[carry]", 'last_item = { last = "item" }', "[kinds]", *(f"{k} = {v}" for k, v in KINDS.items())])
OPTIONS = 'outside_sessions = ["mail"]'

TABLES = ("event_sessions", "user_days", "user_features", "intent_scores", "intent_explanations", "ranked_users")


def intent_project(folder: Path, text: str = TEXT, **environment: str) -> Project:
    """Events of (user, time, name, item): views, views of a cart, purchases, and mails outside of sessions."""
    project = events_project(folder, mapping_text(options=OPTIONS, extra=text), **environment)
    project.settings.intent_file.write_text(rules_text(list(KINDS)))
    return project
