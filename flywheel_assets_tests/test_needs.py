"""What a run makes: what is missing, stale or failed and what rests on it, and nothing else."""

import re
import shutil
from pathlib import Path

import pytest

from flywheel_assets.needs import Failure, needs
from flywheel_assets.orchestration.failures import last_failures
from flywheel_assets.orchestration.jobs import RUN_JOB
from flywheel_assets.orchestration.runs import IntervalRun, run_needs
from flywheel_assets.registry.promotion import promote, rollback
from flywheel_assets.registry.shelves import ARCHIVE, champion
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.users.status import statuses
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST, NOW
from flywheel_assets_tests.projects import MODELS, TABLES, Project, sessions
from flywheel_assets_tests.variants import write_candidate

KEYS = (FIRST, GAP, AFTER_GAP, LAST)
LABELS = ["session_predictions", "user_distributions", "user_labels", "enriched_export"]
ALL = [table.name for table in TABLES.values()]


def needed(project: Project, *keys: str, **options: bool) -> dict[str, list[str]]:
    """The tables that are needed, by key of their interval."""
    with project.flywheel() as flywheel:
        found = needs(flywheel, TABLES.values(), project.intervals(*keys or KEYS), {}, **options)
    return {need.interval.key: [*need.tables] for need in found}


def because(project: Project, key: str, failures: dict[str, Failure] | None = None) -> str:
    with project.flywheel() as flywheel:
        (need,) = needs(flywheel, TABLES.values(), project.intervals(key), failures)
    return need.because


def run(project: Project, *keys: str, **options: bool) -> list[IntervalRun]:
    """What `flywheel run` does, of the spine."""
    with project.flywheel() as flywheel:
        found = needs(flywheel, TABLES.values(), project.intervals(*keys or KEYS), {}, **options)
        job = project.definitions.resolve_job_def(RUN_JOB)
        return list(
            run_needs(flywheel, job, project.instance, found, TABLES.values(), options.get("forget_missing", False))
        )


def states(project: Project) -> dict[str, tuple[str, str]]:
    with project.flywheel() as flywheel:
        found = statuses(flywheel, last_failures(project.instance, TABLES.values()), NOW)
        return {one.interval.key: (one.state, one.why) for one in found}


def test_what_is_up_to_date_is_not_needed(history: Project) -> None:
    assert needed(history) == {}


