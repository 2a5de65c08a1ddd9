"""Traits: carried columns that go with users. Their names stand beside those of the tables of users."""

from pathlib import Path

from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.intent import intent_scores, ranked_users, user_days, user_features

TABLES = (user_days.TABLE, user_features.TABLE, intent_scores.TABLE, ranked_users.TABLE)


def objection(mapping: EventMapping, path: Path) -> str:
    """Why carried columns cannot be traits, in a sentence that names the file; empty where they can."""
    ours = {column.name.lower() for table in TABLES for column in table.columns if "<" not in column.name}
    ours |= {f"days_since_{kind}" for kind in mapping.kinds}
    for name in mapping.carried:
        if name.lower() in ours or name.lower().startswith("points_"):
            return f"{path}: [carry] {name} is the name of a column that tables of users have: choose another"
    return ""
