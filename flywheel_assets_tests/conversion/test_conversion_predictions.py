"""Predictions of a model in use, and how they turned out."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from flywheel_assets.conversion import conversion_ledger, conversion_predictions, conversion_reliability
from flywheel_assets.conversion.definition import COMMANDS, CONVERSION_MODEL
from flywheel_assets.conversion.training_task import dataset_training
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.calibration_map import CalibrationMap
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer
from flywheel_assets.registry.classifier_inputs import InputColumn, InputEncoding
from flywheel_assets.registry.files import CLASSIFIER_SUFFIX, digest
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.tables.drift import FeatureBaseline, bin_counts, bin_edges
from flywheel_assets.training.classifier.estimators import to_onnx
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.threshold import ThresholdRule
from flywheel_assets_tests.conversion.projects import conversion_project, made
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.projects import Project, checks

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")
NOW = datetime(2024, 2, 20, tzinfo=UTC)
"""Within the last of these intervals."""

PREDICTED = tuple(one.TABLE.name for one in (conversion_predictions, conversion_ledger, conversion_reliability))


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


def put_in_use(flywheel: Flywheel, examples: Examples) -> None:
    """A logistic regression of two inputs, which has seen all but the last closed interval."""
    assert examples.interval is not None
    assert sorted(set(examples.interval)) == list(KEYS[:3])
    known = examples.interval < KEYS[2]
    encoding = InputEncoding((InputColumn("carts_so_far"), InputColumn("last_item", ("cart/1",))))
    encoded = encoding.encode(examples.inputs)
    fitted = Pipeline([("model", LogisticRegression())]).fit(encoded[known], examples.target[known])
    judged = fitted.predict_proba(encoded[~known])[:, 1]
    edges = bin_edges(judged)
    content, name = to_onnx(fitted, encoded.shape[1]), f"{CONVERSION_MODEL}{CLASSIFIER_SUFFIX}"
    definition, folder = flywheel.conversion.definition, flywheel.settings.conversion_models_dir
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    info = ClassifierInfo(
        CONVERSION_MODEL,
        "v1",
        "logistic regression",
        {name: digest(content)},
        encoding,
        CalibrationMap(),
        0.4,
        "F1",
        definition.conversion,
        "sessions",
        definition.horizon,
        KEYS[1],
        FeatureBaseline(edges, bin_counts(judged, edges)),
        COMMANDS,
    )
    write_manifest(folder, (), libraries={}, classifiers=[info])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose model learnt from its first two intervals; the third is closed, the last is open."""
    project = conversion_project(tmp_path_factory.mktemp("predicted"), FLYWHEEL_MODELS_DIR="models")
    stated = "".join(f'[features.{name}]\nkind = "count"\n' for name in FEATURES)
    project.settings.features_file.write_text(stated)
    land_events(project, "2024.parquet", *events())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flywheel, "now", lambda _: NOW)
        made(project, *KEYS, tables=("event_sessions", "session_horizons", "conversion_dataset"))
        with project.flywheel() as flywheel:
            put_in_use(flywheel, dataset_training(flywheel, ThresholdRule())[1])
        fresh = Project(project.folder, **project.environment)
        made(fresh, *KEYS[1:], tables=PREDICTED)
    return fresh


def test_what_the_model_has_seen_is_not_predicted_and_the_rest_is(done: Project) -> None:
    assert done.rows("conversion_predictions", KEYS[1]) == []
    bundle = ModelBundle.open(done.settings.conversion_models_dir)
    info = bundle.classifiers[CONVERSION_MODEL]
    assert info.learnt_to == KEYS[1]
    rows, inputs = done.rows("conversion_predictions", KEYS[3]), done.table("conversion_dataset", KEYS[3])
    assert len(rows) == 120
    expected = ClassifierScorer.open(bundle.directory, info).probability(inputs)
    by_session = dict(zip(inputs["session_id"].to_pylist(), expected, strict=True))
    assert all(row["probability"] == pytest.approx(by_session[row["session_id"]]) for row in rows)
    assert all(row["decision"] == (row["probability"] >= info.threshold) for row in rows)
    assert {row["model_version"] for row in rows} == {info.version}


