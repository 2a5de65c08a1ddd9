"""What checks do in a run: which of them stop it, what they record, and that none of them breaks it."""

from dataclasses import replace
from typing import Any

import dagster as dg
import numpy as np
import pytest

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.landing.assets import SYSTEM as LANDING
from flywheel_assets.orchestration.checks import settled
from flywheel_assets.registry.scorer import Scorer, open_scorer
from flywheel_assets.sessions import session_predictions
from flywheel_assets.sessions.assets import SYSTEM as SESSIONS
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users.assets import SYSTEM as USERS
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import TABLES, Project, checks, materializations, metadata, sessions

SYSTEMS = (LANDING, SESSIONS, USERS)
CHECKS = [(name, check) for system in SYSTEMS for name, one in system.tables.items() for check in one.table.checks]
BLOCKING = [(table, check.name) for table, check in CHECKS if check.blocking]
OTHERS = [(table, check.name) for table, check in CHECKS if not check.blocking]


def judged(monkeypatch: pytest.MonkeyPatch, table: str, verdicts: list[Verdict]) -> None:
    """Have the checks of a table come to these verdicts."""
    system = next(system for system in SYSTEMS if table in system.tables)
    monkeypatch.setitem(system.tables, table, replace(system.tables[table], verdicts=lambda *_: verdicts))


def recorded(project: Project, table: str, check: str, key: str) -> dg.AssetCheckEvaluation:
    """The check of an interval as the instance remembers it."""
    check_key = dg.AssetCheckKey(dg.AssetKey(table), check)
    records = project.instance.event_log_storage.get_asset_check_execution_history(check_key, limit=100)
    found = [record.event.dagster_event.asset_check_evaluation_data for record in records]
    (only,) = [evaluation for evaluation in found if evaluation.partition == key]
    return only


def test_every_check_is_recorded_for_its_interval(history: Project) -> None:
    for table, check in [*BLOCKING, *OTHERS]:
        assert recorded(history, table, check, AFTER_GAP).description, f"{table}.{check}"


def test_checks_hold_the_numbers_that_they_rest_on(history: Project) -> None:
    conservation = metadata(recorded(history, "label_transitions", "conservation", AFTER_GAP))
    drift = metadata(recorded(history, "session_predictions", "drift_from_baseline", AFTER_GAP))

    assert (conservation["users"], conservation["users_before"], conservation["labels_wrong"]) == (2, 0, 0)
    assert {"psi", "noise_limit", "jensen_shannon_distance", "band", "details"} == {*drift}
    assert {record.data["label"] for record in drift["details"].records} == {
        "High Quality",
        "Medium Quality",
        "Low Quality",
        "Very Low Quality",
    }


def test_an_interval_without_sessions_passes_all_that_block(history: Project) -> None:
    assert all(recorded(history, table, check, GAP).passed for table, check in BLOCKING)


