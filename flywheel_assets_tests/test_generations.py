"""What makes a table of another generation, beside what the tests of status show."""

import dagster as dg
import pyarrow.parquet as pq
import pytest

from flywheel_assets.needs import needs
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import TABLES, Project, checks, sessions


def reasons(project: Project, key: str) -> dict[str, str]:
    """Per table of an interval that is not what it should be, why."""
    with project.flywheel() as flywheel:
        return {
            t: why
            for need in needs(flywheel, TABLES.values(), project.intervals(key))
            for t, why in need.tables.items()
        }


def test_another_first_interval_makes_other_numbers_stale(copy: Project) -> None:
    assert reasons(copy, LAST) == {}
    earlier = copy.with_settings(FLYWHEEL_FIRST_INTERVAL="2023-12-18")
    assert "interval number was 5, is 6" in reasons(earlier, LAST)["label_transitions"]


def test_an_export_of_an_earlier_numbering_goes_when_the_interval_is_exported(copy: Project) -> None:
    earlier = copy.with_settings(FLYWHEEL_FIRST_INTERVAL="2023-12-18")
    assert earlier.materialize(LAST, "enriched_export").success
    exports = copy.settings.warehouse_dir / "exports"
    names = sorted(path.name for path in exports.glob("*_2024-02-26_*"))
    assert names == [
        "sessions_interval_006_2024-02-26_2024-03-10.parquet",
        "users_interval_006_2024-02-26_2024-03-10.parquet",
    ]


def test_other_bounds_under_the_same_key_make_another_generation(copy: Project) -> None:
    (copy.settings.warehouse_dir / "grid.json").unlink()
    local = copy.with_settings(FLYWHEEL_INTERVAL_TIMEZONE="America/New_York")
    assert "interval was 2024-02-26T00:00Z" in reasons(local, LAST)["landed_sessions"]


def test_a_new_rule_makes_stale_what_the_rule_before_made_and_all_that_follows(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(trimmed_sessions.TABLE), "code_version", 3)
    found = reasons(copy, LAST)
    assert found["trimmed_sessions"] == "version 2 of its rule made it, and the rule is now version 3"
    assert found["session_predictions"] == "trimmed_sessions would change"
    assert "landed_sessions" not in found

    assert [run.failure for run in copy.run(LAST)] == [""]
    assert reasons(copy, LAST) == {"label_transitions": "previous user_labels would change"}


def test_dagster_is_told_of_a_version_once_it_is_raised(copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A "1" would make the UI call stale what it recorded without one."""
    monkeypatch.setitem(vars(trimmed_sessions.TABLE), "code_version", 3)
    versions = {spec.key: spec.code_version for spec in copy.definitions.resolve_all_asset_specs()}
    assert versions[dg.AssetKey("trimmed_sessions")] == "3"
    assert versions[dg.AssetKey("landed_sessions")] is None


def test_an_equal_quantile_written_otherwise_changes_nothing(copy: Project) -> None:
    assert reasons(copy.with_settings(FLYWHEEL_TRIM_QUANTILE="0.9990"), LAST) == {}


def test_landed_files_that_were_archived_do_not_change_who_came_from_where(copy: Project) -> None:
    (copy.settings.landing_dir / "january.parquet").unlink()
    before = copy.rows("label_transitions", AFTER_GAP)
    assert copy.materialize(AFTER_GAP, "label_transitions").success
    assert copy.rows("label_transitions", AFTER_GAP) == before
    assert {row["From_Interval"] for row in before} == {3}


def test_an_interval_whose_file_vanished_fails_and_names_it_until_it_is_given_up(copy: Project) -> None:
    (copy.settings.landing_dir / "january.parquet").unlink()
    kept = copy.rows("landed_sessions", FIRST)

    (run,) = copy.run(FIRST)
    assert run.failure.startswith("landed_sessions: january.parquet had sessions of interval 2024-01-15 and is gone")
    assert "--forget-missing" in run.failure
    assert copy.rows("landed_sessions", FIRST) == kept

    (run,) = copy.run_forgetting(FIRST)
    assert (run.failure, run.number("landed_sessions", "rows")) == ("", 0)


def test_an_export_that_rests_on_older_sessions_than_have_landed_warns(copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", "2024-03-02 10", 7)))
    assert copy.materialize(LAST, "landed_sessions").success
    result = copy.materialize(LAST, "enriched_export")
    check = checks(result, "enriched_export")["same_generation"]
    assert not check.passed
    assert "trimmed_sessions: landed_sessions changed" in (check.description or "")


def test_features_are_of_one_type_in_every_interval(project: Project) -> None:
    whole = sessions(("ann", "2024-01-15 00", 3))
    whole = whole.set_column(3, "pageviews", whole["pageviews"].cast("int8"))
    project.land("whole.parquet", whole)
    project.land("half.parquet", sessions(("ann", "2024-01-29 00", 2.5)))
    project.run(FIRST, GAP)
    types = {pq.read_schema(project.path("landed_sessions", key)).field("pageviews").type for key in (FIRST, GAP)}
    assert {str(found) for found in types} == {"double"}
    assert project.rows("landed_sessions", GAP)[0]["pageviews"] == 2.5
