"""The step after a run, from what it saw."""

from dataclasses import replace

from flywheel_assets.cli.next_step import USUAL, next_step, step_after_status
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.runs import CheckLine, IntervalRun
from flywheel_assets.tables.verdict import State as Verdict
from flywheel_assets.users.status import IntervalStatus, State
from flywheel_assets_tests.histories import FIRST
from flywheel_assets_tests.projects import Project


def run_of(interval: Interval, state: Verdict, users: int = 9, failure: str = "") -> IntervalRun:
    check = CheckLine(state, "session_predictions", "drift_from_baseline", interval.key, "")
    return IntervalRun(1.0, (check,), failure, {"user_labels": {"rows": users}}, interval)


def test_where_every_interval_with_users_drifts_the_first_step_is_segments(copy: Project) -> None:
    interval = copy.settings.calendar.key(FIRST)
    drifts, empty = run_of(interval, "failed"), run_of(interval, "passed", users=0)

    assert next_step([drifts, empty, drifts]).startswith(
        "next: flywheel segments fit. Session labels drift from the training data of the models in all 2 intervals"
    )


def test_where_one_does_not_drift_it_is_what_there_is_to_look_at(copy: Project) -> None:
    interval = copy.settings.calendar.key(FIRST)

    for other in (run_of(interval, "passed"), run_of(interval, "warned")):
        assert next_step([run_of(interval, "failed"), other]) == f"next: {USUAL}"
    assert next_step([run_of(interval, "passed", users=0)]) == next_step([]) == f"next: {USUAL}"
    assert "make" not in USUAL, "commands work in any folder, not only in the clone"


def test_after_a_failure_it_is_the_command_that_says_why(copy: Project) -> None:
    failed = run_of(copy.settings.calendar.key(FIRST), "failed", failure="disk full")

    assert next_step([failed, failed]).startswith("next: flywheel status, which says what failed and why")


def test_a_status_leads_to_a_run_where_it_would_make_anything(copy: Project) -> None:
    interval = copy.settings.calendar.key(FIRST)

    def status(state: State, due: bool = False) -> IntervalStatus:
        return IntervalStatus(interval, 3, True, state, "", False, due)

    assert step_after_status([status("done"), status("stale", True)]) == "next: flywheel run"
    assert step_after_status([status("done", True)]) == step_after_status([status("failed")]) == "next: flywheel run"
    assert step_after_status([status("done"), status("open")]) == f"next: {USUAL}"
    assert step_after_status([status("open")]) == "next: land parquet files, then flywheel run"


def test_where_labels_wait_the_last_line_says_what_for_unless_something_failed_or_is_due(copy: Project) -> None:
    interval = copy.settings.calendar.key(FIRST)
    done = IntervalStatus(interval, 3, True, "done", "", False, False)

    assert next_step([run_of(interval, "passed")], "Labels wait.") == "Labels wait."
    assert next_step([run_of(interval, "failed", failure="disk full")], "Labels wait.").startswith("next: flywheel st")
    assert step_after_status([done], "Labels wait.") == "Labels wait."
    assert step_after_status([replace(done, due=True)], "Labels wait.") == "next: flywheel run"
