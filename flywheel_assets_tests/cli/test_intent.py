"""`flywheel intent`, as somebody types it in a folder of their own."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from flywheel_assets.cli.intent import explanation_report
from flywheel_assets.cli.main import main
from flywheel_assets.intent.ranking import Explained
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


def test_the_row_of_the_clamp_has_its_evidence(done: Project) -> None:
    clamp = {"rule": "clamp", "rule_group": None, "reason": "held between 1 and 100", "points": Decimal("0.4")}
    scores = {"user_id": "anna", "score": Decimal(1), "tier": "Low", "next_step": None}
    with (console := Console(width=120)).capture() as written:
        console.print(explanation_report(Explained(scores, [clamp]), *done.intervals(SECOND)))
    assert "held between 1 and 100" in written.get()


EARLIER = "These scores are by earlier rules"


def test_scores_by_earlier_rules_say_so_and_those_by_the_present_ones_do_not(folder: Path) -> None:
    asked: list[tuple[str, ...]] = [("rank",), ("explain",), ("explain", "--user", "anna")]
    assert not any(EARLIER in said(*words) for words in asked)
    rules = folder / "intent_rules.toml"
    text = rules.read_text()
    rules.write_text(text.replace("Medium = 40", "Medium = 2"))
    for words in asked:
        assert f"{EARLIER}; flywheel run makes them again" in said(*words)
    rules.write_text(text.replace("half_at = 7", "half_at = 0"))
    assert "[rules.recency] has half_at = 0" in said("rank").partition(EARLIER)[2]
    rules.unlink()
    assert "intent_rules.toml is gone" in said("rank").partition(EARLIER)[2]


def test_a_check_of_another_file_does_not_promise_that_a_run_uses_it(folder: Path) -> None:
    (folder / "other.toml").write_text((folder / "intent_rules.toml").read_text())
    found = said("check", "other.toml")
    assert found.endswith("intent_rules.toml stays in use: to use other.toml, copy it there")
    assert said("check").endswith("next: flywheel run, which makes the scores by these rules")


def test_a_kind_and_a_trait_that_the_tables_do_not_have_yet_are_no_fault(folder: Path) -> None:
    events = folder / "events.toml"
    text = events.read_text().replace("[kinds]", 'first_item = { first = "item" }\n[kinds]\nmails = "mail"')
    events.write_text(text)
    (folder / "intent_rules.toml").unlink()
    said("init")
    result = typed("check")
    assert result.exit_code == 2
    assert "user_features of 2024-01-15 does not have mails and days_since_mails yet: flywheel run" in result.stderr
    assert "Users with the highest intent" in said("rank")


def test_without_events_or_rules_or_scores_the_next_step_is_named(folder: Path) -> None:
    assert "has not been materialized" in typed("rank", "--interval", "2024-01-29").stderr
    (folder / "intent_rules.toml").unlink()
    (folder / "data" / "warehouse" / "intent_scores").rename(folder / "gone")
    assert "flywheel intent init" in typed("rank").stderr
    (folder / "events.toml").unlink()
    assert "flywheel events init EVENTS" in typed("rank").stderr
