"""Scores, explanations, ranking and outcomes as tables: they add up, escape nothing they should not, and wait."""

from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from flywheel_assets.errors import IntentError, NotMaterializedError, UnknownUserError
from flywheel_assets.intent import intent_explanations, intent_outcomes, intent_scores
from flywheel_assets.intent.ranked_users import order, ranked_users
from flywheel_assets.intent.ranking import explained, first_users, rule_shares, scored_interval, tier_moves
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import TABLES, intent_project
from flywheel_assets_tests.intent.test_user_features import EVENTS, FIRST, HOSTILE, SECOND, THIRD
from flywheel_assets_tests.projects import Project

FORMULA = "=cmd|' /C calc'!A0"
MORE = [(FORMULA, "2024-01-26 10:00", "buy", None), (FORMULA, "2024-01-27 10:00", "view", "cart/2")]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = intent_project(tmp_path_factory.mktemp("intent"))
    land_events(project, "2024.parquet", *EVENTS, *MORE)
    for key in (FIRST, SECOND, THIRD):
        assert project.materialize(key, *TABLES, "intent_outcomes").success
    return project


def test_points_and_clamp_sum_to_the_score_exactly_in_both_tables(once: Project) -> None:
    for key in (FIRST, SECOND, THIRD):
        scores = once.rows("intent_scores", key)
        for row in scores:
            points = [value for name, value in row.items() if name.startswith("points_")]
            assert sum(points, row["clamp"]) == row["score"]
            assert Decimal(1) <= row["score"] <= Decimal(100)
        long = once.rows("intent_explanations", key)
        for row in scores:
            of_user = [one for one in long if one["user_id"] == row["user_id"]]
            assert sum((one["points"] for one in of_user), Decimal(0)) == row["score"]
            for one in of_user:
                if one["rule"] != "clamp":
                    assert one["points"] == row[f"points_{one['rule']}"]


def test_reasons_are_the_rules_with_the_most_points_with_their_evidence(once: Project) -> None:
    anna = next(row for row in once.rows("intent_scores", SECOND) if row["user_id"] == "anna")
    assert anna["reason_1"] == f"active 8 days ago: +{anna['points_recency']}"
    assert anna["reason_2"] == f"active on 4 days: +{anna['points_active_days']}"
    assert anna["reason_3"] == f"1 cart, 26 days ago: +{anna['points_carts']}"
    assert anna["next_step"].startswith("1 cart: +")


def test_ids_are_kept_as_they_are_and_a_spreadsheet_runs_none_of_them(once: Project) -> None:
    users = {row["user_id"] for row in once.rows("ranked_users", THIRD)}
    assert {HOSTILE, FORMULA} <= users
    csv = (once.settings.warehouse_dir / "csv" / f"ranked_users_{THIRD}.csv").read_text()
    assert f'"\'{FORMULA}"' in csv
    assert '"o\'neil <b>&""x"""' in csv


def test_equal_scores_stand_in_the_order_that_is_stated() -> None:
    def users(*rows: tuple[str, int, int, int]) -> list[str]:
        ids, scores, days, active = zip(*rows, strict=True)
        number = pa.decimal128(7, 2)
        texts = {name: pa.nulls(len(ids), pa.string()) for name in ("reason_1", "reason_2", "reason_3", "next_step")}
        tier = pa.array(["Low"] * len(ids))
        made = pa.table({"user_id": ids, "score": pa.array(list(map(Decimal, scores)), number), "tier": tier, **texts})
        bots = pa.array([name == "bot" for name in ids])
        known = pa.table({"user_id": ids, "days_since_event": days, "active_days": active, "likely_bot": bots})
        found = ranked_users(ibis.memtable(made), ibis.memtable(known), [], 4)
        return ibis.duckdb.connect().to_pyarrow(found)["user_id"].to_pylist()

    rows = [("d", 5, 1, 9), ("bot", 9, 0, 9), ("c", 7, 3, 1), ("b", 7, 2, 1), ("a2", 7, 2, 5), ("a1", 7, 2, 5)]
    assert users(*rows) == users(*reversed(rows)) == ["a1", "a2", "b", "c"]


def test_ranks_out_of_order_fail() -> None:
    good = [{"rank": 1, "score": 9}, {"rank": 2, "score": 9}]
    assert order(good).passed
    assert not order([{"rank": 1, "score": 8}, {"rank": 2, "score": 9}]).passed
    assert not order([{"rank": 1, "score": 9}, {"rank": 3, "score": 8}]).passed


