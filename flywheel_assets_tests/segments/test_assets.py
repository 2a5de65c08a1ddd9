"""The segments over a small history: three kinds of sessions in three intervals, fitted and assigned."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.errors import SegmentsError
from flywheel_assets.orchestration.failures import last_failures
from flywheel_assets.orchestration.jobs import CLUSTERS_JOB, SEGMENTS_JOB
from flywheel_assets.segments.files import SegmentFiles, segments_in_use
from flywheel_assets.segments.fitting import not_assigned, outcome_among
from flywheel_assets.segments.segments import Segments
from flywheel_assets.settings import Settings
from flywheel_assets.users.spine import SPINE
from flywheel_assets_tests.fits import sessions_of
from flywheel_assets_tests.projects import QUIET, Project, checks, materializations, metadata

FIRST, SECOND, THIRD = "2024-01-15", "2024-01-29", "2024-02-12"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little resampling as tells a stable fit from another."""
    monkeypatch.setattr("flywheel_assets.segments.clustering.RESAMPLES", 2)
    monkeypatch.setattr("flywheel_assets.segments.clustering.RESAMPLE_ATTEMPTS", 2)
    monkeypatch.setattr("flywheel_assets.segments.clustering.START_ATTEMPTS", 2)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer to draw than all else; the command's test draws them."""
    for name in ("elbow_png", "silhouette_png"):
        monkeypatch.setattr(f"flywheel_assets.segments.assets.{name}", lambda *_: b"")


@cache
def trimmed_in(folder: Path) -> Project:
    """Three intervals up to trimmed_sessions, not to be changed."""
    project = Project(folder, FLYWHEEL_SEGMENT_COUNTS="2-4")
    project.land("first.parquet", sessions_of(FIRST, bounce=30, reader=15, buyer=6))
    project.land("second.parquet", sessions_of(SECOND, bounce=30, reader=15, buyer=6))
    project.land("third.parquet", sessions_of(THIRD, bounce=5, reader=40, buyer=6))
    for key in (FIRST, SECOND, THIRD):
        assert project.materialize(key, "landed_sessions", "trimmed_sessions").success
    return project


@pytest.fixture
def trimmed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return trimmed_in(tmp_path_factory.getbasetemp() / "three_kinds").copied_to(tmp_path)


@cache
def job_of(settings: Settings, name: str) -> dg.JobDefinition:
    return definitions(settings).resolve_job_def(name)


def fit(project: Project, first: str = "", last: str = "", clusters: int = 0) -> dg.ExecuteInProcessResult:
    job = job_of(project.settings, SEGMENTS_JOB)
    ops = {
        "visit_features": {"config": {"first": first, "last": last}},
        "k_diagnostics": {"config": {"clusters": clusters}},
    }
    return job.execute_in_process({**QUIET, "ops": ops}, instance=project.instance, raise_on_error=False)


def assign(project: Project, key: str) -> dg.ExecuteInProcessResult:
    job = job_of(project.settings, CLUSTERS_JOB)
    return job.execute_in_process(QUIET, instance=project.instance, partition_key=key, raise_on_error=False)


@cache
def fitted_in(folder: Path) -> tuple[Project, dg.ExecuteInProcessResult]:
    """The three intervals with a fit of the first two, not to be changed."""
    project = trimmed_in(folder / "three_kinds").copied_to(folder / "fitted")
    return project, fit(project, FIRST, SECOND)


