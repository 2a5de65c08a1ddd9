"""What the tests of the page share: a model takes seconds to train."""

import pytest

from flywheel_assets.conversion.training_task import dataset_training
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.promotion import promote
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.training.classifier.candidate import train_classifier
from flywheel_assets.training.classifier.estimators import GRIDS, PLAIN, XGBOOST, Kind
from flywheel_assets.training.classifier.threshold import ThresholdRule
from flywheel_assets_tests.conversion.projects import conversion_project, made
from flywheel_assets_tests.conversion.test_conversion_predictions import KEYS, NOW, PREDICTED, events
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.projects import Project


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose model learnt from its first two intervals and was judged on the third; the last is open."""
    project = conversion_project(tmp_path_factory.mktemp("trained"), FLYWHEEL_MODELS_DIR="models")
    stated = "".join(f'[features.{name}]\nkind = "count"\n' for name in FEATURES)
    project.settings.features_file.write_text(stated)
    land_events(project, "2024.parquet", *events())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flywheel, "now", lambda _: NOW)
        patch.setitem(GRIDS, XGBOOST, {"n_estimators": (150,)})
        made(project, *KEYS, tables=("event_sessions", "session_horizons", "conversion_dataset"))
        with project.flywheel() as flywheel:
            task, examples = dataset_training(flywheel, ThresholdRule())
            candidate = train_classifier(task, examples, "train", NOW, lambda _: None, tried=[Kind(XGBOOST, PLAIN)])
            promote(task.models_dir, candidate.bundle.version, NOW, None)
        fresh = Project(project.folder, **project.environment)
        made(fresh, *KEYS[1:], tables=PREDICTED)
    return fresh
