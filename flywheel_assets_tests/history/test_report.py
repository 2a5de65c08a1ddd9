"""From the warehouse to the page: what it is made from, when it is stale, and what is on record."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.cli.report_runs import ReportRun, in_short, make_reports, reportable
from flywheel_assets.errors import ArtefactError, NotMaterializedError, ReportError, SettingsError
from flywheel_assets.history import assets
from flywheel_assets.history import report as reports
from flywheel_assets.orchestration.jobs import REPORTS_JOB
from flywheel_assets.report.pages import Pages
from flywheel_assets.tables.verdict import Finding
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import HISTORY, TABLES, Project, materializations, metadata


def made(project: Project) -> list[tuple[str, int, str]]:
    """Makes the reports: of each that was made the interval, how many tables were made for it, and its failure."""
    job = project.definitions.resolve_job_def(REPORTS_JOB)
    with project.flywheel() as flywheel:
        runs = make_reports(flywheel, job, project.instance, reportable(flywheel, None)[0])
        return [(run.interval.key, len(run.tables), run.failure) for run in runs if run]


def page(project: Project, key: str) -> str:
    with project.flywheel() as flywheel:
        return Pages(flywheel.warehouse.folder).path(*project.intervals(key)).read_text()


@pytest.fixture(scope="module")
def told(history: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The history with its reports made once; not to be changed."""
    project = history.copied_to(tmp_path_factory.mktemp("told"))
    runs = made(project)
    assert [(key, failure) for key, _, failure in runs] == [(key, "") for key in (FIRST, GAP, AFTER_GAP, LAST)]
    return project


def test_every_interval_has_a_page_and_the_index_links_them_newest_first(told: Project) -> None:
    folder = told.settings.warehouse_dir / "reports"
    pages = sorted(path.name for path in folder.glob("interval_*.html"))
    assert [re.findall(r"\d{4}-\d\d-\d\d", name)[0] for name in pages] == [FIRST, GAP, AFTER_GAP, LAST]
    links = re.findall(r'href="(interval_[^"]*)"', (folder / "index.html").read_text())
    assert links == pages[::-1]
    assert (folder / "plotly.min.js").stat().st_size > 1_000_000
    assert f'href="{pages[2]}"' in page(told, LAST)


def test_the_pages_say_what_happened(told: Project) -> None:
    assert "2 users were active in this first interval" in page(told, FIRST)
    assert "Nobody was active in this interval; the 2 users of the previous interval did not come back" in page(
        told, GAP
    )
    assert "2 users were active, after an interval with no users: too few users to say more" in page(told, AFTER_GAP)
    assert (
        "3 users were active, 1 more than in the previous interval: too few users to say more. Too few users to say why"
        in page(told, LAST)
    )


def test_what_is_up_to_date_is_not_made_again_and_what_changed_is(told: Project, tmp_path: Path) -> None:
    project = told.copied_to(tmp_path)
    assert made(project) == []
    project.path("label_mix", AFTER_GAP).unlink()
    with project.flywheel() as flywheel:
        Pages(flywheel.warehouse.folder).path(*project.intervals(GAP)).unlink()
    assert [(key, failure) for key, _, failure in made(project)] == [(GAP, ""), (AFTER_GAP, ""), (LAST, "")]


def test_csv_copies_that_are_gone_or_older_than_their_table_are_made_again(told: Project, tmp_path: Path) -> None:
    project = told.copied_to(tmp_path)
    copies = project.settings.warehouse_dir / "csv"
    (copies / "label_mix.csv").unlink()
    assert made(project) == [(LAST, 1, "")]
    assert (copies / "label_mix.csv").is_file()
    assert made(project) == []
    project.path("sankey_links", FIRST).touch()
    assert made(project) == [(LAST, 1, "")]
    assert made(project) == []


