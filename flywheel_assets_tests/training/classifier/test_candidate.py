import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import ArtefactError, TrainingError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.registry.files import HOLDOUT
from flywheel_assets.training.classifier import candidate
from flywheel_assets.training.classifier.candidate import ClassifierCandidate, train_classifier
from flywheel_assets.training.classifier.estimators import LOGISTIC, PLAIN, Kind
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.leakage import auc_of
from flywheel_assets.training.classifier.threshold import ThresholdRule, choose_threshold
from flywheel_assets_tests.training.classifier.rows import FEW, NOW, examples, rows, task


def opened(directory: Path) -> ClassifierScorer:
    bundle = ModelBundle.open(directory)
    return ClassifierScorer.open(directory, bundle.classifiers["conversion"])


def train(folder: Path, of: Examples | None = None, **changes: object) -> ClassifierCandidate:
    what = replace(task(folder), **changes)  # type: ignore[arg-type]
    return train_classifier(what, of or examples(), "c", NOW, lambda line: None, tried=(Kind(LOGISTIC, PLAIN),))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ClassifierCandidate:
    """Of one kind. Not to be changed: copy its folder."""
    return train(tmp_path_factory.mktemp("plain"))


def test_the_bundle_scores_its_holdout_as_its_evaluation_says(trained: ClassifierCandidate) -> None:
    holdout = pq.read_table(trained.bundle.directory / HOLDOUT)
    scorer = opened(trained.bundle.directory)
    auc = auc_of(holdout["_target"].to_numpy(), scorer.probability(holdout))

    assert auc == pytest.approx(trained.evaluation.model["ROC-AUC"].value)
    assert auc > 0.75
    assert len(scorer.info.files) == 3, "the blend"
    assert set(holdout["_id"].to_pylist()) <= {f"s{i}" for i in range(1_200, 1_500)}


def test_every_candidate_is_in_the_comparison_before_and_after_calibration(trained: ClassifierCandidate) -> None:
    assert len(trained.comparison) == len(FEW) + 1
    for row in trained.comparison:
        for name in ("log_loss", "brier", "ece"):
            assert {name, f"{name}_calibrated"} <= set(row)


def test_the_card_has_every_figure_with_horizon_and_split(trained: ClassifierCandidate) -> None:
    card = (trained.bundle.directory / "README.md").read_text()

    assert "Gives the probability of a conversion, from what is known after the first page." in card
    for text in (
        "split by time",
        "one rule: ",
        "majority",
        "PR-AUC",
        "conversion_curves.png",
        "highest F1",
        "- Warning: ",
    ):
        assert text in card
    for name in ("comparison", "curves", "shap"):
        assert (trained.bundle.directory / f"conversion_{name}.png").stat().st_size > 5_000


def test_the_same_examples_and_seed_give_the_same_version_and_repair_a_damaged_holdout(
    plain: ClassifierCandidate, tmp_path: Path
) -> None:
    home = shutil.copytree(plain.bundle.directory, tmp_path / "candidates" / plain.bundle.version)
    (home / HOLDOUT).write_bytes(b"PAR1")

    assert train(tmp_path).bundle.directory == home
    assert pq.read_table(home / HOLDOUT).equals(pq.read_table(plain.bundle.directory / HOLDOUT))


def test_another_horizon_gives_another_version(plain: ClassifierCandidate, tmp_path: Path) -> None:
    assert train(tmp_path, horizon="after 5 minutes").bundle.version != plain.bundle.version


def test_a_capacity_is_of_all_rows_of_an_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_per_interval: list[float] = []
    monkeypatch.setattr(
        candidate, "choose_threshold", lambda *given: rows_per_interval.append(given[-1]) or choose_threshold(*given)
    )
    of = replace(examples(), interval=np.array([f"2026-01-{day:02}" for day in range(1, 11)]).repeat(150))
    made = train(tmp_path, of)

    assert made.training["rows"]["fit"] + made.training["rows"]["validation"] < 1_200, "users who return are left out"
    assert rows_per_interval == [150]


