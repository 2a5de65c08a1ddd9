"""The assets that label: what they write, and what they say of it."""

import dagster as dg

from flywheel_assets.definitions import definitions
from flywheel_assets_tests.histories import FIRST, LAST
from flywheel_assets_tests.projects import QUIET, Project, materializations, metadata
from flywheel_assets_tests.training.test_sources import HIGH, IDS, LOW, fit, label_sessions, label_users

TABLES = ("session_labels", "user_labels_for_training")


def materialize(project: Project, *tables: str, first: str = FIRST, last: str = LAST) -> dg.ExecuteInProcessResult:
    ops = {"session_labels": {"config": {"first": first, "last": last}}} if "session_labels" in tables else {}
    return (
        definitions(project.settings)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            run_config={**QUIET, "ops": ops},
            instance=project.instance,
            asset_selection=[dg.AssetKey(table) for table in tables],
            raise_on_error=False,
        )
    )


def test_labels_of_segments_come_with_counts_tiers_and_the_file_to_edit(copy: Project) -> None:
    fit(copy)
    result = materialize(copy, *TABLES)
    sessions, users = (metadata(materializations(result)[table]) for table in TABLES)

    assert result.success
    assert (sessions["rows"], sessions["intervals"], sessions["range"]) == (8, 3, f"{FIRST} to {LAST}")
    assert [record.data for record in sessions["labels"].records] == [
        {"label": "Very Low Quality", "rows": 6},
        {"label": "Low Quality", "rows": 0},
        {"label": "Medium Quality", "rows": 0},
        {"label": "High Quality", "rows": 2},
    ]
    assert [(r.data["cluster"], r.data["label"], r.data["sessions"]) for r in sessions["tiers"].records] == [
        (1, "Very Low Quality", 6),
        (2, "High Quality", 2),
    ]
    assert sessions["edit"] == str(copy.settings.labels_dir / "segment_labels.toml")
    assert [(r.data["label"], r.data["users"]) for r in users["tiers"].records] == [
        ("Passive", 5),
        ("Highly Engaged", 2),
    ]
    assert users["rows"] == 7


def test_the_second_table_follows_from_the_first(copy: Project) -> None:
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS])
    label_users(copy, [("ann", "Engaged"), ("cy", "Passive")])
    assert materialize(copy, "session_labels").success
    result = materialize(copy, "user_labels_for_training")
    said = metadata(materializations(result)["user_labels_for_training"])

    assert said["source"] == "a team's own labels of 2 users"
    assert (said["rows"], "tiers" in said, "edit" in said) == (5, False, False)


def test_sessions_that_nobody_labelled_are_in_the_first_table_and_their_users_in_the_second(copy: Project) -> None:
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS if one != IDS[1]])
    label_users(copy, [("ann", "Engaged"), ("cy", "Passive")])
    sessions, users = (metadata(materializations(materialize(copy, table))[table]) for table in TABLES)

    assert (sessions["source"], sessions["rows"]) == ("a team's own labels of 5 of 8 sessions", 8)
    assert sum(record.data["rows"] for record in sessions["labels"].records) == 5
    assert users["rows"] == 5, "cy in the last interval too"


def test_what_cannot_be_labelled_fails_the_asset_and_leaves_no_file(copy: Project) -> None:
    assert not materialize(copy, *TABLES).success
    assert not (copy.settings.warehouse_dir / "training").exists()
