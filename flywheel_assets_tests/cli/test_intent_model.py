"""`flywheel intent train`, `compare`, `promote`, `rollback`, `suggest`, as somebody types them, and what a promotion
changes in the tables."""

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intent.assets import TABLES
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import intent_project
from flywheel_assets_tests.projects import MODELS, Project, checks

KEYS = ("2024-01-15", "2024-01-29", "2024-02-12", "2024-02-26")
MADE = ("event_sessions", "user_days", "user_features", "intent_scores", "intent_outcomes")
JUDGED = ("intent_calibration", "intent_probability", "intent_performance", "intent_disagreements")
USERS = 200
NOW = datetime(2024, 3, 20, tzinfo=UTC)

Type = Callable[..., Result]


def events() -> list[tuple[str, str, str, str | None]]:
    """Users who put things into carts purchase in the interval after; how much they view says nothing."""
    draw, found = np.random.default_rng(3), list[tuple[str, str, str, str | None]]()
    keen = np.zeros(USERS, bool)
    for key in KEYS:
        first = datetime.fromisoformat(key)
        buys, keen = keen & (draw.random(USERS) < 0.7), draw.random(USERS) < 0.3
        for user in range(USERS):

            def at() -> str:
                return str(first + timedelta(minutes=int(draw.integers(0, 14 * 24 * 60))))  # noqa: B023

            found += [(f"u{user}", at(), "view", None) for _ in range(draw.integers(1, 8))]
            found += [(f"u{user}", at(), "view", f"cart/{n}") for n in range(2 * keen[user])]
            found += [(f"u{user}", at(), "buy", None)] if buys[user] else []
    return found


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four intervals scored by rules that make little of carts."""
    folder = tmp_path_factory.mktemp("intent_model")
    shutil.copytree(MODELS, folder / "models", ignore=shutil.ignore_patterns("intent", "candidates", "archive"))
    project = intent_project(folder, FLYWHEEL_MODELS_DIR="models")
    rules = project.settings.intent_file
    carts = rules.read_text().partition("[rules.carts]")
    rules.write_text(carts[0] + carts[1] + carts[2].replace("points = 10", "points = 1", 1))
    land_events(project, "2024.parquet", *events())
    for key in KEYS:
        assert project.materialize(key, *MADE).success
    assert project.materialize(KEYS[-1], "ranked_users").success
    return project


@pytest.fixture
def project(made_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    return made_once.copied_to(tmp_path)


def test_a_model_is_trained_compared_promoted_and_ranks_from_then_on(project: Project, typed: Type) -> None:
    trained = typed("intent", "train")
    assert trained.exit_code == 0, trained.output
    version = re.findall(r"version (\w{12}) in", trained.output)[0]
    assert "200 users in 2024-02-26" in trained.output
    assert f"next: flywheel intent promote {version}" in typed("intent", "compare").output
    assert version in typed("models", "list").output
    assert {row["ranked_by"] for row in project.rows("ranked_users", KEYS[-1])} == {"rules"}

    promoted = typed("intent", "promote", version)
    assert promoted.output.startswith(f"users are ranked by the model {version}\n")
    after = Project(project.folder, **project.environment)
    for key in KEYS[1:]:
        more = JUDGED if key == KEYS[-1] else ()
        result = after.materialize(key, "intent_predictions", "ranked_users", "intent_outcomes", *more)
        assert result.success
        assert all(
            one.passed for table in ("intent_predictions", "ranked_users") for one in checks(result, table).values()
        )
    assert after.rows("intent_predictions", KEYS[-3]) == []  # the model has seen what came after it
    assert {row["ranked_by"] for row in after.rows("ranked_users", KEYS[-3])} == {"rules"}
    predicted = {row["user_id"]: row["probability"] for row in after.rows("intent_predictions", KEYS[-2])}
    ranked = after.rows("ranked_users", KEYS[-2])
    assert {row["ranked_by"] for row in ranked} == {"model"}
    assert [row["probability"] for row in ranked] == sorted(predicted.values(), reverse=True)[: len(ranked)]
    judged = {row["user_id"]: row["probability"] for row in after.rows("intent_outcomes", KEYS[-1])}
    assert judged == predicted
    assert sum(row["users"] for row in after.rows("intent_disagreements", KEYS[-1])) == len(predicted)
    first = after.rows("ranked_users", KEYS[-1])[0]["user_id"]
    assert re.search(rf"1 +{first} ", typed("intent", "rank", "--n", "3").output)
    model = next(row for row in after.rows("intent_performance", KEYS[-1]) if row["ranking"] == "model")
    assert model["users"] == len(predicted)

    back = typed("intent", "rollback", "--why", "sales trusts the rules")
    assert back.output.startswith(f"users are ranked by the score of the rules again, in place of the model {version}")
    again = Project(project.folder, **project.environment)
    assert again.materialize(KEYS[-1], "ranked_users", "intent_outcomes").success
    assert {row["ranked_by"] for row in again.rows("ranked_users", KEYS[-1])} == {"rules"}
    assert "has had no champion before" in typed("intent", "rollback").output
    assert typed("intent", "promote", version, "--force", "--why", "it is better").exit_code == 0


def test_a_late_promotion_leaves_predictions_that_were_made_as_they_are(project: Project, typed: Type) -> None:
    (first,) = re.findall(r"version (\w{12}) in", typed("intent", "train").output)
    typed("intent", "promote", first)
    after = Project(project.folder, **project.environment)
    assert after.materialize(KEYS[-1], "intent_predictions").success
    rules = project.settings.intent_file
    rules.write_text(rules.read_text().replace('"activity"', '"presence"'))
    (second,) = re.findall(r"version (\w{12}) in", typed("intent", "train").output)
    assert "model in use" in typed("intent", "compare", second).output
    assert "--force needs --why" in typed("intent", "promote", second, "--force").output
    assert typed("intent", "promote", second, "--force", "--why", "other groups").exit_code == 0
    with after.flywheel() as flywheel:
        (last,) = after.intervals(KEYS[-1])
        (table,) = (table for table in TABLES if table.name == "intent_predictions")
        assert flywheel.lineage.stale_because(table, last) == ""


def test_a_broken_model_stops_only_its_predictions_and_is_named(project: Project, typed: Type) -> None:
    (version,) = re.findall(r"version (\w{12}) in", typed("intent", "train").output)
    typed("intent", "promote", version)
    trees = project.settings.intent_models_dir / "intent_model.ubj"
    whole = trees.read_bytes()
    trees.write_bytes(b"half")
    after = Project(project.folder, **project.environment)
    with after.flywheel() as flywheel:
        assert any(f"{trees} (4 bytes) has SHA-256" in problem for problem in flywheel.problems())
        assert "intent_predictions" not in [table.name for table in flywheel.makeable(TABLES)]
    assert after.materialize(KEYS[-1], "ranked_users").success
    trees.write_bytes(whole)
    mapping = project.settings.events_file
    mapping.write_text(mapping.read_text().replace("carts =", "baskets ="))
    with after.flywheel() as flywheel:
        flywheel.intent.__dict__["rules_wait"] = ""  # rules that need no carts
        assert "needs carts, days_since_carts" in flywheel.intent.model_wait


def test_suggested_points_are_written_beside_the_rules_and_with_write_into_them(project: Project, typed: Type) -> None:
    rules = project.settings.intent_file
    before = rules.read_text()
    shown = typed("intent", "suggest")
    assert shown.exit_code == 0, shown.output
    assert re.search(r"carts +1 +\d+ +\d+\.\d% convert", shown.output)
    assert "users of 2024-02-26 - 2024-03-10 change tier" in shown.output
    suggested = rules.with_name("intent_rules.suggested.toml")
    assert rules.read_text() == before != suggested.read_text()
    assert typed("intent", "suggest", "--write").output.endswith("next: flywheel run\n")
    assert rules.read_text() == suggested.read_text()


def test_without_enough_outcomes_nothing_is_learnt_or_changed(project: Project, typed: Type) -> None:
    for key in KEYS[1:2]:
        shutil.rmtree(project.path("intent_outcomes", key).parent)
    for command in ("train", "suggest"):
        answer = typed("intent", command)
        assert answer.exit_code == 2
        assert "error: there are outcomes of 2 intervals; expected 3 at least" in answer.output
    assert not project.settings.intent_models_dir.exists()