def test_predictions_are_judged_once_their_interval_has_closed(done: Project) -> None:
    assert [len(done.rows("conversion_ledger", key)) for key in KEYS[1:]] == [0, 1, 0]
    (row,) = done.rows("conversion_ledger", KEYS[2])
    outcomes = {one["session_id"]: one["converted"] for one in done.rows("conversion_dataset", KEYS[2])}
    predicted = done.rows("conversion_predictions", KEYS[2])
    errors = [(one["probability"] - outcomes[one["session_id"]]) ** 2 for one in predicted]
    assert (row["predictions"], row["positives"]) == (120, sum(outcomes.values()))
    assert row["brier"] == pytest.approx(np.mean(errors))
    assert row["brier_skill"] > 0.2
    assert row["drift"] == "stable"
    assert row["horizon"] == "after the first 2 events"
    assert sum(one["predictions"] for one in done.rows("conversion_reliability", KEYS[2])) == 120


def test_predictions_of_before_a_promotion_stay_when_the_new_model_learnt_from_their_interval(
    done: Project, tmp_path: Path
) -> None:
    project = done.copied_to(tmp_path)
    folder, honest = project.settings.conversion_models_dir, project.rows("conversion_predictions", KEYS[2])
    bundle = ModelBundle.open(folder)
    shutil.copytree(folder, tmp_path / "before")
    shutil.move(tmp_path / "before", folder / "archive" / bundle.version)
    info = replace(bundle.classifiers[CONVERSION_MODEL], version="v2", learnt_to=KEYS[2])
    write_manifest(folder, (), libraries={}, classifiers=[info])
    tables = (conversion_predictions.TABLE, conversion_ledger.TABLE, conversion_reliability.TABLE)
    with project.flywheel() as flywheel:
        (learnt, later), lineage = project.intervals(KEYS[2], KEYS[3]), flywheel.lineage
        rescored = [lineage.stale_because(table, learnt, lineage.generation) for table in tables]
        assert rescored == ["", "", ""]
        assert "was v1, is v2" in lineage.stale_because(tables[0], later, lineage.generation)
    made(project, KEYS[2], tables=("conversion_predictions",))
    assert project.rows("conversion_predictions", KEYS[2]) == honest != []

    shutil.rmtree(folder / "archive")
    made(project, KEYS[2], tables=("conversion_predictions",))
    assert project.rows("conversion_predictions", KEYS[2]) == []


def test_a_model_of_another_horizon_waits_and_says_so(done: Project, tmp_path: Path) -> None:
    project = done.copied_to(tmp_path)
    file = project.settings.conversion_file
    file.write_text(file.read_text().replace("events = 2", "events = 1"))
    with project.flywheel() as flywheel:
        (problem,) = flywheel.problems()
        assert "predicts an event of purchases after the first 2 events" in problem
        assert "says an event of purchases after the first event. Train again: flywheel conversion train" in problem
        assert flywheel.makeable([conversion_ledger.TABLE]) == []


def test_a_ledger_without_its_model_has_no_drift_and_the_rest(done: Project, tmp_path: Path) -> None:
    project = done.copied_to(tmp_path)
    with project.flywheel() as flywheel:
        assert flywheel.conversion.baseline("gone") is None
    path = project.path("conversion_predictions", KEYS[2])
    table = pa.parquet.read_table(path)
    versions = pa.array(["gone"] * len(table))
    pa.parquet.write_table(table.set_column(table.column_names.index("model_version"), "model_version", versions), path)
    result = project.materialize(KEYS[2], "conversion_ledger", job="run")
    assert "the model that predicted is gone" in str(checks(result, "conversion_ledger")["score_drift"].description)
    (row,) = project.rows("conversion_ledger", KEYS[2])
    assert (row["model_version"], row["psi"]) == ("gone", None)
    assert row["roc_auc"] > 0.7
