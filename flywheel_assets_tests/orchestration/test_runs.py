"""The driver: which intervals a run is of, and that one which fails leaves the others to run."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flywheel_assets.cli.run import RUN_COLUMNS, run_lines
from flywheel_assets.errors import LandingError, SettingsError
from flywheel_assets.orchestration.resources import PARTITION_TAG
from flywheel_assets.ranges import intervals_to_run
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project, sessions

CLOSED = datetime(2024, 3, 11, tzinfo=UTC)
"""The moment in which the last interval of the history closes."""


def chosen(project: Project, first: str | None = None, last: str | None = None, now: datetime = CLOSED) -> list[str]:
    with project.flywheel() as flywheel:
        return [interval.key for interval in intervals_to_run(flywheel, first, last, now)]


def test_a_run_is_from_the_first_interval_with_data_to_the_last_closed_one_gaps_included(history: Project) -> None:
    assert chosen(history) == [FIRST, GAP, AFTER_GAP, LAST]


def test_an_interval_is_run_from_the_moment_that_it_closes(history: Project) -> None:
    a_second_before = datetime(2024, 3, 10, 23, 59, 59, tzinfo=UTC)

    assert chosen(history, now=a_second_before) == [FIRST, GAP, AFTER_GAP]


def test_a_run_ends_with_the_interval_after_the_last_with_data(history: Project) -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    assert chosen(history, now=datetime(2024, 3, 25, tzinfo=UTC)) == [FIRST, GAP, AFTER_GAP, LAST, "2024-03-11"]
    assert chosen(history, now=now) == [FIRST, GAP, AFTER_GAP, LAST, "2024-03-11"]
    assert chosen(history, "2024-05-06", now=now) == ["2024-05-06"]
    assert chosen(history, "2024-05-06", "2024-05-06", now=now) == ["2024-05-06"]
    with history.flywheel() as flywheel:
        later = [interval.key for interval in flywheel.extent.without_data(now)]
    assert later == ["2024-03-25", "2024-04-08", "2024-04-22", "2024-05-06"]


def test_when_data_return_the_intervals_between_are_run(copy: Project) -> None:
    copy.land("back.parquet", sessions(("ann", "2024-05-07 00", 3)))

    keys = chosen(copy, now=datetime(2024, 6, 1, tzinfo=UTC))
    assert keys[-5:] == ["2024-03-11", "2024-03-25", "2024-04-08", "2024-04-22", "2024-05-06"]


def test_sessions_with_a_wrong_clock_make_no_decades(copy: Project) -> None:
    many = [(f"user{n}", "2024-02-27 00", 3) for n in range(2000)]
    copy.land("many.parquet", sessions(*many))
    copy.land("clock.parquet", sessions(("eve", "2033-01-01 00", 3)))

    now = datetime(2033, 6, 1, tzinfo=UTC)
    with copy.flywheel() as flywheel:
        assert [i.key for i in flywheel.extent.to_run(now)] == [FIRST, GAP, AFTER_GAP, LAST, "2024-03-11"]
        (problem,) = flywheel.problems()
    assert problem.startswith("clock.parquet has 1 sessions in 2032-12-20 - 2033-01-02, far from all others: probably")
    assert problem.endswith("To make that interval anyway: flywheel run --to 2032-12-20")


def test_a_range_may_be_asked_for(history: Project) -> None:
    assert chosen(history, GAP, AFTER_GAP) == [GAP, AFTER_GAP]
    assert chosen(history, first=AFTER_GAP) == [AFTER_GAP, LAST]
    assert chosen(history, last=GAP) == [FIRST, GAP]
    assert chosen(history, "2024-01-01", FIRST) == ["2024-01-01", FIRST]


@pytest.mark.parametrize(("first", "last"), [(None, "2024-03-11"), ("2024-03-11", None), ("2024-03-11", "2024-03-11")])
def test_an_open_interval_cannot_be_asked_for(history: Project, first: str | None, last: str | None) -> None:
    with pytest.raises(SettingsError, match=r"interval 2024-03-11 .* is not closed; the last closed one is 2024-02-26"):
        chosen(history, first, last)


def test_a_range_that_ends_before_it_begins_is_an_error(history: Project) -> None:
    with pytest.raises(SettingsError, match="from 2024-02-12 to 2024-01-15 there is no interval"):
        chosen(history, AFTER_GAP, FIRST)


def test_a_day_that_no_interval_starts_on_names_the_nearest(history: Project) -> None:
    with pytest.raises(SettingsError, match=r"no interval starts on 2024-01-16; the nearest is 2024-01-15"):
        chosen(history, "2024-01-16")


def test_before_the_first_interval_has_closed_there_is_nothing_to_run(history: Project) -> None:
    with pytest.raises(SettingsError, match="no interval is closed yet"):
        chosen(history, now=datetime(2024, 1, 14, tzinfo=UTC))


def test_data_in_an_open_interval_alone_is_nothing_to_run(history: Project) -> None:
    with pytest.raises(SettingsError, match=r"interval 2024-01-15 .* is not closed"):
        chosen(history, now=datetime(2024, 1, 20, tzinfo=UTC))


def test_an_empty_landing_folder_says_how_to_get_sample_data(project: Project) -> None:
    with pytest.raises(LandingError, match=r"no session has landed in .*landing; .*flywheel sample data"):
        chosen(project)


def test_a_landing_folder_of_unusable_files_says_what_is_wrong_with_them(project: Project) -> None:
    project.land("bad.parquet", sessions(("bob", "2024-01-15 00", 3)).drop_columns(["leads"]))

    with pytest.raises(LandingError, match=r"bad\.parquet has no column 'leads'"):
        chosen(project)


def test_runs_are_ordinary_runs_of_their_partition_oldest_first(history: Project) -> None:
    runs = history.instance.get_runs()[::-1]

    assert [run.tags[PARTITION_TAG] for run in runs] == [FIRST, GAP, AFTER_GAP, LAST]
    assert all(run.is_success for run in runs)


def test_an_interval_that_fails_is_reported_and_the_rest_go_on(project: Project) -> None:
    project.land("one.parquet", sessions(("ann", "2024-01-15 00", 3), ("ann", "2024-02-12 00", 3)))
    broken, whole = project.run(AFTER_GAP, FIRST)

    assert "user_labels of interval 2024-01-29" in broken.failure
    assert run_lines([broken])[0][1:6] == (1, 0, 0, 0, 1)
    assert whole.failure == ""


def test_what_a_failed_run_did_not_reach_has_no_numbers(tmp_path: Path) -> None:
    project = Project(tmp_path, FLYWHEEL_MODELS_DIR=str(tmp_path / "nowhere"))
    (run,) = project.run(FIRST)

    assert "nothing says which features a session has" in run.failure
    assert run_lines([run])[0][1:6] == (None,) * 5
    assert run.checks == ()


def test_a_run_is_told_in_a_line(project: Project) -> None:
    rows = [("ann", "2024-01-15 00", 3), ("ann", "2024-01-16 00", 3), ("bob", "2024-01-16 00", 3)]
    project.land("one.parquet", sessions(*rows))
    (run,) = project.run(FIRST)
    line = dict(zip(RUN_COLUMNS, run_lines([run])[0], strict=True))

    assert line["interval"] == "2024-01-15 - 2024-01-28"
    assert (line["sessions"], line["trimmed"], line["users"]) == (3, 0, 2)
    assert 0 < run.seconds < 60
    assert (line["passed"], line["warned"], line["failed"]) == tuple(
        sum(check.state == state for check in run.checks) for state in ("passed", "warned", "failed")
    )
    assert {check.check for check in run.checks if check.state == "warned"} >= {"guards"}
    assert len(run.checks) == 29


def test_a_late_file_reaches_the_tables_when_its_interval_runs_again(copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", "2024-02-26 05", 6), ("ann", "2024-02-27 09", 50)), minute=5)

    (run,) = copy.run(LAST)

    landed = {row["user_id"]: row["pageviews"] for row in copy.rows("landed_sessions", LAST)}
    assert landed == {"ann": 50, "cy": 4, "dan": 12, "eve": 6}
    assert run_lines([run])[0][1:6] == (4, 0, 1, 0, 4)
    assert pq.read_metadata(copy.path("enriched_export", LAST)).num_rows == 4
