"""Predictions of a model in use, and how they turned out."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flywheel_assets.conversion import conversion_ledger
from flywheel_assets.conversion.definition import CONVERSION_MODEL
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets_tests.conversion.projects import KEYS
from flywheel_assets_tests.projects import Project, checks


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
    assert sum(one["predictions"] for one in done.rows("conversion_reliability", KEYS[2])) == 120


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
