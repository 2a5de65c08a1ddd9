"""The states of intervals: done, stale, failed, not run, open, and why."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from flywheel_assets.orchestration.failures import last_failures
from flywheel_assets.orchestration.jobs import CLUSTERS_JOB, HISTORY_JOB, REPORTS_JOB
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users.assets import SYSTEM
from flywheel_assets.users.spine import SPINE
from flywheel_assets.users.status import IntervalStatus, statuses
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import TABLES, Project, sessions

NOW = datetime(2024, 3, 20, tzinfo=UTC)
"""In the interval after the history's last."""


def by_key(project: Project, now: datetime = NOW) -> dict[str, IntervalStatus]:
    with project.flywheel() as flywheel:
        return {s.interval.key: s for s in statuses(flywheel, last_failures(project.instance, SPINE), now)}


def states(project: Project, now: datetime = NOW) -> dict[str, str]:
    return {key: status.state for key, status in by_key(project, now).items()}


def test_intervals_that_were_run_are_done_and_nothing_more_is_said(history: Project) -> None:
    found = by_key(history)

    assert {key: (s.landed, s.closed, s.state, s.why) for key, s in found.items()} == {
        FIRST: (3, True, "done", ""),
        GAP: (0, True, "done", ""),
        AFTER_GAP: (2, True, "done", ""),
        LAST: (3, True, "done", ""),
    }


def test_without_landed_sessions_there_is_no_interval(project: Project) -> None:
    assert by_key(project) == {}


