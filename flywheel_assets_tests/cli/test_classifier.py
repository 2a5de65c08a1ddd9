"""What follows a training of a classifier, as somebody types it."""

import shutil
from pathlib import Path

import pytest

from flywheel_assets.training.classifier.candidate import ClassifierCandidate
from flywheel_assets_tests.cli.conftest import Type
from flywheel_assets_tests.training.classifier.conftest import trained as trained


@pytest.fixture
def version(trained: ClassifierCandidate, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the one candidate, trained on a table."""
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(folder / "models"))
    version = trained.bundle.version
    shutil.copytree(trained.bundle.directory, folder / "models" / "conversion" / "candidates" / version)
    return version


def said(flywheel: Type, *words: str) -> str:
    result = flywheel("conversion", *words)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_a_candidate_is_looked_at_promoted_and_taken_back(version: str, flywheel: Type) -> None:
    looked = said(flywheel, "evaluate")
    for text in ("Compared on the validation part", "log loss > calibrated", "one rule: ", "majority", "PR-AUC"):
        assert text in looked
    assert f"version {version}, card: " in looked
    assert f"next: flywheel conversion promote {version}" in said(flywheel, "compare")
    assert f"the model in use is {version}" in said(flywheel, "promote", version)
    assert f"version {version}" in said(flywheel, "evaluate", version)
    back = said(flywheel, "rollback", "--why", "a try")
    assert f"the model in use is none, in place of {version}" in back
    assert "there is no candidate" in flywheel("conversion", "compare").stderr
    assert "--force needs --why" in flywheel("conversion", "promote", version, "--force").stderr


def test_a_row_is_explained_by_its_values_which_add_up(version: str, flywheel: Type) -> None:
    found = said(flywheel, "explain", "s1300")

    assert "% chance of a conversion" in found
    for name in ("views", "device", "noise", "flag"):
        assert name in found
    assert "the odds" in found
    assert "on average of 100 others" in found
    message = " ".join(flywheel("conversion", "explain", "nobody").stderr.split())
    assert f"not among the 300 sessions that judged {version}; expected one of those, such as s1200" in message


def test_without_a_model_the_command_that_trains_one_is_named(
    folder: Path, flywheel: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(folder / "models"))
    for command in ("evaluate", "compare"):
        assert "to make one type: flywheel conversion train" in flywheel("conversion", command).stderr
