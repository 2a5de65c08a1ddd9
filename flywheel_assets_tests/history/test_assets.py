"""The tables of history over a small history: what they hold, what they say of themselves, and when they are stale."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.history import mix_shift
from flywheel_assets.history.assets import SYSTEM
from flywheel_assets.history.forecast_backtest import BACKTEST
from flywheel_assets.history.sankey_links import FOLDED
from flywheel_assets.orchestration.jobs import HISTORY_JOB
from flywheel_assets.users import user_labels
from flywheel_assets_tests import projects
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project, checks, materializations, metadata, sessions

CONTRACTS = {one.table.name: one.table for one in SYSTEM.tables.values()}
TABLES = ("growth_accounting", "label_mix", "mix_shift", "transition_forecast", "sankey_links")
KEYS = (FIRST, GAP, AFTER_GAP, LAST)


def run(project: Project, key: str, *tables: str) -> dg.ExecuteInProcessResult:
    """The job of the history, or a few of its tables."""
    return project.materialize(key, *tables, job=HISTORY_JOB)


@pytest.fixture(scope="module")
def ran(
    history: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, dict[str, dg.ExecuteInProcessResult]]:
    """The history of ann, bob, cy and dan, with the tables about it. Not to be changed."""
    project = history.copied_to(tmp_path_factory.mktemp("told"))
    return project, {key: run(project, key) for key in KEYS}


def stale(project: Project, table: str, key: str) -> str:
    with project.flywheel() as flywheel:
        (interval,) = project.intervals(key)
        return flywheel.lineage.stale_because(CONTRACTS[table], interval, flywheel.lineage.generation)


def growth(project: Project, key: str) -> dict[str, int]:
    """Counts of all users that are not 0, without their "_Users"."""
    everyone = project.rows("growth_accounting", key)[0]
    return {k.removesuffix("_Users"): v for k, v in everyone.items() if k.endswith("_Users") and v}


def test_growth_of_ann_bob_cy_and_dan(ran: tuple[Project, Any]) -> None:
    project, _ = ran
    assert growth(project, FIRST) == {"Active": 2, "New": 2}
    assert growth(project, GAP) == {"Previous": 2, "Churned": 2}
    assert growth(project, AFTER_GAP) == {"Active": 2, "New": 1, "Resurrected": 1}
    assert growth(project, LAST) == {
        "Active": 3, "New": 1, "Retained": 2, "Previous": 2, "Previous_Retained": 2,
    }  # fmt: skip


def test_every_run_succeeds_with_every_check_an_interval_without_users_included(ran: tuple[Project, Any]) -> None:
    _, runs = ran
    for result in runs.values():
        assert result.success
        assert len(result.get_asset_check_evaluations()) >= 14
        blocked = [c.check_name for c in result.get_asset_check_evaluations() if not c.passed and c.blocking]
        assert blocked == []


def test_every_table_has_the_columns_of_its_contract(ran: tuple[Project, Any]) -> None:
    project, _ = ran
    for table in TABLES:
        for key in KEYS:
            found = pq.read_schema(project.path(table, key)).remove_metadata()
            assert found == CONTRACTS[table].schema, (table, key)
            assert {row["Interval_Dates"] for row in project.rows(table, key)} <= {project.intervals(key)[0].dates}


def test_a_label_has_its_row_in_an_interval_without_users(ran: tuple[Project, Any]) -> None:
    project, _ = ran
    order = ["Passive", "Exploring", "Engaged", "Highly Engaged"]
    assert [row["Label"] for row in project.rows("growth_accounting", GAP)] == [None, *order]
    assert [row["Label"] for row in project.rows("mix_shift", GAP)] == order
    assert [row["Label"] for row in project.rows("transition_forecast", GAP)] == ["Absent", *order]
    assert [row["Count"] for row in project.rows("label_mix", GAP) if row["Level"] == "users"] == [0] * 4
    assert {row["target"] for row in project.rows("sankey_links", GAP)} == {"I3 Absent"}


def test_materializations_carry_numbers_and_words(ran: tuple[Project, Any]) -> None:
    _, runs = ran
    said = {table: metadata(one) for table, one in materializations(runs[LAST]).items()}

    assert said["growth_accounting"]["Active_Users"] == 3
    assert said["growth_accounting"]["Retention"] == 1.0
    assert "Quick_Ratio" not in said["growth_accounting"]
    assert "no change" in said["transition_forecast"]["headline"].split("\n")[0]
    assert said["transition_forecast"]["forecasts"] == 2
    assert said["sankey_links"]["folded"] == "nothing"
    assert said["csv_copies"]["growth_accounting"] == 20
    better = checks(runs[LAST], "transition_forecast")["better_than_no_change"]
    assert better.description == said["transition_forecast"]["headline"].split("\n")[0]


def test_notes_stay_with_the_files(ran: tuple[Project, Any]) -> None:
    project, _ = ran
    with project.flywheel() as flywheel:
        (last,) = project.intervals(LAST)
        assert json.loads(flywheel.warehouse.note("transition_forecast", last, BACKTEST) or "")["forecasts"] == 2
        assert json.loads(flywheel.warehouse.note("sankey_links", last, FOLDED) or "")["links"] == 0


def test_csv_copies_hold_all_intervals_and_the_folders_of_tables_only_parquet(ran: tuple[Project, Any]) -> None:
    project, _ = ran
    warehouse = project.settings.warehouse_dir
    for table in (*TABLES, "label_transitions"):
        with (warehouse / "csv" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == sum(len(project.rows(table, key)) for key in KEYS), table
        assert [row["Interval"] for row in rows] == sorted(row["Interval"] for row in rows)
        assert {path.name for path in (warehouse / table).rglob("*") if path.is_file()} == {"part-0.parquet"}
    assert not (warehouse / "csv" / "cluster_mix.csv").exists()


def test_csv_copies_leave_out_what_is_before_the_first_interval(ran: tuple[Project, Any], tmp_path: Path) -> None:
    project = ran[0].copied_to(tmp_path).with_settings(FLYWHEEL_FIRST_INTERVAL=AFTER_GAP)
    assert run(project, LAST, "mix_shift", "csv_copies").success  # other numbers of intervals have made it stale

    with (project.settings.warehouse_dir / "csv" / "mix_shift.csv").open(encoding="utf-8", newline="") as file:
        assert {row["First_Day"] for row in csv.DictReader(file)} == {AFTER_GAP, LAST}


def test_an_earlier_interval_that_changes_makes_the_later_ones_stale_where_they_rest_on_it(
    ran: tuple[Project, Any], tmp_path: Path
) -> None:
    project = ran[0].copied_to(tmp_path)
    assert [stale(project, table, LAST) for table in TABLES] == [""] * 5
    project.land("late.parquet", sessions(("dan", "2024-01-16 05", 6)), minute=5)
    assert project.run(FIRST)[0].failure == ""

    assert stale(project, "growth_accounting", LAST) == "earlier user_labels changed"
    assert stale(project, "label_mix", LAST) == stale(project, "mix_shift", LAST) == ""
    assert stale(project, "growth_accounting", FIRST) == "user_labels changed"
    assert run(project, LAST, "growth_accounting").success
    assert growth(project, LAST)["Resurrected"] == 1


def test_an_earlier_interval_that_is_missing_is_named(ran: tuple[Project, Any], tmp_path: Path) -> None:
    project = ran[0].copied_to(tmp_path)
    project.path("user_labels", FIRST).unlink()

    failed = run(project, LAST, "growth_accounting")

    assert not failed.success
    (event,) = [e for e in failed.all_events if e.is_step_failure]
    assert NotMaterializedError.__name__ in str(event.step_failure_data.error)
    assert f"user_labels of interval {FIRST}" in str(event.step_failure_data.error)


def test_a_table_that_is_wrong_stops_its_csv_copy_and_nothing_of_the_spine(
    ran: tuple[Project, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ran[0].copied_to(tmp_path)
    before = (project.settings.warehouse_dir / "csv" / "mix_shift.csv").read_bytes()
    monkeypatch.setattr(mix_shift, "users_now", lambda moves: Counter({"Passive": 1, "Nobody's": 1}))
    failed = run(project, LAST, "mix_shift", "csv_copies")

    assert not failed.success
    assert not checks(failed, "mix_shift")["changes"].passed
    assert set(materializations(failed)) == {"mix_shift"}
    assert (project.settings.warehouse_dir / "csv" / "mix_shift.csv").read_bytes() == before
    spine = {key.to_user_string() for key in project.job.asset_layer.executable_asset_keys}
    assert spine == set(projects.TABLES)


def test_users_and_labels_may_be_called_anything(ran: tuple[Project, Any], tmp_path: Path) -> None:
    project = ran[0].copied_to(tmp_path)
    users = project.table("user_labels", LAST).slice(0, 1)
    odd = ["o'hara", '"quoted"', "<b>bob</b>", "🦊", "a,b", "=1+1", "ann"]
    label = """=<i>o'hara's "😀"</i>"""
    users = pa.concat_tables([users] * len(odd))
    for column, values in (("user_id", odd), ("user_flywheel_label", [label] * len(odd))):
        users = users.set_column(users.schema.get_field_index(column), column, pa.array(values))
    with project.flywheel() as flywheel:  # as an earlier model could have it
        (last,) = project.intervals(LAST)
        flywheel.warehouse.keep("user_labels", last, users, flywheel.lineage.generation(user_labels.TABLE, last))

    assert project.materialize(LAST, "label_transitions").success
    assert run(project, LAST).success
    assert growth(project, LAST) == {
        "Active": 7, "New": 6, "Retained": 1, "Previous": 2, "Previous_Retained": 1, "Churned": 1,
    }  # fmt: skip
    assert f"I5 {label}" in {row["target"] for row in project.rows("sankey_links", LAST)}
    with (project.settings.warehouse_dir / "csv" / "mix_shift.csv").open(encoding="utf-8", newline="") as file:
        assert f"'{label}" in {row["Label"] for row in csv.DictReader(file)}
