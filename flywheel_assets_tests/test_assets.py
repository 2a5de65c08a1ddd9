"""What a run of the graph leaves behind: tables of every interval, gaps included, and what materializations say."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import TABLES, Project, checks, materializations, metadata, sessions

NUMBERS = {
    "landed_sessions": {"quarantined", "repeated", "files", "files_set_aside"},
    "trimmed_sessions": {"trimmed", "share_trimmed", "users_vanished", "features_guarded", "interval_too_small"},
    "session_predictions": {
        "share_high_quality",
        "share_medium_quality",
        "share_low_quality",
        "share_very_low_quality",
        "psi_from_baseline",
    },
    "user_distributions": {"users", "sessions_per_user"},
    "user_labels": {
        "users",
        "share_highly_engaged",
        "share_engaged",
        "share_exploring",
        "share_passive",
        "psi_from_baseline",
    },
    "enriched_export": {"users"},
    "label_transitions": {"users", "stayed", "moved", "arrived", "left"},
}


def materialization(project: Project, table: str, key: str) -> dg.AssetMaterialization:
    records = project.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(table), asset_partitions=[key]), limit=1
    ).records
    return records[0].asset_materialization


def moves(project: Project, key: str) -> dict[tuple[str, str], int]:
    """Users by whether they had a label before and whether they have one now."""
    found: dict[tuple[str, str], int] = {}
    for row in project.rows("label_transitions", key):
        pair = tuple("Absent" if row[side] == "Absent" else "labelled" for side in ("From_Label", "To_Label"))
        found[pair] = found.get(pair, 0) + row["User_Count"]
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_materialization_carries_its_numbers(history: Project, table: str) -> None:
    said = metadata(materialization(history, table, LAST))
    numbers = {name for name, value in said.items() if isinstance(value, int | float)} - {"interval_closed"}

    assert numbers == NUMBERS[table] | {"rows", "dagster/row_count", "bytes", "seconds"}
    assert said["rows"] == said["dagster/row_count"] == history.table(table, LAST).num_rows
    assert Path(said["path"]) == history.path(table, LAST)


@pytest.mark.parametrize("table", TABLES)
def test_a_materialization_shows_the_columns_of_its_file(history: Project, table: str) -> None:
    columns = metadata(materialization(history, table, LAST))["dagster/column_schema"].columns

    assert [column.name for column in columns] == history.table(table, LAST).column_names
    assert all(column.description for column in columns)


def test_the_numbers_are_those_of_the_tables(history: Project) -> None:
    predictions = metadata(materialization(history, "session_predictions", LAST))
    labels = [row["session_quality_label"] for row in history.rows("session_predictions", LAST)]
    transitions = metadata(materialization(history, "label_transitions", LAST))

    assert predictions["share_high_quality"] == pytest.approx(labels.count("High Quality") / 3, abs=1e-4)
    assert predictions["share_very_low_quality"] == pytest.approx(labels.count("Very Low Quality") / 3, abs=1e-4)
    assert metadata(materialization(history, "user_labels", LAST))["users"] == 3
    assert (transitions["users"], transitions["arrived"], transitions["left"]) == (3, 1, 0)
    assert transitions["stayed"] + transitions["moved"] == 2


def test_no_users_have_no_drift(history: Project) -> None:
    assert "psi_from_baseline" not in metadata(materialization(history, "user_labels", GAP))
    assert "psi_from_baseline" in metadata(materialization(history, "user_labels", LAST))


@pytest.mark.parametrize("table", TABLES)
def test_the_data_version_is_the_generation_of_the_file(history: Project, table: str) -> None:
    with history.flywheel() as flywheel:
        generation = flywheel.warehouse.generation(table, *history.intervals(LAST))

    assert generation is not None
    assert materialization(history, table, LAST).tags["dagster/data_version"] == generation.digest


def test_unchanged_input_gives_the_same_generations_again(history: Project, copy: Project) -> None:
    copy.run(LAST)

    for table in TABLES:
        again = materialization(copy, table, LAST).tags["dagster/data_version"]
        assert again == materialization(history, table, LAST).tags["dagster/data_version"]


def test_at_the_first_interval_with_data_everyone_comes_from_absent(history: Project) -> None:
    rows = history.rows("label_transitions", FIRST)

    assert {row["From_Label"] for row in rows} == {"Absent"}
    assert {row["From_Interval"] for row in rows} == {None}
    assert {row["Interval"] for row in rows} == {2}
    assert sum(row["User_Count"] for row in rows) == 2


@pytest.mark.parametrize("table", TABLES)
def test_a_gap_has_the_columns_of_any_other_interval(history: Project, table: str) -> None:
    assert history.table(table, GAP).schema.equals(history.table(table, AFTER_GAP).schema)


def test_in_a_gap_nothing_is_labelled_and_everyone_leaves(history: Project) -> None:
    rows = {table: history.table(table, GAP).num_rows for table in TABLES}

    assert {table for table, count in rows.items() if count} == {"label_transitions"}
    assert moves(history, GAP) == {("labelled", "Absent"): 2}


def test_after_a_gap_everyone_comes_from_absent_in_the_gap(history: Project) -> None:
    assert moves(history, AFTER_GAP) == {("Absent", "labelled"): 2}
    assert {row["From_Interval"] for row in history.rows("label_transitions", AFTER_GAP)} == {3}


def test_users_move_between_intervals_with_data(history: Project) -> None:
    assert moves(history, LAST) == {("labelled", "labelled"): 2, ("Absent", "labelled"): 1}


def test_before_any_data_has_landed_an_interval_is_empty_and_comes_from_nothing(project: Project) -> None:
    (run,) = project.run(FIRST)

    assert run.failure == ""
    assert {table: project.table(table, FIRST).num_rows for table in TABLES} == dict.fromkeys(TABLES, 0)


def test_the_export_is_one_file_named_by_the_number_and_days_of_its_interval(history: Project) -> None:
    exports = history.settings.warehouse_dir / "exports"

    assert {path.name for path in exports.iterdir() if "_interval_005" in path.name} == {
        "sessions_interval_005_2024-02-26_2024-03-10.parquet",
        "users_interval_005_2024-02-26_2024-03-10.parquet",
    }


def test_the_user_export_has_a_row_a_user_and_says_the_interval(history: Project) -> None:
    users = pq.read_table(
        history.settings.warehouse_dir / "exports" / "users_interval_005_2024-02-26_2024-03-10.parquet"
    ).to_pylist()

    assert sorted(row["user_id"] for row in users) == ["ann", "cy", "dan"]
    assert {(row["Interval"], row["Interval_Dates"]) for row in users} == {(5, "2024-02-26 - 2024-03-10")}


def test_the_user_export_that_is_no_longer_wanted_goes_when_the_sessions_are_exported(copy: Project) -> None:
    exports = copy.settings.warehouse_dir / "exports"
    without = copy.with_settings(FLYWHEEL_USER_EXPORT="false")

    result = without.materialize(LAST, "enriched_export")

    assert {path.name for path in exports.glob("*_005_*")} == {"sessions_interval_005_2024-02-26_2024-03-10.parquet"}
    assert "users_path" not in metadata(materializations(result)["enriched_export"])


def test_transitions_need_the_previous_interval_and_say_how_to_make_it(copy: Project) -> None:
    copy.path("user_labels", AFTER_GAP).unlink()

    (run,) = copy.run(LAST)

    assert run.failure.startswith(
        "label_transitions: user_labels of interval 2024-02-12 (2024-02-12 - 2024-02-25) has not been materialized"
    )
    assert "flywheel run --from 2024-02-12 --to 2024-02-12" in run.failure


def test_invalid_rows_are_kept_in_quarantine_with_their_reason(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-01-15 00", 3), ("bob", "2024-01-16 00", -1)))

    result = project.materialize(FIRST, "landed_sessions")

    path = project.settings.warehouse_dir / "quarantine" / f"interval_start={FIRST}" / "part-0.parquet"
    (row,) = pq.ParquetFile(path).read().to_pylist()
    assert (row["user_id"], row["reason"]) == ("bob", "pageviews is negative")
    assert metadata(materializations(result)["landed_sessions"])["quarantined"] == 1
    assert [row["user_id"] for row in project.rows("landed_sessions", FIRST)] == ["ann"]


def test_an_open_interval_made_by_hand_is_marked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 1, 20, tzinfo=UTC))
    project.land("one.parquet", sessions(("ann", "2024-01-15 00", 3)))

    result = project.materialize(FIRST, "landed_sessions")

    check = checks(result, "landed_sessions")["interval_closed"]
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert metadata(materializations(result)["landed_sessions"])["interval_closed"] is False


def test_a_closed_interval_is_marked_as_such(history: Project) -> None:
    assert metadata(materialization(history, "landed_sessions", LAST))["interval_closed"] is True


def test_the_ledger_of_trimming_has_a_line_a_feature(history: Project) -> None:
    ledger = metadata(materialization(history, "trimmed_sessions", LAST))["ledger"]
    lines = {record.data["feature"]: record.data for record in ledger.records}

    assert lines["pageviews"]["minimum"] == 4
    assert lines["leads"]["guarded"] is True
    assert len(lines) == 8
