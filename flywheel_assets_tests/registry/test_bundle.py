import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry import bundle as bundles
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo, check_fit, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import MANIFEST
from flywheel_assets.registry.holdout import Holdout, on_holdout
from flywheel_assets.registry.promotion import install, promote, rollback
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.registry.spec import ModelFiles, ModelSpec
from flywheel_assets.registry.verification import verify
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets.warehouse.files import write_whole
from flywheel_assets_tests.bundles import (
    ALL_FILES,
    FEATURES,
    SESSION_LABELS,
    USER_LABELS,
    vouched,
    write_artefacts,
    write_model,
    write_originals,
)

PREVIOUS = Path(__file__).with_name("previous_manifest.json")
"""The manifest of the models that the version before shipped."""

SESSION = ModelInfo(SESSION_MODEL, "a" * 12, ("leads",), (0.0,), ("High", "Low"), ("Low", "High"))
USER = ModelInfo(
    USER_MODEL, "b" * 12, ("share_high", "share_low"), (0.0, 0.0), ("Active", "Passive"), ("Passive", "Active")
)


def test_a_bundle_tells_what_both_models_are(models_dir: Path) -> None:
    bundle = ModelBundle.open(models_dir)

    assert bundle["session"].features == FEATURES
    assert bundle["session"].minimums == (0.0, 0.0)
    assert bundle["session"].labels == tuple(sorted(SESSION_LABELS))
    assert bundle["session"].order == SESSION_LABELS
    assert bundle["user"].features == ("share_low_quality", "share_medium_quality", "share_high_quality")
    assert bundle["user"].order == USER_LABELS
    assert bundle["session"].baseline is not None
    assert bundle["session"].baseline.labels == dict.fromkeys(SESSION_LABELS, 40)
    assert bundle["session"].baseline.features["leads"].edges == (0.0, 5.0, 20.0)