def test_what_judges_has_no_part_in_the_model_and_its_threshold(plain: ClassifierCandidate, tmp_path: Path) -> None:
    of = examples()
    last = np.arange(len(of)) >= 1_200
    flipped = replace(of, target=np.where(last, ~of.target, of.target))
    made = train(tmp_path, flipped).bundle
    ours, theirs = (one.classifiers["conversion"] for one in (plain.bundle, made))

    assert (ours.version, ours.threshold, ours.calibration) == (theirs.version, theirs.threshold, theirs.calibration)


def test_another_rule_gives_another_threshold_and_version(plain: ClassifierCandidate, tmp_path: Path) -> None:
    one, other = plain.bundle, train(tmp_path, rule=ThresholdRule.parse("cost:20")).bundle

    assert other.classifiers["conversion"].threshold < one.classifiers["conversion"].threshold
    assert one.version != other.version


def test_categories_unseen_and_null_are_scored(trained: ClassifierCandidate) -> None:
    scorer = opened(trained.bundle.directory)
    table = rows(3).select(["views", "noise", "flag"]).append_column("device", pa.array(["watch", None, "desktop"]))

    probability = scorer.probability(table)
    assert ((probability > 0) & (probability < 1)).all()
    with pytest.raises(ArtefactError, match="column 'noise' is infinite in 3 of 3 rows"):
        scorer.probability(table.set_column(1, "noise", pa.array([np.inf] * 3)))
    with pytest.raises(ArtefactError, match="no column 'flag', which the model needs; found: views, noise, device"):
        scorer.probability(table.drop_columns("flag"))


def test_an_input_that_knows_the_outcome_fails_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    of = examples()
    leaking = replace(of, inputs=of.inputs.append_column("thanks", pa.array(of.target)))
    with pytest.raises(TrainingError, match="thanks: alone it reaches"):
        train(tmp_path, leaking)

    assert list((tmp_path / "candidates").iterdir()) == []


def test_a_model_that_rests_on_one_input_says_so(trained: ClassifierCandidate) -> None:
    assert [one.split(":")[0] for one in trained.training["warnings"]] == ["the model rests on views"]


def test_a_corrupt_or_swapped_model_file_is_told(trained: ClassifierCandidate, tmp_path: Path) -> None:
    names = list(trained.bundle.classifiers["conversion"].files)
    for number, change in enumerate((b"broken", (trained.bundle.directory / names[1]).read_bytes())):
        copy = shutil.copytree(trained.bundle.directory, tmp_path / str(number))
        (copy / names[0]).write_bytes(change)
        with pytest.raises(ArtefactError, match=f"{names[0]} .* was truncated or replaced"):
            ModelBundle.open(copy)
        info = trained.bundle.classifiers["conversion"]
        with pytest.raises(ArtefactError, match="was truncated or replaced"):
            ClassifierScorer.open(copy, info)


def test_a_file_that_onnx_runtime_cannot_open_or_that_takes_other_numbers_is_told(
    trained: ClassifierCandidate,
) -> None:
    scorer = opened(trained.bundle.directory)
    broken = ClassifierScorer(scorer.info, (b"no model",))
    with pytest.raises(ArtefactError, match=r"cannot be opened by ONNX Runtime .* train again: flywheel conversion t"):
        _ = broken.sessions
    fewer = replace(scorer.info, encoding=type(scorer.info.encoding)(scorer.info.encoding.columns[:2]))
    with pytest.raises(ArtefactError, match="takes 7 numbers, the manifest has 5"):
        ClassifierScorer.open(trained.bundle.directory, fewer)


def test_a_scorer_can_be_pickled(trained: ClassifierCandidate) -> None:
    import pickle

    scorer = opened(trained.bundle.directory)
    again = pickle.loads(pickle.dumps(scorer))

    np.testing.assert_array_equal(again.probability(rows(50)), scorer.probability(rows(50)))