def test_who_converts_in_an_interval_is_judged_by_the_scores_of_the_one_before(once: Project) -> None:
    assert once.rows("intent_outcomes", FIRST) == []
    found = {row["user_id"]: row for row in once.rows("intent_outcomes", SECOND)}
    assert {user: row["converted"] for user, row in found.items()} == {"anna": True, "ben": False}
    before = {row["user_id"]: row["score"] for row in once.rows("intent_scores", FIRST)}
    assert {user: row["score"] for user, row in found.items()} == before


def test_an_outcome_from_before_the_end_of_the_features_fails_its_check(once: Project) -> None:
    (second,) = once.intervals(SECOND)
    verdicts = intent_outcomes.verdicts({"rows": 2, "conversions": 1, "early": 1}, second, why_not="")
    assert [v.passed for v in verdicts] == [False, True]
    assert "1 outcomes are from before 2024-01-15" in verdicts[0].summary


def test_an_open_interval_is_not_judged_and_becomes_stale_when_it_closes(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    with project.flywheel() as flywheel:
        (second,) = project.intervals(SECOND)
        flywheel.closed = lambda interval: False  # type: ignore[method-assign]
        assert flywheel.lineage.stale_because(intent_outcomes.TABLE, second) == (
            "matured was yes, is no: judged once the interval has closed"
        )


def test_sums_that_do_not_add_up_fail(once: Project) -> None:
    with once.flywheel() as flywheel:
        table, rules = flywheel.warehouse.read("intent_scores", *once.intervals(SECOND)), flywheel.intent.rules
        wrong = table.mutate(score=(table.score + 1).cast("decimal(7, 2)"))
        row = flywheel.figures(wrong, intent_scores.figures(wrong, rules))
        verdicts = intent_scores.verdicts(row, table.schema(), flywheel.columns(intent_scores.TABLE), rules)
        assert [v.passed for v in verdicts[:2]] == [True, False]
        assert not intent_explanations.adds_up({"rows": 1, "points": Decimal(5)}, Decimal(6)).passed


def test_a_broken_rules_file_leaves_labels_alone_and_is_named(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    rules = project.settings.intent_file
    rules.write_text(rules.read_text().replace("half_at = 7", "half_at = 0"))
    with project.flywheel() as flywheel:
        (problem,) = flywheel.problems()
        assert "[rules.recency] has half_at = 0" in problem
        names = [table.name for table in flywheel.makeable([intent_scores.TABLE, *intent_scores.TABLE.sources])]
        assert names == ["user_features"]
        with pytest.raises(IntentError, match="half_at = 0"):
            _ = flywheel.intent.rules
    result = project.materialize(FIRST, "intent_scores")
    assert "half_at = 0" in str(result.failure_data_for_node("intent_scores").error)
    assert project.rows("intent_scores", FIRST) == once.rows("intent_scores", FIRST)


def test_changed_rules_make_scores_stale_and_say_who_would_change_tier(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    rules = project.settings.intent_file
    rules.write_text(rules.read_text().replace("Medium = 40", "Medium = 5"))
    with project.flywheel() as flywheel:
        (second,) = project.intervals(SECOND)
        assert "rules of intent" in flywheel.lineage.stale_because(intent_scores.TABLE, second)
        moves = tier_moves(flywheel, second, flywheel.intent.rules)
        assert sum(moves.values()) == 3
        assert moves["Low", "Medium"] > 0


def test_people_ask_for_the_first_users_one_user_or_all_rules(once: Project) -> None:
    with once.flywheel() as flywheel:
        assert scored_interval(flywheel, None).key == THIRD
        interval = scored_interval(flywheel, SECOND)
        first = first_users(flywheel, interval, 2)
        assert [row["rank"] for row in first] == [1, 2]
        found = explained(flywheel, interval, "anna")
        assert sum((row["points"] for row in found.points), Decimal(0)) == found.scores["score"]
        assert sum(one.share for one in rule_shares(flywheel, interval)) == pytest.approx(1)
        with pytest.raises(UnknownUserError, match="'nobody' has no event in the 90 days"):
            explained(flywheel, interval, "nobody")
        with pytest.raises(NotMaterializedError):
            scored_interval(flywheel, "2024-03-11")