def test_bad_probabilities_stop_what_is_downstream_and_fail_the_run(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Scorer.score

    def doubled(scorer: Scorer, features: Any) -> tuple[Any, Any]:
        label, probabilities = score(scorer, features)
        return label, np.float32(2) * probabilities

    monkeypatch.setattr(Scorer, "score", doubled)
    result = copy.materialize(LAST, *TABLES)

    check = checks(result, "session_predictions")["probabilities"]
    assert not result.success
    assert (check.passed, check.blocking, metadata(check)["failing_rows"]) == (False, True, 3)
    assert {*materializations(result)} == {"landed_sessions", "trimmed_sessions", "session_predictions"}


DOWNSTREAM = {
    "landed_sessions": {*TABLES} - {"landed_sessions"},
    "session_predictions": {"user_distributions", "user_labels", "enriched_export", "label_transitions"},
    "user_distributions": {"user_labels", "enriched_export", "label_transitions"},
    "user_labels": {"enriched_export", "label_transitions"},
    "enriched_export": set(),
    "label_transitions": set(),
}


@pytest.mark.parametrize("table", DOWNSTREAM)
def test_a_failing_check_that_blocks_leaves_its_table_and_makes_none_below(
    copy: Project, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    checks = TABLES[table].checks
    blocking = [check.name for check in checks if check.blocking]
    judged(monkeypatch, table, [Verdict(c.name, c.name != blocking[0], "as the test says") for c in checks])

    (run,) = copy.run(LAST)

    made = {event for event in TABLES if table_is_made(copy, event)}
    assert made == {*TABLES} - DOWNSTREAM[table]
    assert f"{table}" in run.failure
    assert blocking[0] in run.failure


def table_is_made(project: Project, table: str) -> bool:
    """Whether the project's own runs made the table, whatever files it began with."""
    return project.instance.get_latest_materialization_event(dg.AssetKey(table)) is not None


def test_a_failing_check_that_does_not_block_leaves_the_run_successful(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, table in TABLES.items():
        judged(monkeypatch, name, [Verdict(c.name, c.blocking, "as the test says") for c in table.checks])

    (run,) = copy.run(LAST)

    assert run.failure == ""
    assert sorted((check.table, check.check) for check in run.checks if check.state == "failed") == sorted(OTHERS)


def test_over_one_per_cent_in_quarantine_fails_and_the_run_goes_on(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-01-15 00", 3), ("bob", "2024-01-16 00", -1)))

    result = project.materialize(FIRST, "landed_sessions", "trimmed_sessions")

    check = checks(result, "landed_sessions")["quarantine_rate"]
    assert result.success
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, False)
    assert metadata(check) == {"quarantined_rows": 1, "rows": 1, "quarantine_rate": 0.5}
    assert "trimmed_sessions" in materializations(result)


def test_an_exception_in_a_check_fails_the_checks_of_its_table_and_no_other(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[Verdict]:
        raise RuntimeError("the moon is full")

    monkeypatch.setattr(session_predictions, "verdicts", broken)
    result = copy.materialize(LAST, "trimmed_sessions", "session_predictions")

    found = checks(result, "session_predictions")
    assert {*found} == {check.name for check in session_predictions.CHECKS}
    assert not any(check.passed for check in found.values())
    assert {check.description for check in found.values()} == {"could not be computed: the moon is full"}
    assert all(check.passed for name, check in checks(result, "trimmed_sessions").items() if name != "guards")


def test_a_file_that_is_set_aside_is_warned_of_by_name(project: Project) -> None:
    project.land("good.parquet", sessions(("ann", "2024-01-15 00", 3)))
    project.land("bad.parquet", sessions(("bob", "2024-01-15 00", 3)).drop_columns(["leads"]))

    check = checks(project.materialize(FIRST, "landed_sessions"), "landed_sessions")["landed_files"]

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "bad.parquet has no column 'leads'" in (check.description or "")


def test_predictions_made_anew_from_other_sessions_make_the_export_of_mixed_generations(copy: Project) -> None:
    """The users were labelled by the sessions of before."""
    other = copy.with_settings(FLYWHEEL_TRIM_QUANTILE="0.9")
    other.materialize(LAST, "landed_sessions", "trimmed_sessions", "session_predictions")
    mixed = checks(other.materialize(LAST, "enriched_export"), "enriched_export")["same_generation"]
    other.materialize(LAST, "user_distributions", "user_labels")
    whole = checks(other.materialize(LAST, "enriched_export"), "enriched_export")["same_generation"]

    assert (mixed.passed, mixed.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert mixed.description == "user_distributions: session_predictions changed"
    assert whole.passed


def test_transitions_between_two_models_are_warned_of(copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flywheel, "scorers", property(lambda flywheel: {"user": _of_version(flywheel, "another")}))

    result = copy.materialize(LAST, "user_labels", "label_transitions")

    check = checks(result, "label_transitions")["same_model_version"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "another" in (check.description or "")


def _of_version(flywheel: Any, version: str) -> Scorer:
    scorer = open_scorer(flywheel.models, "user", flywheel.warehouse.folder)
    scorer.version = version
    return scorer


def test_a_failure_against_a_source_that_was_replaced_since_is_a_warning(copy: Project) -> None:
    failed = Verdict("conservation", False, "3 of 3 users now, 0 of 2 before")
    contract = Verdict("contract", False, "a column is missing")
    (interval,) = copy.intervals(LAST)

    def now() -> Verdict:
        with copy.flywheel() as flywheel:
            found, other = settled(flywheel, TABLES["label_transitions"], interval, lambda *_: [failed, contract])
        assert other == contract, "which rests on no source"
        return found

    assert now() == failed
    copy.land("late.parquet", sessions(("eve", "2024-02-13 05", 6)), minute=5)
    assert copy.materialize(AFTER_GAP, *[name for name in TABLES if name != "label_transitions"]).success
    assert now().state == "warned"
    assert "previous user_labels changed since the table was made" in now().summary
