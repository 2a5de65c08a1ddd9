"""Redoing what other models than the champion labelled, and nothing else."""

import re

import dagster as dg

from flywheel_assets.definitions import definitions
from flywheel_assets.orchestration.failures import last_failures
from flywheel_assets.orchestration.runs import IntervalRun, run_intervals
from flywheel_assets.registry.promotion import rollback
from flywheel_assets.registry.shelves import champion
from flywheel_assets.users.rescoring import Rescoring, rescorings
from flywheel_assets.users.spine import SPINE
from flywheel_assets.users.status import statuses
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST, NOW
from flywheel_assets_tests.projects import MODELS, Project, sessions


def planned(project: Project, first: str | None = None, last: str | None = None) -> list[Rescoring]:
    with project.flywheel() as flywheel:
        ends = [flywheel.interval(key) if key else None for key in (first, last)]
        return rescorings(flywheel, *ends)


def jobs(project: Project, first: str | None = None, last: str | None = None) -> list[tuple[str, str]]:
    return [(one.interval.key, one.job) for one in planned(project, first, last)]


def rescored(project: Project, first: str | None = None, last: str | None = None) -> list[IntervalRun]:
    made = definitions(project.settings)
    return [
        run
        for one in planned(project, first, last)
        for run in run_intervals(made.resolve_job_def(one.job), project.instance, [one.interval])
    ]


def states(project: Project) -> dict[str, tuple[str, str]]:
    with project.flywheel() as flywheel:
        found = statuses(flywheel, last_failures(project.instance, SPINE), NOW)
        return {one.interval.key: (one.state, one.why) for one in found}


def test_what_older_models_labelled_is_redone_from_trimmed_sessions_and_status_is_clean(lived: Project) -> None:
    was = {row["session_id"]: row["session_quality_label"] for row in lived.rows("session_predictions", FIRST)}
    trimmed = {key: lived.path("trimmed_sessions", key).stat().st_mtime_ns for key in (FIRST, GAP, AFTER_GAP, LAST)}
    assert {state for state, _ in states(lived).values()} == {"stale"}
    assert jobs(lived) == [(key, "rescore") for key in (FIRST, GAP, AFTER_GAP, LAST)]

    assert [run.failure for run in rescored(lived)] == [""] * 4

    assert states(lived) == dict.fromkeys((FIRST, GAP, AFTER_GAP, LAST), ("done", ""))
    assert {key: lived.path("trimmed_sessions", key).stat().st_mtime_ns for key in trimmed} == trimmed
    now = {row["session_id"]: row["session_quality_label"] for row in lived.rows("session_predictions", FIRST)}
    assert now.keys() == was.keys()
    assert now != was
    assert jobs(lived) == []


def test_why_names_the_models_that_labelled_it(lived: Project) -> None:
    shipped = champion(MODELS)
    assert shipped is not None
    why = {one.because for one in planned(lived)}
    assert why == {f"session model {shipped['session'].version} and user model {shipped['user'].version}"}


def test_an_interval_that_the_champion_labelled_is_left_alone_but_for_its_transitions(lived: Project) -> None:
    assert [run.failure for run in lived.run(AFTER_GAP)] == [""]
    before = lived.path("user_labels", AFTER_GAP).stat().st_mtime_ns

    assert jobs(lived) == [(FIRST, "rescore"), (GAP, "rescore"), (AFTER_GAP, "transitions"), (LAST, "rescore")]
    rescored(lived)

    assert lived.path("user_labels", AFTER_GAP).stat().st_mtime_ns == before
    assert set(states(lived).values()) == {("done", "")}


def test_a_range_may_be_asked_for(lived: Project) -> None:
    assert jobs(lived, GAP, AFTER_GAP) == [(GAP, "rescore"), (AFTER_GAP, "rescore")]
    assert jobs(lived, first=LAST) == [(LAST, "rescore")]


def test_after_a_rollback_it_is_the_other_way_round(lived: Project) -> None:
    rescored(lived, last=FIRST)
    rollback(lived.settings.models_dir, NOW)
    assert jobs(lived) == [(FIRST, "rescore"), (GAP, "transitions")]


def test_a_late_file_is_left_to_a_plain_run(lived: Project) -> None:
    lived.land("late.parquet", sessions(("eve", "2024-02-26 05", 6)), minute=5)
    rescored(lived, AFTER_GAP)
    assert states(lived)[LAST] == ("stale", "landed_sessions: landing changed (late.parquet landed)")
    assert len(lived.rows("session_predictions", LAST)) == 3


def test_landed_files_are_not_needed(lived: Project) -> None:
    for path in lived.settings.landing_dir.iterdir():
        path.unlink()
    assert [run.failure for run in rescored(lived, last=FIRST)] == [""]


def test_a_champion_of_other_features_has_its_intervals_run_from_landing(lived: Project) -> None:
    manifest = lived.settings.models_dir / "manifest.json"
    text, found = re.subn(r'("minimums": \[\s*)0\.0', r"\g<1>0.5", manifest.read_text(), count=1)
    assert found
    manifest.write_text(text)

    assert jobs(lived, last=GAP) == [(FIRST, "interval"), (GAP, "interval")]
    assert [run.failure for run in rescored(lived, last=GAP)] == [""] * 2
    assert [states(lived)[key] for key in (FIRST, GAP)] == [("done", "")] * 2


def test_a_warehouse_without_labels_has_nothing_to_redo(project: Project) -> None:
    assert jobs(project) == []


def test_what_a_kill_left_half_labelled_is_completed(lived: Project) -> None:
    job = definitions(lived.settings).resolve_job_def("rescore")
    reached = [dg.AssetKey(name) for name in ("session_predictions", "user_distributions", "user_labels")]
    job.execute_in_process(instance=lived.instance, partition_key=FIRST, asset_selection=reached)
    assert states(lived)[FIRST] == ("stale", "enriched_export: session_predictions changed; user_labels changed")

    assert jobs(lived, last=FIRST) == [(FIRST, "rescore")]
    rescored(lived)
    assert set(states(lived).values()) == {("done", "")}


def test_transitions_that_a_kill_left_of_old_labels_are_completed(lived: Project) -> None:
    rescored(lived, first=GAP)
    rescored(lived, last=FIRST)
    assert states(lived)[GAP] == ("stale", "label_transitions: previous user_labels changed")

    assert jobs(lived) == [(GAP, "transitions")]
    rescored(lived)
    assert set(states(lived).values()) == {("done", "")}