def test_versions_have_twelve_hex_digits_and_the_bundles_follows_from_the_models(tmp_path: Path) -> None:
    one, same, other = (
        write_artefacts(tmp_path / name, seed=seed, compiled=False) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert all(len(v) == 12 and int(v, 16) >= 0 for v in (one.version, one["session"].version, one["user"].version))
    assert one.version == same.version
    assert len({one.version, other.version, one["session"].version, other["session"].version, one["user"].version}) == 5


def test_a_bundle_without_baseline_has_none(tmp_path: Path) -> None:
    assert write_artefacts(tmp_path, with_baseline=False, compiled=False)["session"].baseline is None


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_missing_artefact_is_named_with_what_to_do(models_dir: Path, name: str) -> None:
    (models_dir / name).unlink()

    with pytest.raises(
        ArtefactError, match=f"lacks {name}; copy there what is missing.*flywheel models train --sample --out"
    ):
        ModelBundle.open(models_dir)


def test_artefacts_without_a_manifest_are_to_be_adopted(models_dir: Path) -> None:
    (models_dir / MANIFEST).unlink()

    with pytest.raises(ArtefactError, match=f"{MANIFEST} is missing.*flywheel models adopt {models_dir}"):
        ModelBundle.open(models_dir)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_truncated_artefact_is_named_with_its_size_and_both_digests(models_dir: Path, name: str) -> None:
    content = (models_dir / name).read_bytes()
    (models_dir / name).write_bytes(content[:100])

    with pytest.raises(ArtefactError, match=rf"{name} \(100 bytes\) has SHA-256 .* expects .* truncated or replaced"):
        ModelBundle.open(models_dir)


def test_a_promotion_while_a_bundle_is_opened_gives_the_bundle_that_was_promoted(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_artefacts(tmp_path / "other", seed=2)
    original = bundles.missing_files

    def installing(directory: Path, names: Iterable[str]) -> list[str]:
        monkeypatch.setattr(bundles, "missing_files", original)
        install(made, models_dir)
        return original(directory, names)

    monkeypatch.setattr(bundles, "missing_files", installing)

    assert ModelBundle.open(models_dir).version == made.version


def test_an_artefact_of_another_training_is_refused(models_dir: Path, tmp_path: Path) -> None:
    write_artefacts(tmp_path / "other", seed=2, compiled=False)
    (tmp_path / "other" / SESSION_MODEL.files.network).replace(models_dir / SESSION_MODEL.files.network)

    with pytest.raises(
        ArtefactError, match=f"{SESSION_MODEL.files.network} .* delete .*{MANIFEST} and type: flywheel models adopt"
    ):
        ModelBundle.open(models_dir)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"version": "1", "session": 3}'])
def test_a_manifest_that_is_none_is_refused(models_dir: Path, content: str) -> None:
    (models_dir / MANIFEST).write_text(content)

    with pytest.raises(ArtefactError, match=r"is not a manifest that this version can read .*flywheel models adopt"):
        ModelBundle.open(models_dir)


def test_models_that_fit_each_other_pass() -> None:
    check_fit([SESSION, USER])


def test_session_labels_that_the_user_model_does_not_know_are_named() -> None:
    session = replace(SESSION, labels=("High", "Low", "Odd"), order=("Odd", "Low", "High"))

    with pytest.raises(
        ArtefactError, match=r"session labels that the user model doesn't know: Odd; .* share_high, share_low"
    ):
        check_fit([session, USER])


def test_features_of_the_user_model_beyond_the_shares_are_named() -> None:
    user = replace(USER, features=("share_high", "share_low", "sessions"))

    with pytest.raises(
        ArtefactError, match=r"the user model needs sessions, .* exactly the columns share_high, share_low"
    ):
        check_fit([SESSION, user])


@pytest.mark.parametrize("label", ["High", "high", "HIGH "])
def test_labels_of_both_models_with_one_column_are_refused(label: str) -> None:
    user = replace(USER, labels=(label, "Passive"), order=("Passive", label))

    with pytest.raises(ArtefactError, match=f"the labels 'High' and '{label}' would share one probability column"):
        check_fit([SESSION, user])


def test_an_order_without_every_label_is_refused() -> None:
    with pytest.raises(ArtefactError, match="the label order Passive is not one of the labels Active, Passive"):
        check_fit([SESSION, replace(USER, order=("Passive",))])


def test_a_label_that_transitions_need_for_missing_users_is_refused() -> None:
    with pytest.raises(ArtefactError, match="a label is 'Absent'"):
        check_fit([SESSION, replace(USER, labels=("Absent", "Passive"), order=("Absent", "Passive"))])


def test_the_manifest_keeps_how_the_models_were_made(models_dir: Path) -> None:
    bundle = ModelBundle.open(models_dir)
    models = [*bundle.models.values()]
    again = write_manifest(models_dir, models, libraries={"keras": "3"}, training={"command": "by hand"})

    assert again.version == bundle.version
    assert json.loads((models_dir / MANIFEST).read_text())["training"] == {"command": "by hand"}


def test_a_manifest_of_the_previous_form_is_read_with_the_specs_that_are_declared(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(PREVIOUS.read_text())
    bundle = ModelBundle.declared(tmp_path)

    assert {name: info.spec for name, info in bundle.models.items()} == {"session": SESSION_MODEL, "user": USER_MODEL}
    assert bundle.version == "91da16f22ffd"
    assert bundle.digests[USER_MODEL.files.scaler].startswith("0cbdbb0012ff")
    assert bundle["session"].baseline is not None
    assert bundle["user"].baseline is not None
    assert bundle["session"].baseline.features["shares"].counts == (117930, 1529)
    assert bundle["user"].baseline.labels["Passive"] == 6571
    assert bundle.training["rows"]["held-out sessions"] == 119459


def test_a_folder_with_a_manifest_of_the_previous_form_goes_on_working(models_dir: Path, tmp_path: Path) -> None:
    bundle = ModelBundle.open(models_dir)
    assert bundle["session"].baseline is not None
    previous = {
        "version": bundle.version,
        **{name: {**info.to_json(), "spec": None, "compiled": None} for name, info in bundle.models.items()},
        "files": bundle.digests,
        "libraries": {},
        "baseline": {
            "session_labels": {"High Quality": 3},
            "user_labels": {"Passive": 2},
            "features": {"leads": {"edges": [0.0], "counts": [1, 2]}},
        },
    }
    (models_dir / MANIFEST).write_text(json.dumps(previous))
    scorers = Scorers(ModelBundle.open(models_dir), tmp_path / "compiled")

    assert scorers["session"].labels == bundle["session"].labels
    assert scorers["session"].version == bundle["session"].version


@pytest.mark.parametrize("label", ["score", "visitor"])
def test_a_bundle_of_one_model_or_of_three_is_like_one_of_two(tmp_path: Path, label: str) -> None:
    folders = {name: tmp_path / name for name in ("models", "candidate")}
    third = ModelSpec(
        "intent",
        ModelFiles("intent.keras", "intent_scaler.pkl", "intent_encoder.pkl", "intent.onnx"),
        label=label,
        rows="intents",
        holdout="holdout_intents.parquet",
        description="says who buys",
    )
    orders = (
        {third: ("no", "yes")}
        if label == "score"
        else {SESSION_MODEL: SESSION_LABELS, USER_MODEL: USER_LABELS, third: ("no", "yes")}
    )
    for seed, folder in enumerate(folders.values()):
        write_originals(folder, seed=seed)
        write_model(folder, third.files, ("clicks",), ("no", "yes"), seed=seed)
        compile_bundle(vouched(folder, orders))
    now = datetime(2024, 3, 20, tzinfo=UTC)
    before, after = (ModelBundle.open(folder) for folder in folders.values())
    home = folders["models"] / "candidates" / after.version
    home.parent.mkdir()
    folders["candidate"].rename(home)
    after = ModelBundle.open(home)
    rows = pd.DataFrame({"user_id": ["a", "b"] * 20, "interval_start": "2024-01-01", "clicks": np.arange(40.0)})
    rows = rows.assign(pageviews=rows.clicks, leads=0.0)
    tables = {"session": (SESSION_MODEL.label, SESSION_LABELS), "user": (USER_MODEL.label, USER_LABELS)}
    tables["intent"] = (label, ("no", "yes"))
    for name, info in after.models.items():
        column, labels = tables[name]
        table = rows.iloc[:2] if info.spec.shares_of else rows
        table.assign(**{column: np.resize(labels, len(table))}).to_parquet(home / info.spec.holdout)

    assert {finding.verdict for finding in verify(home)} == {"ok"}
    scorers = [Scorers(bundle, tmp_path / "unused") for bundle in (before, after)]
    figures, flips = on_holdout(*scorers, Holdout.read(after))
    assert [one.level for one in figures] == [info.spec.rows for info in after.models.values()]
    assert all(one.metrics[0].difference is not None for one in figures)
    assert {flip.level for flip in flips} == {info.spec.rows for info in after.models.values()}
    promote(folders["models"], after.version, now, before.version)
    assert ModelBundle.open(folders["models"]).version == after.version
    rollback(folders["models"], now)
    assert ModelBundle.open(folders["models"]).version == before.version
    assert {finding.verdict for finding in verify(folders["models"])} == {"ok"}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_whole(path, b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]