@pytest.fixture
def fitted(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return fitted_in(tmp_path_factory.getbasetemp())[0].copied_to(tmp_path)


def said(result: dg.ExecuteInProcessResult) -> str:
    """What the step that failed said, down to the cause."""
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    error = failed.step_failure_data.error
    while error.cause:
        error = error.cause
    return error.message


def folder(project: Project) -> Path:
    return project.settings.warehouse_dir / "segments"


def report(project: Project) -> dict[str, Any]:
    return json.loads((folder(project) / "model_report.json").read_text())


def test_the_kinds_that_there_are_become_clusters_with_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    trimmed, result = fitted_in(tmp_path_factory.getbasetemp())
    segments = Segments.from_json(report(trimmed))

    assert result.success
    assert [(c.id, c.sessions, c.conversion_rate) for c in segments.clusters] == [
        (1, 60, 0.0),
        (2, 30, 0.0),
        (3, 12, 1.0),
    ]
    assert segments.clusters[1].description.endswith("no leads")
    assert "very many leads" in segments.clusters[2].description
    assert segments.constant[:3] == ("favorites", "shares", "distinct_categories")
    assert segments.constant[3:] == ("favorites_per_detail_pageview", "shares_per_detail_pageview")
    assert all(check.passed for check in checks(result, "cluster_centers").values())
    assert sorted(path.name for path in folder(trimmed).iterdir()) == [
        "chosen_fit.json",
        "cluster_centers.parquet",
        "elbow.png",
        "k_diagnostics.parquet",
        "model_report.json",
        "silhouette.png",
        "visit_features.parquet",
    ]
    assert pq.read_table(folder(trimmed) / "k_diagnostics.parquet")["clusters"].to_pylist() == [2, 3, 4]
    visits = pq.read_table(folder(trimmed) / "visit_features.parquet")
    assert set(visits["interval_start"].to_pylist()) == {FIRST, SECOND}
    why = metadata(materializations(result)["k_diagnostics"])["why"]
    assert why.startswith("3 clusters: mean rank")


def test_a_fit_that_replaces_another_is_checked_itself(fitted: Project) -> None:
    first = report(fitted)["version"]
    again = fit(fitted, FIRST, SECOND, clusters=2)

    assert report(fitted)["version"] != first
    assert (checks(again, "cluster_centers")["centroid_sanity"].description or "").startswith("2 distinct centres")


def test_an_outcome_that_was_set_and_is_no_feature_is_an_error_and_the_fit_stays(fitted: Project) -> None:
    before = report(fitted)
    other = fitted.with_settings(FLYWHEEL_OUTCOME="lead")

    assert (
        "FLYWHEEL_OUTCOME is 'lead'; expected none or a feature: impressions, pageviews, detail_pageviews, "
        "favorites, shares, leads, distinct_categories, distinct_items"
    ) in said(fit(other, FIRST, SECOND))
    assert report(fitted) == before


def tick(project: Project) -> dg.SensorResult | dg.SkipReason:
    repository = definitions(project.settings).get_repository_def()
    context = dg.build_sensor_context(project.instance, repository_def=repository)
    return repository.get_sensor_def("clusters_sensor")(context)


def test_once_there_is_a_fit_its_clusters_follow_what_lands(trimmed: Project) -> None:
    before = tick(trimmed)
    assert isinstance(before, dg.SkipReason)
    assert before.skip_message.startswith("there are no segments")

    fit(trimmed, FIRST, SECOND)
    assign(trimmed, FIRST)

    after = tick(trimmed)
    assert isinstance(after, dg.SensorResult)
    assert [request.partition_key for request in after.run_requests or ()] == [SECOND, THIRD]


def test_every_session_of_an_interval_gets_its_cluster_and_the_mix_is_counted(fitted: Project) -> None:
    first, second, third = (assign(fitted, key) for key in (FIRST, SECOND, THIRD))

    assert first.success
    rows = fitted.rows("session_clusters", THIRD)
    kinds = {(row["session_id"].rstrip("0123456789."), row["cluster"]) for row in rows}
    assert kinds == {("bounce", 1), ("reader", 2), ("buyer", 3)}
    assert {row["converted"] for row in rows if row["cluster"] == 3} == {True}
    assert max(row["distance"] for row in rows) < 3
    mix = fitted.rows("cluster_mix", THIRD)
    assert [(row["Cluster"], row["Sessions"], row["Conversions"]) for row in mix] == [(1, 5, 0), (2, 40, 0), (3, 6, 6)]
    assert all(check.passed for check in checks(second, "cluster_mix").values())
    drift = checks(third, "cluster_mix")["mix_drift"]
    assert not drift.passed
    assert (drift.description or "").startswith("major against the previous interval by the same segments: PSI 1.359")
    assert checks(third, "session_clusters")["contract"].passed


def test_clusters_agree_with_those_of_scikit_learn(fitted: Project) -> None:
    """What streams by numpy alone is what K-Means would predict."""
    from sklearn.cluster import KMeans

    segments = Segments.from_json(report(fitted))
    visits = pq.read_table(folder(fitted) / "visit_features.parquet").to_pandas()
    scaled = (visits[list(segments.features)].to_numpy() - segments.means) / segments.scales
    model = KMeans(len(segments.ids), init=segments.centers, n_init=1, max_iter=1).fit(scaled)
    model.cluster_centers_ = segments.centers.copy()
    expected = dict(zip(visits["session_id"], np.array(segments.ids)[model.predict(scaled)], strict=True))

    found: dict[str, int] = {}
    for key in (FIRST, SECOND):
        assert assign(fitted, key).success
        found |= {row["session_id"]: row["cluster"] for row in fitted.rows("session_clusters", key)}
    assert found == expected


def test_a_refit_keeps_ids_and_a_fit_of_the_same_is_the_same(fitted: Project) -> None:
    first = report(fitted)
    fit(fitted, FIRST, SECOND)
    same = report(fitted)
    fit(fitted, THIRD, THIRD, clusters=3)
    moved = report(fitted)

    assert same["version"] == first["version"]
    assert (same["appeared"], same["vanished"]) == ([], [])
    outcomes = [{c["id"]: c["conversion_rate"] for c in one["clusters"]} for one in (first, moved)]
    assert outcomes[0] == outcomes[1] == {1: 0.0, 2: 0.0, 3: 1.0}
    assert moved["version"] != first["version"]


def test_another_fit_makes_clusters_stale_and_its_mix_is_not_compared_with_that_of_the_one_before(
    fitted: Project,
) -> None:
    assign(fitted, SECOND)
    with fitted.flywheel() as flywheel:
        assert list(not_assigned(flywheel)) == [FIRST, THIRD]
    fit(fitted, SECOND, THIRD)
    with fitted.flywheel() as flywheel:
        assert not_assigned(flywheel)[SECOND].startswith("segments was ")

    drift = checks(assign(fitted, THIRD), "cluster_mix")["mix_drift"]
    assert drift.passed
    assert "is missing, so there is no verdict" in (drift.description or "")


def test_the_setting_decides_how_many_unless_the_run_does_and_what_appeared_is_named(trimmed: Project) -> None:
    two = trimmed.with_settings(FLYWHEEL_SEGMENT_COUNT="2", FLYWHEEL_SEGMENT_COUNTS="2-2")

    fit(two)
    assert len(report(two)["clusters"]) == 2
    fit(two, clusters=3)
    assert len(report(two)["clusters"]) == 3
    assert report(two)["appeared"] in ([3], [3, 4])
    assert report(two)["why"].startswith("3 clusters, as asked for")


@pytest.mark.parametrize(
    ("outcome", "features", "found"),
    [
        ("", ("pageviews", "leads"), "leads"),
        ("", ("pageviews", "orders"), None),
        ("none", ("pageviews", "leads"), None),
        ("orders", ("pageviews", "orders"), "orders"),
    ],
)
def test_the_outcome_is_the_stated_feature_else_leads_where_there_is_one(
    outcome: str, features: tuple[str, ...], found: str | None
) -> None:
    assert outcome_among(outcome, features) == found


def test_without_an_outcome_conversion_is_unknown(trimmed: Project) -> None:
    other = trimmed.with_settings(FLYWHEEL_OUTCOME="none")
    fit(other)
    result = assign(other, THIRD)

    assert report(other)["outcome"] is None
    assert {row["Conversions"] for row in other.rows("cluster_mix", THIRD)} == {None}
    assert result.success
    assert "nothing to compare" in (checks(result, "cluster_mix")["conversion_drift"].description or "")


def test_clusters_without_a_fit_are_an_error_that_says_what_to_do(trimmed: Project) -> None:
    result = assign(trimmed, FIRST)

    assert not result.success
    assert "there are no segments, no file at" in said(result)
    assert "flywheel segments fit" in said(result)
    assert last_failures(trimmed.instance, SPINE) == {}, "the interval itself did not fail"


def test_a_report_that_is_none_is_an_error_that_names_it(trimmed: Project) -> None:
    folder(trimmed).mkdir()
    (folder(trimmed) / "model_report.json").write_text('{"features": []}')
    with (
        trimmed.flywheel() as flywheel,
        pytest.raises(SegmentsError, match=r"model_report.json is not the report of a fit"),
    ):
        segments_in_use(flywheel.warehouse)
    assert "is not the report of a fit" in said(fit(trimmed))


def test_a_range_with_an_interval_that_was_not_materialized_is_an_error_that_names_it(trimmed: Project) -> None:
    trimmed.path("trimmed_sessions", SECOND).unlink()

    assert f"trimmed_sessions of interval {SECOND}" in said(fit(trimmed))
    assert fit(trimmed, THIRD, THIRD).success


def test_a_fit_that_fails_leaves_the_one_before(fitted: Project) -> None:
    before = {path.name: path.read_bytes() for path in folder(fitted).iterdir()}
    result = fit(fitted, clusters=200)

    assert "200 clusters need more than 200 different sessions; there are" in said(result)
    after = {path.name: path.read_bytes() for path in folder(fitted).iterdir() if path.name != "visit_features.parquet"}
    assert after == {name: content for name, content in before.items() if name != "visit_features.parquet"}


def test_sessions_that_do_not_differ_are_an_error(project: Project) -> None:
    project.land("same.parquet", sessions_of(FIRST, bounce=1))
    project.materialize(FIRST, "landed_sessions", "trimmed_sessions")

    assert "every feature is constant over the 1 session:" in said(fit(project))


def test_before_any_run_there_is_nothing_to_cluster(project: Project) -> None:
    assert "no interval has been materialized, so there are no sessions to cluster: flywheel run" in said(fit(project))


def test_whatever_makes_a_table_of_a_fit_holds_the_segments(project: Project) -> None:
    """A second one waits, see the files' own test of the lock."""
    assets = definitions(project.settings).resolve_asset_graph().assets_defs
    locked = {asset.key.to_user_string() for asset in assets if "segments_lock" in asset.required_resource_keys}

    assert locked == {"visit_features", "k_diagnostics", "cluster_centers"}


def version_of_centers(project: Project) -> set[str]:
    return set(pq.read_table(folder(project) / "cluster_centers.parquet")["segments_version"].to_pylist())


@pytest.mark.parametrize("before", ["another fit", "no fit"])
def test_a_kill_between_the_report_and_the_centers_leaves_one_fit(
    fitted: Project, trimmed: Project, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Whichever is written first, the second is not; then the clusters of an interval are asked for."""
    project = fitted if before == "another fit" else trimmed
    write_report, keep, written = SegmentFiles.write_report, SegmentFiles.keep, []

    def first_only(name: str) -> None:
        if written:
            raise OSError("killed")
        written.append(name)

    def killed_at_report(files: SegmentFiles, content: Any) -> None:
        first_only("report")
        write_report(files, content)

    def killed_at_centers(files: SegmentFiles, table: Any, rows: Any) -> Any:
        if table.name == "cluster_centers":
            first_only("centers")
        return keep(files, table, rows)

    with monkeypatch.context() as killing:
        killing.setattr(SegmentFiles, "write_report", killed_at_report)
        killing.setattr(SegmentFiles, "keep", killed_at_centers)
        assert "killed" in said(fit(project, FIRST, SECOND, clusters=2))

    assert assign(project, FIRST).success
    assert version_of_centers(project) == {report(project)["version"]}
    assert len(report(project)["clusters"]) == 2
