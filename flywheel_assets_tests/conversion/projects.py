"""Projects with events of a few kinds and a definition of a conversion."""

from pathlib import Path

from flywheel_assets_tests.ingest.projects import events_project, mapping_text
from flywheel_assets_tests.projects import Project

TEXT = """
[carry]
first_item = { first = "item" }
last_item = { last = "item" }
[kinds]
page_views = "view"
carts = { count = "view", where = { item = "cart*" } }
purchases = "buy"
mails = "mail"
"""
OPTIONS = 'outside_sessions = ["mail"]'

AFTER_TWO = """
[conversion]
kinds = ["purchases"]
[horizon]
events = 2
[features]
categories = ["first_item", "last_item"]
"""

TABLES = ("event_sessions", "landed_sessions", "session_horizons", "conversion_dataset")


def conversion_project(folder: Path, text: str = AFTER_TWO, **environment: str) -> Project:
    """Events of (user, time, name, item): views, views of a cart, purchases, and mails outside of sessions."""
    project = events_project(folder, mapping_text(options=OPTIONS, extra=TEXT), **environment)
    project.settings.conversion_file.write_text(text)
    return project


def made(project: Project, *keys: str, tables: tuple[str, ...] = TABLES) -> None:
    for key in keys:
        result = project.materialize(key, *tables, job="run")
        assert result.success
