"""Data that end within an interval, from the landing folder to the page: a part of an interval is not a collapse."""

from typing import Any

import pytest

from flywheel_assets.cli.report_runs import make_reports
from flywheel_assets.history.levers import levers_of
from flywheel_assets.orchestration.jobs import REPORTS_JOB
from flywheel_assets.report.pages import Pages
from flywheel_assets_tests.projects import Project, sessions

KEYS = ("2024-01-01", "2024-01-15", "2024-01-29", "2024-02-12")
CUT, AFTER = KEYS[2], KEYS[3]


def land(project: Project, name: str, month: str, days: range) -> None:
    """Sixty users in turn, eight of them per day: each has about two sessions per interval."""
    rows = [(f"u{(8 * day + n) % 60}", f"2024-{month}-{day:02d} 12", 20 * n) for day in days for n in range(8)]
    project.land(name, sessions(*rows))


def page(project: Project, key: str) -> str:
    (interval,) = project.intervals(key)
    with project.flywheel() as flywheel:
        list(make_reports(flywheel, project.definitions.resolve_job_def(REPORTS_JOB), project.instance, [interval]))
        return Pages(flywheel.warehouse.folder).path(interval).read_text()


def ratios(project: Project, key: str) -> set[Any]:
    return {row[name] for row in project.rows("growth_accounting", key) for name in ("Retention", "Quick_Ratio")}


@pytest.fixture
def cut(project: Project) -> Project:
    """Two complete intervals, one of which data cover three days, and a complete one."""
    land(project, "january.parquet", "01", range(1, 32))
    land(project, "february.parquet", "02", range(12, 26))
    assert [run.failure for run in project.run(*KEYS)] == [""] * 4
    return project


def test_an_interval_that_data_cover_in_part_is_marked_and_nothing_is_concluded_until_they_are_complete(
    cut: Project,
) -> None:
    text = page(cut, CUT)
    assert "This interval is incomplete: it has sessions on 3 of its 14 days" in text
    assert "than in the previous interval" not in text
    assert ratios(cut, CUT) == {None}
    assert {row["Forecast_Users"] for row in cut.rows("transition_forecast", CUT)} == {None}

    text = page(cut, AFTER)
    assert "The previous interval is incomplete: it has sessions on 3 of its 14 days" in text
    assert "than in the previous interval" not in text
    assert ratios(cut, AFTER) == {None}
    assert None not in {row["Forecast_Users"] for row in cut.rows("transition_forecast", AFTER)}
    assert "29 January – 11 February 2024, incomplete" in index(cut)

    land(cut, "late.parquet", "02", range(1, 12))
    cut.run(CUT, AFTER)
    for key in (CUT, AFTER):
        text = page(cut, key)
        assert "incomplete" not in text
        assert "60 users were active, as many as in the previous interval" in text
        assert ratios(cut, key) != {None}
        assert None not in {row["Forecast_Users"] for row in cut.rows("transition_forecast", key)}
    assert "incomplete" not in index(cut)


def test_levers_start_from_the_last_complete_interval(project: Project) -> None:
    land(project, "january.parquet", "01", range(1, 32))
    assert [run.failure for run in project.run(*KEYS[:3])] == [""] * 3
    with project.flywheel() as flywheel:
        assert levers_of(flywheel, None).interval.key == KEYS[1]
        assert levers_of(flywheel, *project.intervals(CUT)).found == []


def test_an_outage_of_a_whole_interval_is_no_exodus(project: Project) -> None:
    land(project, "january.parquet", "01", range(1, 15))
    land(project, "february.parquet", "02", range(1, 12))
    assert [run.failure for run in project.run(*KEYS[:3])] == [""] * 3

    text = page(project, KEYS[1])
    assert "This interval is incomplete: it has no sessions on any of its 14 days." in text
    assert "did not come back" not in text
    assert "The previous interval is incomplete: it has no sessions" in page(project, CUT)
    assert ratios(project, KEYS[1]) == ratios(project, CUT) == {None}


def index(project: Project) -> str:
    return (project.settings.warehouse_dir / "reports" / "index.html").read_text()