def test_a_table_that_changes_while_the_page_is_made_leaves_it_stale(
    told: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = told.copied_to(tmp_path)
    (interval,) = project.intervals(LAST)
    read = reports._rows

    def read_and_changed(*asked: Any) -> Any:
        found = read(*asked)
        project.path("growth_accounting", FIRST).unlink(missing_ok=True)
        return found

    monkeypatch.setattr(reports, "_rows", read_and_changed)
    with project.flywheel() as flywheel:
        assert not reports.is_stale(flywheel, interval)
        reports.write_report(flywheel, reports.report_of(flywheel, interval, []))
        assert reports.is_stale(flywheel, interval)


def test_a_table_that_cannot_be_made_does_not_stop_the_page(
    told: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = told.copied_to(tmp_path)
    project.path("transition_causes", LAST).unlink()

    def gone(*_: object) -> None:
        raise ArtefactError("it was labelled by other models, and they are gone")

    monkeypatch.setattr(assets, "by_models_of", gone)
    ((key, _, failure),) = made(project)
    assert key == LAST
    assert "and they are gone" in failure
    with project.flywheel() as flywheel:
        assert not reports.is_stale(flywheel, *project.intervals(LAST))


def test_how_many_reports_were_made_is_counted_in_plain_words(told: Project) -> None:
    (interval,) = told.intervals(LAST)
    well, partly, badly = (ReportRun(interval, (), 1.0, *said) for said in (("", True), ("no", True), ("no", False)))
    assert in_short(6, [well] * 6) == "6 of 6 reports made"
    assert in_short(7, []) == "0 of 7 reports made, 7 already up to date"
    assert in_short(1, [badly]) == "0 of 1 report made, 1 could not be made"
    assert in_short(4, [well, partly, badly]) == (
        "2 of 4 reports made, 1 incomplete, 1 already up to date, 1 could not be made"
    )


def test_a_page_made_without_the_tables_of_history_says_what_is_missing(history: Project, tmp_path: Path) -> None:
    project = history.copied_to(tmp_path)
    result = project.materialize(LAST, "interval_report", job=REPORTS_JOB)
    assert result.success
    assert metadata(materializations(result)["interval_report"])["tables_missing"] == 4
    written = page(project, LAST)
    assert f"growth_accounting: it has not been made for {LAST}: flywheel report --interval {LAST}." in written
    assert 'class="plot" id="paths-chart"' in written


def test_the_asset_says_where_its_page_is_and_how_to_open_it(told: Project) -> None:
    key = dg.AssetKey("interval_report")
    event = told.instance.get_latest_materialization_event(key)
    assert event is not None
    materialization = event.asset_materialization
    assert materialization is not None
    found = metadata(materialization)
    assert Path(found["path"]).read_text() == page(told, LAST)
    assert found["open_with"] == f"xdg-open {found['path']}"
    assert found["users"] == 3


def test_an_interval_that_was_not_run_has_no_report_and_the_command_is_named(
    history: Project, project: Project
) -> None:
    with project.flywheel() as flywheel, pytest.raises(NotMaterializedError, match="no interval has been run yet"):
        reportable(flywheel, None)
    with history.flywheel() as flywheel:
        assert reportable(flywheel, GAP)[1].key == GAP
        with pytest.raises(NotMaterializedError, match="flywheel run --from 2024-01-01 --to 2024-01-01"):
            reportable(flywheel, "2024-01-01")
        with pytest.raises(SettingsError):
            reportable(flywheel, "2024-01-02")


def test_checks_come_from_the_record_and_without_one_are_computed_again(history: Project) -> None:
    (interval,) = history.intervals(LAST)
    with history.flywheel() as flywheel, dg.DagsterInstance.ephemeral() as nothing:
        recorded = assets.reported_findings(flywheel, interval, history.instance)
        computed = assets.reported_findings(flywheel, interval, nothing)

    def seen(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
        return sorted((f.table, f.check, f.state, f.summary) for f in findings)

    assert len(recorded) == 29
    assert seen(recorded) == seen(computed)
    pairs = zip(*(sorted(found, key=lambda f: (f.table, f.check)) for found in (recorded, computed)), strict=True)
    for one, other in pairs:
        assert one.numbers.get("psi") == pytest.approx(other.numbers.get("psi"), abs=1e-4)
        assert len(one.details) == len(other.details)


def test_drift_from_an_interval_that_was_made_again_since_is_computed_again(history: Project, tmp_path: Path) -> None:
    project = history.copied_to(tmp_path)
    project.instance = history.instance
    before = psi_from_previous(project)
    labels = project.path("user_labels", AFTER_GAP)
    rows = pq.read_table(labels)
    passive = pa.repeat(pa.scalar("Passive", rows.schema.field("user_flywheel_label").type), len(rows))
    pq.write_table(
        rows.set_column(rows.schema.get_field_index("user_flywheel_label"), "user_flywheel_label", passive), labels
    )
    assert abs(psi_from_previous(project) - before) > 0.01


def psi_from_previous(project: Project) -> float:
    """What the report of the last interval tells of how far user labels drifted from the interval before."""
    (interval,) = project.intervals(LAST)
    with project.flywheel() as flywheel:
        found = assets.reported_findings(flywheel, interval, project.instance)
    return next(float(f.numbers["psi"]) for f in found if (f.table, f.check) == ("user_labels", "drift_from_previous"))


def test_the_checks_of_every_table_are_told(told: Project) -> None:
    (interval,) = told.intervals(LAST)
    with told.flywheel() as flywheel:
        found = assets.reported_findings(flywheel, interval, told.instance)
    assert {finding.table for finding in found} == {*TABLES, *HISTORY}


def test_a_report_that_cannot_be_written_fails_alone_and_leaves_the_tables(
    told: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = told.copied_to(tmp_path)
    before = {p: p.read_bytes() for p in project.settings.warehouse_dir.rglob("part-0.parquet")}
    old = page(project, LAST)

    def full(*_: object) -> Path:
        raise ReportError("the report of 2024-02-26 could not be written to it: No space left on device")

    monkeypatch.setattr(Pages, "write", full)
    result = project.materialize(LAST, "interval_report", job=REPORTS_JOB)
    assert not result.success
    assert page(project, LAST) == old
    assert before == {p: p.read_bytes() for p in project.settings.warehouse_dir.rglob("part-0.parquet")}
