import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry import scorer as scoring
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import MANIFEST
from flywheel_assets.registry.scorer import Scorer, open_scorer
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import SESSION_LABELS, random_features, with_other_weights, write_artefacts

LABEL, VERSION = "session_quality_label", "session_model_version"
PROBABILITIES = ["probability_high_quality", "probability_low_quality", "probability_medium_quality"]


@pytest.fixture(scope="module")
def scorer(made_once: Path) -> Scorer:
    return open_scorer(ModelBundle.open(made_once), "session", made_once / "fallback")


def batch(**columns: list[object]) -> pa.RecordBatch:
    return pa.record_batch({"leads": [0, 1, 90], "device": ["phone", None, "tv"], "pageviews": [1, 80, 5], **columns})


def test_a_label_is_the_one_of_the_largest_probability(scorer: Scorer) -> None:
    label, probabilities = scorer.score(random_features(500))

    assert scorer.labels == tuple(sorted(SESSION_LABELS))
    assert (label.dtype, probabilities.dtype, probabilities.shape) == (np.int64, np.float32, (500, 3))
    np.testing.assert_array_equal(label, probabilities.argmax(axis=1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_batch_keeps_its_columns_and_gains_label_probabilities_and_version(scorer: Scorer) -> None:
    rows = batch()
    labelled = scorer.labelled(rows, LABEL, VERSION)

    assert labelled.schema.names == ["leads", "device", "pageviews", LABEL, *PROBABILITIES, VERSION]
    assert labelled.select(rows.schema.names).equals(rows)
    assert set(labelled[VERSION].to_pylist()) == {scorer.version}
    expected, probabilities = scorer.score(np.array([[1.0, 0.0], [80.0, 1.0], [5.0, 90.0]]))
    assert labelled[LABEL].to_pylist() == [scorer.labels[i] for i in expected]
    np.testing.assert_array_equal(np.stack([labelled[name] for name in PROBABILITIES], axis=1), probabilities)


def test_an_empty_batch_gives_an_empty_one_of_the_same_schema(scorer: Scorer) -> None:
    labelled = scorer.labelled(batch().slice(0, 0), LABEL, VERSION)

    assert labelled.num_rows == 0
    assert labelled.schema == scorer.labelled(batch(), LABEL, VERSION).schema
    assert labelled.schema == scorer.schema(batch().schema, LABEL, VERSION)
    assert labelled.schema.field(LABEL).type == pa.string()


@pytest.mark.parametrize(
    "dtype", [pa.int8(), pa.int32(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(21, 2)]
)
def test_any_numeric_type_of_a_feature_gives_the_same_labels(scorer: Scorer, dtype: pa.DataType) -> None:
    rows = batch()
    typed = rows.set_column(0, "leads", rows["leads"].cast(dtype))

    assert scorer.labelled(typed, LABEL, VERSION)[PROBABILITIES[0]].equals(
        scorer.labelled(rows, LABEL, VERSION)[PROBABILITIES[0]]
    )


def test_a_missing_feature_is_named_with_what_there_is(scorer: Scorer) -> None:
    with pytest.raises(
        ArtefactError, match=r"no column 'pageviews', which the model of version .* needs; found: leads, device"
    ):
        scorer.labelled(batch().drop_columns(["pageviews"]), LABEL, VERSION)


def test_a_column_named_as_one_of_the_models_is_refused_whatever_its_case(scorer: Scorer) -> None:
    with pytest.raises(ArtefactError, match=r"'Probability_Low_Quality' .* 'probability_low_quality'; rename it"):
        scorer.labelled(batch(Probability_Low_Quality=[0, 0, 0]), LABEL, VERSION)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_feature_without_a_finite_value_is_refused(scorer: Scorer, value: float | None) -> None:
    with pytest.raises(ValueError, match="NaN or infinite values among pageviews, leads"):
        scorer.labelled(batch(leads=[0, value, 1]), LABEL, VERSION)


def test_scoring_loads_neither_tensorflow_nor_scikit_learn(made_once: Path) -> None:
    program = f"""
import sys
from pathlib import Path
import numpy as np
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.scorer import open_scorer
bundle = ModelBundle.open(Path({str(made_once)!r}))
open_scorer(bundle, "session", Path("none")).score(np.ones((2, 2)))
open_scorer(bundle, "user", Path("none")).score(np.ones((2, 3)))
print(sorted({{"tensorflow", "keras", "sklearn", "joblib", "onnx", "tf2onnx"}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_scorer_that_was_pickled_scores_as_before(scorer: Scorer) -> None:
    expected = scorer.labelled(batch(), LABEL, VERSION)
    copy = pickle.loads(pickle.dumps(scorer))

    assert "session" in vars(scorer)
    assert "session" not in vars(copy), "ONNX Runtime's session stays where it is"
    assert copy.labelled(batch(), LABEL, VERSION).equals(expected)


class Compilations:
    """Counts calls of compile_model."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[str] = []
        original = scoring.compile_model

        def counted(directory: Path, info: ModelInfo) -> bytes:
            self.files.append(info.files.compiled)
            return original(directory, info)

        monkeypatch.setattr(scoring, "compile_model", counted)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Compilations:
    return Compilations(monkeypatch)


def test_a_fresh_compiled_scorer_is_not_compiled_again(models_dir: Path, compilations: Compilations) -> None:
    open_scorer(ModelBundle.open(models_dir), "user", models_dir / "fallback")

    assert compilations.files == []


@pytest.mark.parametrize("damage", ["missing", "truncated", "of another model", "with other weights"])
def test_a_missing_or_stale_compiled_scorer_is_compiled_again_once(
    models_dir: Path, tmp_path: Path, compilations: Compilations, damage: str
) -> None:
    path = models_dir / SESSION_MODEL.files.compiled
    fresh = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(fresh[:200])
    elif damage == "with other weights":
        with_other_weights(path)
    else:
        path.write_bytes(
            (write_artefacts(tmp_path / "other", seed=2).directory / SESSION_MODEL.files.compiled).read_bytes()
        )

    bundle = ModelBundle.open(models_dir)
    for _ in range(2):
        open_scorer(bundle, "session", tmp_path / "fallback").score(random_features(3))
    assert compilations.files == [SESSION_MODEL.files.compiled]
    assert path.read_bytes() == fresh
    assert not (tmp_path / "fallback").exists()


def test_where_the_models_folder_is_read_only_the_compiled_scorer_is_kept_elsewhere(
    models_dir: Path, tmp_path: Path, compilations: Compilations, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models_dir / USER_MODEL.files.compiled).unlink()
    original = scoring.write_whole

    def read_only(path: Path, content: bytes) -> None:
        if path.parent == models_dir:
            raise PermissionError(f"read-only: {path}")
        original(path, content)

    monkeypatch.setattr(scoring, "write_whole", read_only)
    bundle = ModelBundle.open(models_dir)
    for _ in range(2):
        open_scorer(bundle, "user", tmp_path / "fallback").score(random_features(3, columns=3))
    assert compilations.files == [USER_MODEL.files.compiled]
    kept = tmp_path / "fallback" / USER_MODEL.files.compiled
    assert {path.name for path in kept.parent.iterdir()} == {kept.name, f"{kept.name}.sha256"}

    fresh = kept.read_bytes()
    with_other_weights(kept)
    open_scorer(bundle, "user", tmp_path / "fallback")
    assert (len(compilations.files), kept.read_bytes()) == (2, fresh)


def from_before_digests(models_dir: Path) -> ModelBundle:
    """The bundle with a manifest of a version that had no digests of compiled scorers."""
    manifest = json.loads((models_dir / MANIFEST).read_text())
    for model in manifest["models"].values():
        del model["compiled"]
    (models_dir / MANIFEST).write_text(json.dumps(manifest))
    return ModelBundle.open(models_dir)


def test_a_compiled_scorer_that_no_manifest_vouches_for_is_compiled_again_beside_the_warehouse(
    models_dir: Path, tmp_path: Path, compilations: Compilations
) -> None:
    bundle, path = from_before_digests(models_dir), models_dir / SESSION_MODEL.files.compiled
    fresh = path.read_bytes()
    with_other_weights(path)
    for _ in range(2):
        open_scorer(bundle, "session", tmp_path / "fallback")
    assert compilations.files == [SESSION_MODEL.files.compiled]
    assert (tmp_path / "fallback" / SESSION_MODEL.files.compiled).read_bytes() == fresh

    compile_bundle(bundle)
    assert open_scorer(ModelBundle.open(models_dir), "session", tmp_path / "none").labels
    assert len(compilations.files) == 1, "compiling by hand writes the digests into the manifest"


@pytest.mark.parametrize("vouched_for", [True, False])
def test_without_tensorflow_only_a_compiled_scorer_from_before_digests_is_taken_as_it_is(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vouched_for: bool
) -> None:
    bundle = ModelBundle.open(models_dir) if vouched_for else from_before_digests(models_dir)
    with_other_weights(models_dir / SESSION_MODEL.files.compiled)
    for name in ("keras", "tensorflow"):
        monkeypatch.setitem(sys.modules, name, None)

    if vouched_for:
        with pytest.raises(ArtefactError, match=r"compiling models needs TensorFlow .* pip install"):
            open_scorer(bundle, "session", tmp_path / "fallback")
    else:
        assert open_scorer(bundle, "session", tmp_path / "fallback").labels == bundle["session"].labels
