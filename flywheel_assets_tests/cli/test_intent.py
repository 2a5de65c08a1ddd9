"""`flywheel intent`, as somebody types it in a folder of their own."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import TABLES, intent_project
from flywheel_assets_tests.intent.test_user_features import EVENTS, FIRST, SECOND
from flywheel_assets_tests.projects import MODELS, Project


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["intent", *words])


def said(*words: str) -> str:
    result = typed(*words)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = intent_project(tmp_path_factory.mktemp("done"))
    land_events(project, "2024.parquet", *EVENTS)
    for key in (FIRST, SECOND):
        assert project.materialize(key, *TABLES).success
    return project


@pytest.fixture
def folder(done: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.chdir(tmp_path)
    return done.copied_to(tmp_path).folder


def test_first_rules_are_written_once(folder: Path) -> None:
    assert "is there already, and stays as it is" in typed("init").stderr
    (folder / "intent_rules.toml").unlink()
    assert "next: flywheel intent check" in said("init")
    assert 'kind = "purchases"' in (folder / "intent_rules.toml").read_text()
    (folder / "intent_rules.toml").unlink()
    assert "'sales' is no kind of events" in typed("init", "--outcome", "sales").stderr


def test_a_check_shows_each_curve_and_who_would_change_tier(folder: Path) -> None:
    assert "None of 2 users of 2024-01-15 - 2024-01-28 would change tier." in said("check")
    rules = folder / "intent_rules.toml"
    rules.write_text(rules.read_text().replace("Medium = 40", "Medium = 2"))
    found = said("check")
    assert "2 of 2 users of 2024-01-15 - 2024-01-28 would change tier" in found
    assert "7: 5, 14: 2.5" in found
    assert "recently bought: 0 points by its rules; takes away 15 at most" in found


def test_a_check_of_another_file_leaves_the_rules_in_use_alone(folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text((folder / "intent_rules.toml").read_text().replace("half_at = 7", "half_at = 0"))
    result = typed("check", "other.toml")
    assert result.exit_code == 2
    assert "other.toml, line " in result.stderr
    assert "[rules.recency] has half_at = 0; expected more than 0" in result.stderr
    assert "would change tier" in said("check")


def test_the_ranking_says_whom_to_contact_why_and_what_that_may_bring(folder: Path) -> None:
    found = said("rank", "--n", "1")
    assert " ben " in found or " anna " in found
    assert "1 user, down to a score of " in found
    assert "How many of them will convert is not known yet" in found


def test_one_user_is_explained_point_by_point_and_all_by_rule(folder: Path) -> None:
    found = said("explain", "--user", "anna")
    assert "Points, which add up to the score" in found
    assert "1 cart, 26 days ago" in found
    assert "What would raise it most: 1 cart: +" in found
    assert "What scores are made of, 2024-01-15 - 2024-01-28" in said("explain")
    assert "'zoe' has no event in the 90 days to 2024-01-28" in typed("explain", "--user", "zoe").stderr


def test_without_events_or_rules_or_scores_the_next_step_is_named(folder: Path) -> None:
    assert "has not been materialized" in typed("rank", "--interval", "2024-01-29").stderr
    (folder / "intent_rules.toml").unlink()
    (folder / "data" / "warehouse" / "intent_scores").rename(folder / "gone")
    assert "flywheel intent init" in typed("rank").stderr
    (folder / "events.toml").unlink()
    assert "flywheel events init EVENTS" in typed("rank").stderr
