import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import ArtefactError, PromotionError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import HOLDOUT
from flywheel_assets.registry.promotion import rollback
from flywheel_assets.registry.shelves import champion
from flywheel_assets.training.classifier.candidate import ClassifierCandidate, train_classifier
from flywheel_assets.training.classifier.estimators import LOGISTIC, PLAIN, Kind
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.promotion import (
    IN_USE,
    compare_bundle,
    objections,
    promote_classifier,
    scorer_of,
)
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets_tests.training.classifier.rows import NOW, examples, task

Train = Callable[[Examples], str]


@pytest.fixture
def of(trained: ClassifierCandidate, tmp_path: Path) -> ClassifierTask:
    """With the trained candidate in its folder."""
    version = trained.bundle.version
    shutil.copytree(trained.bundle.directory, tmp_path / "models/conversion/candidates" / version)
    return task(tmp_path / "models" / "conversion")


def train(of: ClassifierTask, rows: Examples) -> str:
    tried = (Kind(LOGISTIC, PLAIN),)
    return train_classifier(of, rows, "c", NOW, lambda line: None, tried=tried).bundle.version


def promote(of: ClassifierTask, version: str, forced: bool = False) -> str:
    return promote_classifier(of, version, NOW, "a try" if forced else "", forced).version


def without(names: list[str]) -> Examples:
    rows = examples()
    left = rows.inputs.drop_columns(names)
    return replace(rows, inputs=left, categories=tuple(c for c in rows.categories if c not in names))


def test_a_first_model_is_judged_by_its_baselines_and_rolled_back_to_none(
    of: ClassifierTask, trained: ClassifierCandidate
) -> None:
    version = trained.bundle.version
    assert promote(of, version) == version
    present = champion(of.models_dir)
    assert present is not None
    assert scorer_of(of, present).info.version == version
    assert not (of.models_dir / HOLDOUT).exists(), "it is data"
    assert rollback(of.models_dir, NOW, or_none=True).version == ""
    assert champion(of.models_dir) is None
    assert list(of.models_dir.glob("*.onnx")) == []


def test_a_model_that_ranks_worse_than_the_one_in_use_is_refused_and_can_be_forced(
    of: ClassifierTask, trained: ClassifierCandidate
) -> None:
    promote(of, trained.bundle.version)
    worse = train(of, without(["views"]))
    with pytest.raises(PromotionError) as refused:
        promote(of, worse)

    assert f"{worse} stays a candidate, the model in use stays {trained.bundle.version}:" in str(refused.value)
    assert "which the holdout does not have" in str(refused.value)
    assert f"flywheel conversion promote {worse} --force" in str(refused.value)
    assert promote(of, worse, forced=True) == worse
    assert rollback(of.models_dir, NOW).version == trained.bundle.version
    with pytest.raises(PromotionError, match=f"{worse} is in the archive, which keeps no test part, so it cannot"):
        promote(of, worse)


def test_on_its_holdout_a_worse_ranking_and_worse_probabilities_speak_against_it(
    of: ClassifierTask, trained: ClassifierCandidate
) -> None:
    rows = examples()
    draw = np.random.default_rng(4)
    # Half of the views that it learns from are noise, and of those that judge it none.
    views = np.where(draw.random(len(rows)) < 0.97, draw.lognormal(6, 2, len(rows)), rows.inputs["views"].to_numpy())
    views = np.where(np.arange(len(rows)) < 1_200, views, rows.inputs["views"].to_numpy())
    target = rows.target | ((np.arange(len(rows)) < 1_200) & (draw.random(len(rows)) < 0.5))
    spoilt = replace(rows, inputs=rows.inputs.set_column(0, "views", pa.array(views, from_pandas=True)), target=target)
    worse = ModelBundle.open(of.models_dir / "candidates" / train(of, spoilt))
    found = compare_bundle(of, worse, trained.bundle)
    said = "\n".join(objections(found))

    assert found.beside is not None
    assert found.beside.differences[IN_USE]["PR-AUC"].high < 0
    for metric in ("PR-AUC", "ROC-AUC", "ECE"):
        assert f"its {metric} is worse than that of the model in use: " in said
    assert "its PR-AUC is not better than that of one rule: " in said


def test_the_same_model_is_no_better_and_no_worse_than_itself(
    of: ClassifierTask, trained: ClassifierCandidate, tmp_path: Path
) -> None:
    twin = replace(trained.bundle, version="other")
    found = compare_bundle(of, twin, trained.bundle)

    assert objections(found) == []
    assert found.beside is not None
    assert {one.value for one in found.beside.differences[IN_USE].values()} == {0.0}


def test_another_horizon_than_in_use_is_no_reason_to_refuse(of: ClassifierTask, trained: ClassifierCandidate) -> None:
    later = replace(of, horizon="after 5 minutes")
    version = train(later, examples())
    promote(of, trained.bundle.version)

    folder = of.models_dir / "candidates" / version
    (remark,) = compare_bundle(later, ModelBundle.open(folder), champion(of.models_dir)).remarks
    assert "which predicts a conversion from what is known after the first page; this one predicts a conv" in remark
    assert promote(later, version) == version, "a definition may be corrected"


def test_a_damaged_holdout_and_a_bundle_without_the_model_are_told(
    of: ClassifierTask, trained: ClassifierCandidate
) -> None:
    folder = of.models_dir / "candidates" / trained.bundle.version
    (folder / HOLDOUT).write_bytes(b"PAR1")
    other = replace(trained.bundle, version="other")
    with pytest.raises(ArtefactError, match=f"{HOLDOUT} is missing or damaged"):
        compare_bundle(of, ModelBundle.open(folder), other)
    with pytest.raises(ArtefactError, match="has no model named 'engagement'; train it: flywheel conversion train"):
        scorer_of(replace(of, name="engagement"), trained.bundle)
    assert pq.read_table(trained.bundle.directory / HOLDOUT).num_rows == trained.evaluation.rows
