"""`flywheel models list`, `compare`, `promote`, `rollback` and `flywheel run --rescore`, as somebody types them."""

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.promotions_record import read_promotions
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets_tests.bundles import ALL_FILES
from flywheel_assets_tests.histories import FIRST, LAST, history_in
from flywheel_assets_tests.projects import MODELS
from flywheel_assets_tests.variants import write_candidate, write_holdout

NOW = datetime(2024, 3, 20, tzinfo=UTC)
SHIPPED = ModelBundle.open(MODELS).version

Type = Callable[..., Result]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped champion, and a candidate that sees three times as much of everything, with a holdout of 20 users
    who read a page or two and are passive."""
    folder = tmp_path_factory.mktemp("cli") / "models"
    shutil.copytree(MODELS, folder)
    sessions = pd.DataFrame(0.0, range(60), list(FEATURES)).assign(
        impressions=4.0,
        pageviews=[1.0 + n % 2 for n in range(60)],
        session_id=[f"s{n}.1705300000" for n in range(60)],
        user_id=[f"u{n % 20}" for n in range(60)],
        interval_start=FIRST,
        session_quality_label="Very Low Quality",
    )
    users = [{"user_id": f"u{n}", "interval_start": FIRST, "user_flywheel_label": "Passive"} for n in range(20)]
    write_holdout(write_candidate(folder, "busy", session_scale=3.0).directory, sessions, users)
    return folder


@pytest.fixture
def folder(
    made_once: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Where commands are typed: the history's files, and models to change."""
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    history_in(tmp_path_factory.getbasetemp() / "history").copied_to(tmp_path)
    shutil.copytree(made_once, tmp_path / "models")
    return tmp_path


@pytest.fixture
def busy(folder: Path) -> str:
    return next((folder / "models" / "candidates").iterdir()).name


@pytest.fixture
def flywheel(folder: Path, typed: Type) -> Type:
    return typed


def test_list_says_what_each_bundle_is_and_compare_how_they_differ(flywheel: Type, busy: str) -> None:
    listed, compared = flywheel("models", "list"), flywheel("models", "compare", busy)

    assert (listed.exit_code, compared.exit_code) == (0, 0), listed.output + compared.output
    assert re.search(rf"^{SHIPPED} +champion +- +\w+, 88\.3 % +\w+, 89\.6 % +-", listed.stdout, re.MULTILINE)
    assert listed.stdout.endswith(f"next: flywheel models compare {busy}\n")
    assert compared.stdout.endswith(f'overrule: flywheel models promote {busy} --force --why "..."\n')
    assert re.search(rf"^{busy} +candidate ", listed.stdout, re.MULTILINE)
    for part in (
        f"candidate {busy} against champion {SHIPPED}",
        "sessions: 60 rows of 20 users, users: 20 rows of 20 users",
        f"{FIRST}, holdout",
        f"Label shares of the users of {LAST}",
        "against a promotion:",
        "accuracy of sessions is worse beyond noise",
    ):
        assert part in compared.stdout
    assert re.search(r"^sessions +accuracy +0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\] +1\.0000", compared.stdout, re.MULTILINE)


def test_a_refused_promotion_is_a_mistake_that_says_why_and_how_to_overrule_it(flywheel: Type, busy: str) -> None:
    refused = flywheel("models", "promote", busy)
    assert refused.exit_code == 2
    assert "worse beyond noise" in refused.stderr
    assert f'flywheel models promote {busy} --force --why "..."' in refused.stderr

    unexplained = flywheel("models", "promote", busy, "--force")
    assert unexplained.exit_code == 2
    assert "--force needs --why" in unexplained.stderr


def test_a_promotion_a_rescore_and_the_way_back(flywheel: Type, folder: Path, busy: str) -> None:
    promoted = flywheel("models", "promote", busy, "--force", "--why", "a test")
    assert promoted.exit_code == 0, promoted.output
    assert "overruled: accuracy of sessions is worse" in promoted.stdout
    assert f"champion is {busy}, {SHIPPED} is in the archive" in promoted.stdout
    listed = flywheel("models", "list").stdout
    assert re.search(rf"^{busy} +champion .* 2024-03-20 00:00 +a test", listed, re.MULTILINE)
    assert re.search(rf"^{SHIPPED} +archive ", listed, re.MULTILINE)

    assert re.search(rf"{FIRST} .* done +labelled by an earlier model", flywheel("status").stdout)
    rescored = flywheel("run", "--rescore", "--to", FIRST)
    assert rescored.exit_code == 0, rescored.output
    assert f"{FIRST} - 2024-01-28: session_predictions: session model was" in rescored.stdout
    assert re.search(rf"{FIRST} .* done *$", flywheel("status").stdout, re.MULTILINE)
    assert "1 interval up to date" in flywheel("run", "--rescore", "--to", FIRST).stdout

    back = flywheel("models", "rollback", "--why", "it was a test")
    assert back.exit_code == 0, back.output
    assert f"champion is {SHIPPED} again, in place of {busy}" in back.stdout
    assert ModelBundle.open(folder / "models").version == SHIPPED

    refused = flywheel("models", "promote", busy)
    assert refused.exit_code == 2
    assert f"{busy} stays in the archive" in refused.stderr
    assert "holdout_sessions.parquet is missing" in refused.stderr
    again = flywheel("models", "promote", busy, "--force", "--why", "back it is")
    assert f"champion is {busy}, {SHIPPED} is in the archive" in again.stdout
    assert read_promotions(folder / "models")[-1].why == "back it is"
    assert flywheel("models", "compare", SHIPPED).exit_code == 0


def test_mistakes_are_one_line(flywheel: Type, folder: Path, busy: str) -> None:
    (folder / "models" / "candidates" / busy / ALL_FILES[0]).write_bytes(b"half")
    for arguments, says in (
        (("compare", "nope"), f"there is no candidate nope in .*there are, newest first: {busy}"),
        (("promote", busy), f"candidates/{busy} is incomplete, and nothing was changed"),
        (("rollback",), f"has had no champion before {SHIPPED} to go back to"),
    ):
        result = flywheel("models", *arguments)
        assert result.exit_code == 2
        assert re.match(f"error: .*{says}", result.stderr)
    assert re.search(rf"^{busy} +candidate .*incomplete", flywheel("models", "list").stdout, re.MULTILINE)


def test_a_models_folder_that_is_not_there_is_said_once(
    flywheel: Type, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(folder / "nowhere"))
    listed, verified = flywheel("models", "list"), flywheel("models", "verify")

    assert (listed.exit_code, verified.exit_code) == (2, 1)
    assert listed.stderr.startswith(f"error: there is no folder {folder / 'nowhere'}; expected one with model")
    assert listed.stdout == ""
    assert "there is no folder" in verified.stdout
    assert "keras" not in verified.stdout
