"""Proposals of `flywheel start` that follow an edit, and models that were trained before."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from flywheel_assets.cli import start_labels
from flywheel_assets.cli.start_labels import CHANGED, learnt_from, renewed, train
from flywheel_assets.errors import LabelError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.shelves import ARCHIVE, CANDIDATES
from flywheel_assets_tests.projects import MODELS


def proposal(path: Path, made_from: str) -> str:
    """As the readers of labels: writes a proposal where there is none, and refuses one made from something else."""
    if not path.is_file():
        path.write_text(f"from {made_from}")
    if f"from {made_from}" not in path.read_text():
        raise LabelError(f"{path} is for something else")
    return path.read_text()


def test_a_proposal_that_nobody_edited_follows_what_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "tiers.toml"
    for made_from in ("a", "a", "b", "c"):
        assert renewed(path, lambda: proposal(path, made_from)) == f"from {made_from}"  # noqa: B023


def test_an_edited_proposal_and_a_file_of_a_team_are_never_replaced(tmp_path: Path) -> None:
    edited, own = tmp_path / "tiers.toml", tmp_path / "own.toml"
    renewed(edited, lambda: proposal(edited, "a"))
    edited.write_text("from a, edited")
    own.write_text("from a")
    for path in (edited, own):
        before = path.read_text()
        assert renewed(path, lambda: proposal(path, "a")) == before  # noqa: B023
        with pytest.raises(LabelError, match="something else"):
            renewed(path, lambda: proposal(path, "b"))  # noqa: B023
        assert path.read_text() == before


def shelved(models_dir: Path, shelf: str) -> ModelBundle:
    """The shipped models as a bundle on a shelf."""
    bundle = ModelBundle.open(MODELS)
    home = models_dir / shelf / bundle.version
    shutil.copytree(MODELS, home)
    return ModelBundle.open(home)


@pytest.mark.parametrize("shelf", [CANDIDATES, ARCHIVE])
def test_models_that_learnt_the_same_are_found_on_the_shelves_unless_broken(tmp_path: Path, shelf: str) -> None:
    bundle = shelved(tmp_path, shelf)
    fingerprint = bundle.training["fingerprint"]
    found = learnt_from(tmp_path, fingerprint)
    assert found is not None
    assert found.version == bundle.version
    assert learnt_from(tmp_path, "0" * 16) is None
    (bundle.directory / "session_quality_model.keras").unlink()
    assert learnt_from(tmp_path, fingerprint) is None


def test_an_edit_of_the_labels_promotes_what_learnt_them_before_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shelved(tmp_path, ARCHIVE)
    data = SimpleNamespace(fingerprint=before.training["fingerprint"])
    in_use = SimpleNamespace(training={"intervals": ["2024-03-04"], "fingerprint": "another"})
    flywheel = SimpleNamespace(labels_wait="", models=in_use, settings=SimpleNamespace(models_dir=tmp_path))
    promoted: list[tuple[str, str, bool]] = []
    monkeypatch.setattr(start_labels, "range_source", lambda *_: SimpleNamespace(data=data))
    monkeypatch.setattr(start_labels, "train_and_track", lambda *_, **__: pytest.fail("nothing has to be trained"))
    monkeypatch.setattr(start_labels, "champion", lambda _: in_use)
    monkeypatch.setattr(
        start_labels, "promote_candidate", lambda _, version, why, forced: promoted.append((version, why, forced))
    )
    train(flywheel, pytest.fail)  # type: ignore[arg-type]
    assert promoted == [(before.version, CHANGED, True)]

    in_use.training["fingerprint"] = data.fingerprint
    train(flywheel, pytest.fail)  # type: ignore[arg-type]
    assert len(promoted) == 1, "those in use learnt these labels"