def test_an_interval_that_was_never_made_needs_everything(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-02-26 00", 3)))

    assert needed(project, LAST) == {LAST: ALL}
    assert because(project, LAST) == "not made yet"


def test_a_late_file_needs_its_interval_and_the_transitions_of_the_next(copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", "2024-02-12 05", 6)), minute=5)

    assert needed(copy) == {AFTER_GAP: ALL, LAST: ["label_transitions"]}
    assert because(copy, AFTER_GAP) == "landed_sessions: late.parquet landed"
    assert because(copy, LAST) == "label_transitions: previous user_labels would change"

    assert [one.failure for one in run(copy)] == ["", ""]
    assert needed(copy) == {}


def test_a_table_that_is_gone_is_made_again_and_nothing_beside_it(copy: Project) -> None:
    copy.path("enriched_export", GAP).unlink()
    labels = copy.path("user_labels", GAP).stat().st_mtime_ns

    assert needed(copy) == {GAP: ["enriched_export"]}
    (made,) = run(copy)
    assert (made.failure, [*made.numbers]) == ("", ["enriched_export"])
    assert copy.path("user_labels", GAP).stat().st_mtime_ns == labels


def test_an_interval_whose_last_run_failed_is_made_from_where_it_failed(copy: Project) -> None:
    failures = {LAST: Failure("user_labels", "shares do not sum to 1")}

    assert because(copy, LAST, failures) == "user_labels: the last run failed: shares do not sum to 1"


def test_a_promotion_makes_nothing_stale_and_status_tells_it(lived: Project) -> None:
    assert needed(lived) == {}
    assert states(lived) == dict.fromkeys(KEYS, ("done", "labelled by an earlier model: flywheel run --rescore"))


def test_a_rescore_labels_from_trimmed_sessions_on_and_status_is_clean(lived: Project) -> None:
    was = {row["session_id"]: row["session_quality_label"] for row in lived.rows("session_predictions", FIRST)}
    trimmed = {key: lived.path("trimmed_sessions", key).stat().st_mtime_ns for key in KEYS}
    for path in lived.settings.landing_dir.iterdir():
        path.unlink()  # landed files may be archived by then
    assert needed(lived, by_champion=True) == {key: [*LABELS, "label_transitions"] for key in KEYS}

    assert [one.failure for one in run(lived, by_champion=True)] == [""] * 4

    assert {state for state, _ in states(lived).values()} == {"done"}
    assert {key: lived.path("trimmed_sessions", key).stat().st_mtime_ns for key in trimmed} == trimmed
    now = {row["session_id"]: row["session_quality_label"] for row in lived.rows("session_predictions", FIRST)}
    assert now.keys() == was.keys()
    assert now != was
    assert needed(lived, by_champion=True) == {}


def test_why_a_rescore_is_needed_names_both_models(lived: Project) -> None:
    shipped, now = champion(MODELS), champion(lived.settings.models_dir)
    assert shipped is not None
    assert now is not None
    with lived.flywheel() as flywheel:
        why = {need.because for need in needs(flywheel, TABLES.values(), lived.intervals(*KEYS), by_champion=True)}
    versions = shipped["session"].version, now["session"].version
    assert why == {"session_predictions: session model was {}, is {}".format(*versions)}


def test_an_interval_that_is_labelled_again_is_labelled_by_the_champion_alone(lived: Project) -> None:
    lived.path("user_labels", AFTER_GAP).unlink()

    assert needed(lived) == {AFTER_GAP: [*LABELS, "label_transitions"], LAST: ["label_transitions"]}
    assert [one.failure for one in run(lived)] == ["", ""]
    assert states(lived)[AFTER_GAP] == ("done", "")


def test_an_export_that_is_gone_keeps_the_labels_of_earlier_models(lived: Project) -> None:
    lived.path("enriched_export", AFTER_GAP).unlink()

    assert needed(lived) == {AFTER_GAP: ["enriched_export"]}


def test_an_interval_that_the_champion_labelled_is_left_alone_but_for_its_transitions(lived: Project) -> None:
    assert [one.failure for one in lived.run(AFTER_GAP)] == [""]

    rescored = needed(lived, by_champion=True)
    assert (rescored[FIRST], rescored[AFTER_GAP]) == ([*LABELS, "label_transitions"], ["label_transitions"])


def test_after_a_rollback_it_is_the_other_way_round(lived: Project) -> None:
    run(lived, FIRST, by_champion=True)
    rollback(lived.settings.models_dir, NOW)

    # The next interval's transitions are still of the labels that these will be.
    assert needed(lived, by_champion=True) == {FIRST: [*LABELS, "label_transitions"]}


def fit_on(project: Project, least_impressions: float) -> None:
    """Has the champion say that no session that it was fitted on had fewer impressions."""
    manifest = project.settings.models_dir / "manifest.json"
    text, found = re.subn(r'("minimums": \[\s*)0\.0', rf"\g<1>{least_impressions}", manifest.read_text(), count=1)
    assert found
    manifest.write_text(text)


def test_a_champion_fitted_on_another_minimum_of_the_same_sign_needs_no_landed_files(lived: Project) -> None:
    fit_on(lived, 3.0)

    assert needed(lived, FIRST, by_champion=True) == {FIRST: [*LABELS, "label_transitions"]}


def test_a_champion_of_other_features_has_its_intervals_made_from_landing(lived: Project) -> None:
    fit_on(lived, -0.5)

    assert needed(lived, FIRST) == {}
    assert needed(lived, FIRST, by_champion=True) == {FIRST: ALL}
    with lived.flywheel() as flywheel:
        (need,) = needs(flywheel, TABLES.values(), lived.intervals(FIRST), by_champion=True)
    assert need.because == "landed_sessions: features: impressions (also negative) in place of impressions"


def test_what_a_kill_left_half_labelled_is_completed(lived: Project) -> None:
    assert lived.materialize(FIRST, "session_predictions", "user_distributions", "user_labels").success
    assert states(lived)[FIRST] == ("stale", "enriched_export: session_predictions changed; user_labels changed")

    assert needed(lived, FIRST) == {FIRST: ["enriched_export", "label_transitions"]}
    assert needed(lived) == needed(lived, FIRST) | {GAP: ["label_transitions"]}


def test_files_that_vanished_need_nothing_until_their_sessions_are_given_up(copy: Project) -> None:
    (copy.settings.landing_dir / "february.parquet").unlink()

    assert needed(copy) == {}
    assert states(copy)[LAST] == ("done", "keeps the sessions of february.parquet, now gone or no longer usable")
    assert [*needed(copy, forget_missing=True)] == [AFTER_GAP, LAST]
    assert [one.failure for one in run(copy, forget_missing=True)] == ["", ""]
    assert copy.rows("landed_sessions", LAST) == []


def test_what_rests_on_an_interval_that_fails_waits_and_the_rest_goes_on(copy: Project) -> None:
    (copy.settings.landing_dir / "january.parquet").unlink()
    copy.land("late.parquet", sessions(("eve", "2024-01-16 05", 6)), minute=5)  # fails: january.parquet is gone
    copy.land("later.parquet", sessions(("eve", "2024-01-30 05", 6)), minute=5)

    first, second, third = run(copy)

    assert "january.parquet had sessions of interval 2024-01-15 and is gone" in first.failure
    assert (second.interval.key, second.failure, second.waits) == (GAP, "", {"label_transitions": FIRST})
    assert "enriched_export" in second.numbers
    assert (third.interval.key, third.failure, third.waits) == (AFTER_GAP, "", {})


def test_what_rests_on_an_interval_that_is_missing_waits_for_it(copy: Project) -> None:
    copy.path("user_labels", GAP).unlink()
    copy.path("label_transitions", AFTER_GAP).unlink()

    (only,) = run(copy, AFTER_GAP)

    assert (only.failure, only.waits, only.seconds) == ("", {"label_transitions": GAP}, 0)


def promoted_meanwhile(project: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str, str]:
    """The models folder, the version in use, and the version that is promoted while a run trims."""
    models = project.settings.models_dir
    before = champion(models)
    assert before is not None
    after = write_candidate(models, "meanwhile", session_scale=2.0).version
    original = trimmed_sessions.too_small

    def promoting(sessions: int, quantile: float) -> bool:
        promote(models, after, NOW, before.version)
        monkeypatch.setattr(trimmed_sessions, "too_small", original)
        return original(sessions, quantile)

    monkeypatch.setattr(trimmed_sessions, "too_small", promoting)
    return models, before.version, after


def test_a_run_ends_with_the_models_that_it_began_with_when_others_are_promoted_meanwhile(
    lived: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, before, after = promoted_meanwhile(lived, monkeypatch)

    assert [run.failure for run in lived.run(LAST)] == [""]

    now, old = champion(models), champion(models / ARCHIVE / before)
    assert now is not None
    assert old is not None
    assert now.version == after
    assert {row["session_model_version"] for row in lived.rows("enriched_export", LAST)} == {old["session"].version}
    assert {row["user_model_version"] for row in lived.rows("enriched_export", LAST)} == {old["user"].version}
    assert LAST in needed(lived, by_champion=True)


def test_models_that_were_replaced_during_a_run_and_are_nowhere_are_named_with_what_to_do(
    lived: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, before, after = promoted_meanwhile(lived, monkeypatch)
    promoting = trimmed_sessions.too_small

    def replacing(sessions: int, quantile: float) -> bool:
        found = promoting(sessions, quantile)
        shutil.rmtree(models / ARCHIVE / before)
        return found

    monkeypatch.setattr(trimmed_sessions, "too_small", replacing)
    (run,) = lived.run(LAST)

    assert run.failure == (
        f"session_predictions: the models in {models} were replaced during this run: it began with {before}, "
        f"the folder holds {after} and its archive no {before}; run it again"
    )


def test_only_a_failed_check_makes_a_table_needed_that_its_file_says_is_right(copy: Project) -> None:
    with copy.flywheel() as flywheel:
        broken_off = {LAST: Failure("landed_sessions", "january.parquet is gone", check=False)}
        assert needs(flywheel, TABLES.values(), copy.intervals(LAST), broken_off) == []


def test_an_interval_that_is_relabelled_for_a_failed_check_takes_the_transitions_of_the_next_along(
    lived: Project,
) -> None:
    failures = {GAP: Failure("session_predictions", "a label is missing")}
    with lived.flywheel() as flywheel:
        found = needs(flywheel, TABLES.values(), lived.intervals(*KEYS), failures)
        relabelled = {need.interval.key: [*need.tables] for need in found}

    assert relabelled == {GAP: [*LABELS, "label_transitions"], AFTER_GAP: ["label_transitions"]}
