"""Projects with events of a few kinds and a definition of a conversion."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from flywheel_assets.conversion import conversion_ledger, conversion_predictions, conversion_reliability
from flywheel_assets.conversion.training_task import conversion_task, dataset_examples
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.promotion import promote
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.training.classifier.candidate import train_classifier
from flywheel_assets.training.classifier.estimators import GRIDS, PLAIN, XGBOOST, Kind
from flywheel_assets.training.classifier.threshold import ThresholdRule
from flywheel_assets_tests.ingest.projects import events_project, land_events, mapping_text
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

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")
NOW = datetime(2024, 2, 20, tzinfo=UTC)
"""Within the last of these intervals."""

PREDICTED = tuple(one.TABLE.name for one in (conversion_predictions, conversion_ledger, conversion_reliability))


def conversion_project(folder: Path, text: str = AFTER_TWO, **environment: str) -> Project:
    """Events of (user, time, name, item): views, views of a cart, purchases, and mails outside of sessions."""
    project = events_project(folder, mapping_text(options=OPTIONS, extra=TEXT), **environment)
    project.settings.conversion_file.write_text(text)
    return project


def made(project: Project, *keys: str, tables: tuple[str, ...] = TABLES) -> None:
    for key in keys:
        result = project.materialize(key, *tables, job="run")
        assert result.success


def events() -> list[tuple[str, str, str, str]]:
    """Sessions of two views, of whose users those that see a cart mostly buy."""
    random, rows = np.random.default_rng(3), []
    for key in KEYS:
        for n in range(120):
            start = datetime.fromisoformat(key).replace(tzinfo=UTC).timestamp() + 86_400 * (n % 8) + 900 * (n // 8 + 1)
            user, cart = f"u{n}", random.random() < 0.4
            names = ["view", "view", *(["buy"] if random.random() < (0.8 if cart else 0.1) else [])]
            for place, name in enumerate(names):
                at = datetime.fromtimestamp(start + 60 * place, UTC)
                rows.append((user, f"{at:%Y-%m-%d %H:%M:%S}", name, "cart/1" if cart and place == 1 else "a"))
    return rows


def predicted_project(folder: Path) -> Project:
    """A project whose model learnt from its first two intervals and was judged on the third; the last is open."""
    project = conversion_project(folder, FLYWHEEL_MODELS_DIR="models")
    stated = "".join(f'[features.{name}]\nkind = "count"\n' for name in FEATURES)
    project.settings.features_file.write_text(stated)
    land_events(project, "2024.parquet", *events())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flywheel, "now", lambda _: NOW)
        patch.setitem(GRIDS, XGBOOST, {"n_estimators": (150,)})
        made(project, *KEYS, tables=("event_sessions", "session_horizons", "conversion_dataset"))
        with project.flywheel() as flywheel:
            examples, definition = dataset_examples(flywheel), flywheel.conversion.definition
            assert examples.interval is not None
            assert sorted(set(examples.interval)) == list(KEYS[:3])
            task = conversion_task(flywheel.settings, definition.horizon, ThresholdRule(), definition.conversion)
            kinds = [Kind(XGBOOST, PLAIN)]
            candidate = train_classifier(task, examples, "train", NOW, lambda _: None, tried=kinds)
            promote(task.models_dir, candidate.bundle.version, NOW, None)
        fresh = Project(project.folder, **project.environment)
        made(fresh, *KEYS[1:], tables=PREDICTED)
    return fresh
