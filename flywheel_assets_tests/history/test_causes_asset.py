"""A change of champion between two intervals: what users did, and what the model did."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from flywheel_assets.cli.report_runs import make_reports
from flywheel_assets.definitions import definitions
from flywheel_assets.orchestration.jobs import HISTORY_JOB, REPORTS_JOB
from flywheel_assets.orchestration.runs import step_failure
from flywheel_assets.registry.lifecycle import promote
from flywheel_assets.registry.shelves import champion
from flywheel_assets.report.pages import Pages
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import MODELS, QUIET, Project, checks, materializations, metadata
from flywheel_assets_tests.variants import write_candidate

NOW = datetime(2024, 3, 20, tzinfo=UTC)


@pytest.fixture
def lived(copy: Project, tmp_path: Path) -> Project:
    """The history, labelled by the shipped models, and a champion since then that sees everything threefold."""
    models = Path(shutil.copytree(MODELS, tmp_path / "models"))
    old = champion(models)
    made = write_candidate(models, "busy", session_scale=3.0)
    promote(models, made.version, NOW, old.version if old else None)
    return Project(tmp_path, FLYWHEEL_MODELS_DIR=str(models))


def told(project: Project, key: str) -> dg.ExecuteInProcessResult:
    return (
        definitions(project.settings)
        .resolve_job_def(HISTORY_JOB)
        .execute_in_process(
            run_config=QUIET,
            instance=project.instance,
            partition_key=key,
            asset_selection=[dg.AssetKey("transition_causes")],
            raise_on_error=False,
        )
    )


def by_user(project: Project, key: str) -> dict[str, str]:
    return {row["user_id"]: row["user_flywheel_label"] for row in project.rows("user_labels", key)}


def test_across_a_change_of_champion_the_interval_is_scored_by_the_one_before_too(lived: Project) -> None:
    same, before = by_user(lived, LAST), by_user(lived, AFTER_GAP)
    relabelled = lived.materialize(
        LAST, "session_predictions", "user_distributions", "user_labels", "label_transitions"
    )
    now = by_user(lived, LAST)
    result = told(lived, LAST)
    assert result.success

    assert now != same, "the new champion says something else"
    found = {
        (row["From_Label"], row["Same_Model_Label"], row["To_Label"]): row["User_Count"]
        for row in lived.rows("transition_causes", LAST)
    }
    triples = [(before.get(user, "Absent"), same[user], now[user]) for user in now]
    assert found == {triple: triples.count(triple) for triple in triples}
    said = metadata(materializations(result)["transition_causes"])
    assert (said["models_changed"], said["users_model"] + said["users_both"]) == (1, 3)
    assert all(check.passed for check in checks(result, "transition_causes").values())
    warned = checks(relabelled, "label_transitions")["same_model_version"]
    assert "transition_causes tells what users did" in (warned.description or "") or warned.passed
    assert not list((lived.settings.warehouse_dir / "_staging").iterdir())


@pytest.mark.parametrize("key", [FIRST, GAP, AFTER_GAP, LAST])
def test_where_one_champion_labelled_both_intervals_nothing_is_scored_again(lived: Project, key: str) -> None:
    result = told(lived, key)
    said = metadata(materializations(result)["transition_causes"])

    assert (said["models_changed"], said["users_model"], said["users_both"]) == (0, 0, 0)
    assert [(r["From_Label"], r["To_Label"], r["User_Count"]) for r in lived.rows("transition_causes", key)] == [
        (r["From_Label"], r["To_Label"], r["User_Count"]) for r in lived.rows("label_transitions", key)
    ]


def test_an_interval_without_users_needs_no_old_model(lived: Project) -> None:
    shutil.rmtree(lived.settings.models_dir / "archive")
    assert lived.materialize(AFTER_GAP, "session_predictions", "user_distributions", "user_labels").success
    assert told(lived, AFTER_GAP).success, "nobody was there in the interval before"


def test_old_models_that_are_gone_are_an_error_that_names_their_versions(lived: Project) -> None:
    shipped = champion(MODELS)
    assert shipped is not None
    assert lived.materialize(LAST, "session_predictions", "user_distributions", "user_labels").success
    shutil.rmtree(lived.settings.models_dir / "archive")

    failure = step_failure(next(event for event in told(lived, LAST).all_events if event.is_step_failure))

    assert failure.startswith(f"transition_causes: {AFTER_GAP} was labelled by other models than {LAST}, and they are")
    assert f"session model {shipped['session'].version} and user model {shipped['user'].version}" in failure
    assert "flywheel run --rescore" in failure


def test_the_models_of_before_may_be_the_champion_where_the_later_interval_is_the_older_one(lived: Project) -> None:
    assert lived.materialize(AFTER_GAP, "session_predictions", "user_distributions", "user_labels").success
    result = told(lived, LAST)
    assert metadata(materializations(result)["transition_causes"])["models_changed"] == 1


def test_the_report_tells_no_causes_of_the_labels_of_before_and_says_so_in_their_place(lived: Project) -> None:
    assert told(lived, LAST).success
    assert lived.materialize(LAST, "session_predictions", "user_distributions", "user_labels").success
    (interval,) = lived.intervals(LAST)
    archive = lived.settings.models_dir / "archive"
    archive.rename(archive.with_name("away"))
    job = definitions(lived.settings).resolve_job_def(REPORTS_JOB)

    with lived.flywheel() as flywheel:
        (run,) = (one for one in make_reports(flywheel, job, lived.instance, [interval]) if one)
        page = Pages(flywheel.warehouse.folder).path(interval).read_text()
    assert (run.failure.split(":")[0], run.paged) == ("transition_causes", True)
    assert "it is not of the labels that are there now (" in page
    assert "As labelled, " in page
    assert "Users by what their move" not in page

    archive.with_name("away").rename(archive)
    with lived.flywheel() as flywheel:
        (run,) = (one for one in make_reports(flywheel, job, lived.instance, [interval]) if one)
        page = Pages(flywheel.warehouse.folder).path(interval).read_text()
    assert (list(run.tables), run.failure) == (["transition_causes", "csv_copies"], "")
    assert "By the models of before, " in page
    assert "Users by what their move" in page