def test_an_interval_that_was_never_run_says_so(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-02-26 00", 3)))

    assert states(project) == {LAST: "not run"}


def test_an_open_interval_says_when_it_closes(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-02-26 00", 3), ("ann", "2024-03-12 00", 3)))
    status = by_key(project)["2024-03-11"]

    assert (status.landed, status.closed, status.state) == (1, False, "open")
    assert status.why == "closes 2024-03-25 00:00 UTC"


def test_what_was_made_before_the_interval_closed_is_done_and_says_so(history: Project) -> None:
    status = by_key(history, now=datetime(2024, 3, 1, tzinfo=UTC))[LAST]

    assert (status.closed, status.state, status.why) == (False, "done", "made before the interval closed")


def test_a_late_file_makes_its_interval_stale_until_it_is_run_again(copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", "2024-02-26 05", 6)), minute=5)
    stale = by_key(copy)
    copy.run(LAST)

    assert {key: s.state for key, s in stale.items()} == {FIRST: "done", GAP: "done", AFTER_GAP: "done", LAST: "stale"}
    assert (stale[LAST].landed, stale[LAST].why) == (4, "landed_sessions: late.parquet landed")
    assert states(copy)[LAST] == "done"


def test_the_transitions_of_the_interval_after_a_late_file_are_stale_too(copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", "2024-02-12 05", 6)), minute=5)
    stale = by_key(copy)
    copy.run(AFTER_GAP)
    half = by_key(copy)
    copy.materialize(LAST, "label_transitions")

    assert (stale[AFTER_GAP].state, stale[LAST].state) == ("stale", "stale")
    assert stale[LAST].why == "label_transitions: previous user_labels would change", "nothing was redone yet"
    assert (half[AFTER_GAP].state, half[LAST].state) == ("done", "stale")
    assert half[LAST].why == "label_transitions: previous user_labels changed"
    assert states(copy)[LAST] == "done"


def test_another_trimming_quantile_makes_the_trimmed_sessions_stale(copy: Project) -> None:
    found = by_key(copy.with_settings(FLYWHEEL_TRIM_QUANTILE="0.99"))

    assert found[LAST].why == "trimmed_sessions: trim quantile was 0.999, is 0.99"


def test_a_table_that_is_gone_is_missed(copy: Project) -> None:
    copy.path("user_labels", LAST).unlink()

    assert (by_key(copy)[LAST].state, by_key(copy)[LAST].why) == ("stale", "user_labels: it is not there")


def test_a_failed_interval_says_where_and_why_until_it_is_run_again(copy: Project) -> None:
    users = copy.path("user_labels", AFTER_GAP)
    aside = users.rename(users.with_suffix(".aside"))
    copy.land("late.parquet", sessions(("eve", LAST + " 05", 6)), minute=5)
    copy.run(LAST)
    failed = by_key(copy)[LAST]
    aside.rename(users)
    copy.run(LAST)

    assert failed.state == "failed"
    assert failed.why.startswith("label_transitions: ")
    assert "flywheel run --from 2024-02-12 --to 2024-02-12" in failed.why
    assert states(copy)[LAST] == "done"


def test_exports_made_under_another_wish_for_the_user_export_are_stale(copy: Project) -> None:
    status = by_key(copy.with_settings(FLYWHEEL_USER_EXPORT="false"))[LAST]

    assert (status.state, status.why) == ("stale", "enriched_export: user export was true, is false")


@pytest.mark.parametrize("table", [*TABLES, "user_export"])
@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_file_that_cannot_be_read_is_named_and_made_again_by_a_run(copy: Project, table: str, content: bytes) -> None:
    path = copy.path(table, FIRST)
    path.write_bytes(content)

    status = by_key(copy)[FIRST]
    named = f"enriched_export: {path.name} beside it" if table == "user_export" else f"{table}: it"
    assert (status.state, status.why) == ("stale", f"{named} cannot be read")
    assert [run.failure for run in copy.run(FIRST)] == [""]
    assert states(copy)[FIRST] == "done"


def test_a_user_export_that_is_gone_is_named_and_made_again_by_a_run(copy: Project) -> None:
    users = copy.path("user_export", LAST)
    users.unlink()

    assert by_key(copy)[LAST].why == f"enriched_export: {users.name} beside it is not there"
    assert [run.failure for run in copy.run(LAST)] == [""]
    assert (states(copy)[LAST], users.is_file()) == ("done", True)


def test_a_kill_between_both_exports_leaves_the_interval_stale_until_a_run(
    lived: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Warehouse.write

    def killed(warehouse: Warehouse, table: str, *rest: Any) -> Any:
        if table == "user_export":
            raise SystemExit
        return original(warehouse, table, *rest)

    users = lived.path("user_export", LAST)
    with monkeypatch.context() as patch, suppress(SystemExit):
        patch.setattr(Warehouse, "write", killed)
        lived.run(LAST)
    assert (
        left_as_they_are(lived)[LAST].why == f"enriched_export: {users.name} beside it was not made from these tables"
    )

    lived.run(LAST)
    assert left_as_they_are(lived)[LAST].why == ""
    versions = [
        {row["user_model_version"] for row in lived.rows(table, LAST)} for table in ("user_export", "enriched_export")
    ]
    assert versions[0] == versions[1]


def left_as_they_are(project: Project) -> dict[str, IntervalStatus]:
    """The states by the files alone, as after a kill: no run has said that it failed."""
    with project.flywheel() as flywheel:
        return {s.interval.key: s for s in statuses(flywheel, {}, NOW)}


@pytest.mark.parametrize("job", [HISTORY_JOB, REPORTS_JOB, CLUSTERS_JOB])
def test_a_failed_run_beside_the_spine_leaves_its_interval_done(copy: Project, job: str) -> None:
    failed_run(copy.instance, job)

    assert last_failures(copy.instance, SPINE) == {}
    assert states(copy)[LAST] == "done"


@pytest.mark.parametrize("table", ["interval_report", "user_labels"])
def test_of_a_run_that_was_killed_the_files_tell_what_is_left(copy: Project, table: str) -> None:
    failed_run(copy.instance, "__ASSET_JOB", table)

    assert last_failures(copy.instance, SPINE) == {}


def test_a_check_that_failed_is_made_again_with_its_table(copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    table = SYSTEM.tables["user_labels"]
    with monkeypatch.context() as patch:
        failing = [Verdict(check.name, not check.blocking, "wrong") for check in table.table.checks]
        patch.setitem(SYSTEM.tables, "user_labels", replace(table, verdicts=lambda *_: failing))
        copy.with_settings(FLYWHEEL_TRIM_QUANTILE="0.9990").run(LAST)

    found = last_failures(copy.instance, SPINE)[LAST]
    assert (found.table, found.check) == ("user_labels", True)
    assert by_key(copy)[LAST].state == "failed"
    copy.run(LAST)
    assert states(copy)[LAST] == "done"


def failed_run(instance: dg.DagsterInstance, job: str, *chosen: str) -> None:
    tags = {"dagster/partition": LAST}
    instance.add_run(
        dg.DagsterRun(
            job_name=job,
            tags=tags,
            asset_selection=frozenset(dg.AssetKey(name) for name in chosen) or None,
            status=dg.DagsterRunStatus.FAILURE,
        )
    )
