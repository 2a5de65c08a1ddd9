"""Comparing a candidate on a holdout and on the latest interval, and what a promotion makes of it."""

import json
import os
import shutil
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.errors import ArtefactError, PromotionError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.promotion import promote, rollback
from flywheel_assets.registry.promotions_record import read_promotions
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.training.assets import COMPARISON_COLUMNS
from flywheel_assets.training.candidate_comparison import compare_bundles, latest_interval, promote_candidate
from flywheel_assets_tests.histories import AFTER_GAP, GAP, LAST
from flywheel_assets_tests.projects import MODELS, QUIET, Project, materializations, metadata
from flywheel_assets_tests.variants import write_candidate, write_holdout

NOW = datetime(2024, 3, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped champion, and the candidates: same, which labels as it does, and busy, which sees three times as
    much of everything. Both have the champion's labels for truth."""
    folder = tmp_path_factory.mktemp("lifecycle") / "models"
    shutil.copytree(MODELS, folder)
    for mark, scale in (("same", 1.0), ("busy", 3.0)):
        holdout(write_candidate(folder, mark, session_scale=scale).directory)
    return folder


def holdout(directory: Path) -> None:
    """Sessions of a page or two, which are of very low quality, by users who are passive."""
    rows = pd.DataFrame(0.0, range(60), list(FEATURES)).assign(
        impressions=4.0,
        pageviews=[1.0 + n % 2 for n in range(60)],
        session_id=[f"s{n}.1705300000" for n in range(60)],
        user_id=[f"u{n % 20}" for n in range(60)],
        interval_start=GAP,
        session_quality_label="Very Low Quality",
    )
    users = [{"user_id": f"u{n}", "interval_start": GAP, "user_flywheel_label": "Passive"} for n in range(20)]
    write_holdout(directory, rows, users)


@pytest.fixture
def lived(copy: Project, made_once: Path, tmp_path: Path) -> Project:
    """The history's files, and a models folder of its own to change."""
    shutil.copytree(made_once, tmp_path / "models")
    return Project(tmp_path, FLYWHEEL_MODELS_DIR=str(tmp_path / "models"))


def candidate(project: Project, mark: str) -> ModelBundle:
    folders = (project.settings.models_dir / "candidates").iterdir()
    return next(ModelBundle.open(f) for f in folders if (f / "README.md").read_text().endswith(mark))


def test_the_latest_interval_is_the_last_closed_one_with_sessions(
    lived: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for now in (
        NOW,
        datetime(2024, 3, 1, tzinfo=UTC),
        datetime(2024, 2, 12, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
    ):
        monkeypatch.setattr(Flywheel, "now", lambda _, now=now: now)
        with lived.flywheel() as flywheel:
            interval = latest_interval(flywheel)
            found.append(interval.key if interval else None)
    assert found == [LAST, AFTER_GAP, "2024-01-15", None]


def test_intervals_before_a_first_interval_that_was_moved_later_are_passed_over(lived: Project) -> None:
    same = candidate(lived, "same")
    for first, found in ((AFTER_GAP, LAST), ("2024-03-11", None)):
        with lived.with_settings(FLYWHEEL_FIRST_INTERVAL=first).flywheel() as flywheel:
            interval = latest_interval(flywheel)
            assert (interval.key if interval else None) == found
            assert compare_bundles(flywheel, same, flywheel.models).problems == ()


def test_a_candidate_that_labels_alike_flips_nothing_in_the_latest_interval(lived: Project) -> None:
    with lived.flywheel() as flywheel:
        found = compare_bundles(flywheel, candidate(lived, "same"), flywheel.models)

    latest = {flip.level: flip for flip in found.flips if flip.latest}
    assert (latest["sessions"].interval, latest["sessions"].rows, latest["sessions"].flipped) == (LAST, 3, 0)
    assert (latest["users"].rows, latest["users"].flipped) == (3, 0)
    assert (found.problems, {h.level: h.rows for h in found.holdout}) == ((), {"sessions": 60, "users": 20})


def test_flips_of_the_latest_interval_are_those_that_a_rescore_makes(lived: Project) -> None:
    before = {table: labels(lived, table) for table in ("session_predictions", "user_labels")}
    with lived.flywheel() as flywheel:
        busy = candidate(lived, "busy")
        found = {flip.level: flip for flip in compare_bundles(flywheel, busy, flywheel.models).flips if flip.latest}
    promote(lived.settings.models_dir, busy.version, NOW, ModelBundle.open(MODELS).version)
    assert lived.materialize(LAST, "session_predictions", "user_distributions", "user_labels").success

    for level, table in (("sessions", "session_predictions"), ("users", "user_labels")):
        after = labels(lived, table)
        pairs = [(before[table][key], after[key]) for key in after]
        assert set(found[level].pairs) == {(*pair, pairs.count(pair)) for pair in pairs}
        assert found[level].flipped == sum(one != other for one, other in pairs)
    assert found["sessions"].flipped > 0
    assert not list((lived.settings.warehouse_dir / "_staging").iterdir())


def labels(project: Project, table: str) -> dict[str, str]:
    key, label = {
        "session_predictions": ("session_id", "session_quality_label"),
        "user_labels": ("user_id", "user_flywheel_label"),
    }[table]
    return {row[key]: row[label] for row in project.rows(table, LAST)}


def test_a_candidate_that_is_as_good_is_promoted_and_its_figures_are_kept(lived: Project) -> None:
    same, before = candidate(lived, "same"), ModelBundle.open(MODELS).version
    with lived.flywheel() as flywheel:
        done, comparison = promote_candidate(flywheel, same.version, "newer data", forced=False)

    assert comparison is not None
    (kept,) = read_promotions(lived.settings.models_dir)
    assert (kept.version, kept.before, kept.why, kept.forced, kept.at) == (
        same.version,
        before,
        "newer data",
        False,
        "2024-03-20T00:00:00+00:00",
    )
    assert kept.figures["flips"] == {f"sessions of {LAST}": 0.0, f"users of {LAST}": 0.0}
    assert kept.figures["holdout"][0]["metrics"][0]["candidate"]["value"] == 1.0
    assert done.complete


def test_a_candidate_that_is_worse_and_flips_too_much_is_refused_with_every_reason(lived: Project) -> None:
    busy = candidate(lived, "busy")
    with lived.flywheel() as flywheel, pytest.raises(PromotionError) as refused:
        promote_candidate(flywheel, busy.version, "", forced=False)

    said = str(refused.value)
    for reason in (
        f"{busy.version} stays a candidate, the champion {ModelBundle.open(MODELS).version} as it is",
        "accuracy of sessions is worse beyond noise",
        f"of the sessions of {LAST} would get another label, more than FLYWHEEL_MAX_FLIPS (20.0%)",
        f'flywheel models promote {busy.version} --force --why "..."',
    ):
        assert reason in said
    assert ModelBundle.open(lived.settings.models_dir).version == ModelBundle.open(MODELS).version
    assert read_promotions(lived.settings.models_dir) == []


def test_a_forced_promotion_keeps_what_spoke_against_it(lived: Project) -> None:
    with lived.flywheel() as flywheel:
        done, _ = promote_candidate(
            flywheel, candidate(lived, "busy").version, "the old labels were wrong", forced=True
        )

    assert done.forced
    assert any("worse beyond noise" in one for one in done.objections)
    assert ModelBundle.open(lived.settings.models_dir).version == done.version


def test_more_flips_are_allowed_where_the_setting_says_so(lived: Project) -> None:
    other = lived.with_settings(FLYWHEEL_MAX_FLIPS="1")
    with other.flywheel() as flywheel, pytest.raises(PromotionError) as refused:
        promote_candidate(flywheel, candidate(lived, "busy").version, "", forced=False)
    assert "worse beyond noise" in str(refused.value)
    assert "another label" not in str(refused.value)


@pytest.mark.parametrize("name", ["holdout_sessions.parquet", "holdout_users.parquet"])
def test_without_a_holdout_a_candidate_is_refused_unless_forced(lived: Project, name: str) -> None:
    same = candidate(lived, "same")
    (same.directory / name).unlink()
    with lived.flywheel() as flywheel:
        with pytest.raises(PromotionError, match=rf"no figures on a holdout: .*{name} is missing"):
            promote_candidate(flywheel, same.version, "", forced=False)
        assert promote_candidate(flywheel, same.version, "no holdout was kept", forced=True)[0].forced


def test_an_archived_champion_is_compared_like_a_candidate_where_it_has_its_holdout(lived: Project) -> None:
    models_dir, same = lived.settings.models_dir, candidate(lived, "same")
    kept = {path.name: path.read_bytes() for path in same.directory.glob("holdout_*.parquet")}
    before = ModelBundle.open(models_dir).version
    promote(models_dir, same.version, NOW, before)
    rollback(models_dir, NOW)
    with lived.flywheel() as flywheel:
        with pytest.raises(PromotionError, match=f"{same.version} stays in the archive.*\n.*no figures on a holdout"):
            promote_candidate(flywheel, same.version, "", forced=False)
        for name, content in kept.items():
            (models_dir / "archive" / same.version / name).write_bytes(content)
        done, comparison = promote_candidate(flywheel, same.version, "as good", forced=False)

    assert comparison is not None
    assert (done.version, done.before, done.forced) == (same.version, before, False)
    assert ModelBundle.open(models_dir).version == same.version


def test_an_interval_that_the_candidate_cannot_score_speaks_against_it(lived: Project) -> None:
    path = lived.path("trimmed_sessions", LAST)
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["leads"]), path)
    with (
        lived.flywheel() as flywheel,
        pytest.raises(PromotionError, match=f"what would change in {LAST} is unknown: no column 'leads'"),
    ):
        promote_candidate(flywheel, candidate(lived, "same").version, "", forced=False)


def test_where_nothing_was_run_yet_the_holdout_decides_alone(lived: Project, tmp_path: Path) -> None:
    empty = Project(tmp_path / "empty", FLYWHEEL_MODELS_DIR=str(lived.settings.models_dir))
    with empty.flywheel() as flywheel:
        done, _ = promote_candidate(flywheel, candidate(lived, "same").version, "", forced=False)
    assert done.figures["flips"] == {}


def test_the_first_champion_needs_no_comparison(project: Project, tmp_path: Path) -> None:
    made = write_candidate(tmp_path / "own", "mine")
    with project.with_settings(FLYWHEEL_MODELS_DIR=str(tmp_path / "own")).flywheel() as flywheel:
        done, comparison = promote_candidate(flywheel, made.version, "", forced=False)
    assert (done.before, comparison) == (None, None)
    assert ModelBundle.open(tmp_path / "own").version == made.version


@pytest.mark.parametrize(("begin", "again"), list(product(("same",), ("same", "busy"))))
def test_an_interrupted_promotion_is_completed_without_comparing_again(
    lived: Project, monkeypatch: pytest.MonkeyPatch, begin: str, again: str
) -> None:
    models_dir = lived.settings.models_dir
    first, second = candidate(lived, begin).version, candidate(lived, again).version
    before = ModelBundle.open(MODELS).version
    with monkeypatch.context() as patched:
        patched.setattr("flywheel_assets.registry.promotion.write_whole", full)
        with pytest.raises(ArtefactError, match="No space"):
            promote(models_dir, first, NOW, before, "because")

    with lived.flywheel() as flywheel:
        if first == second:
            assert promote_candidate(flywheel, second, "", forced=False)[0].why == "because"
        else:
            with pytest.raises(ArtefactError, match=f"type it again to complete it: flywheel models promote {first}"):
                promote_candidate(flywheel, second, "", forced=False)


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def asset(project: Project, version: str) -> dg.ExecuteInProcessResult:
    return (
        definitions(project.settings)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            run_config={**QUIET, "ops": {"model_comparison": {"config": {"version": version}}}},
            instance=project.instance,
            asset_selection=[dg.AssetKey("model_comparison")],
            raise_on_error=False,
        )
    )


def test_the_asset_writes_the_comparison_and_says_what_speaks_against_a_promotion(lived: Project) -> None:
    busy = candidate(lived, "busy")
    result = asset(lived, busy.version)
    said = metadata(materializations(result)["model_comparison"])

    folder = Path(said["path"])
    value = json.loads((folder / "model_comparison.json").read_text())
    assert (value["candidate"], value["champion"]) == (busy.version, ModelBundle.open(MODELS).version)
    assert said["objections"] == len(value["objections"]) > 0
    assert "worse beyond noise" in said["against_a_promotion"]
    assert said["share_of_users_flipping"] == next(
        flip["share"] for flip in value["flips"] if flip["latest"] and flip["level"] == "users"
    )
    rows = pq.read_table(folder / "model_comparison.parquet")
    assert rows.column_names == [column.name for column in COMPARISON_COLUMNS]
    assert sum(r["Count"] for r in rows.to_pylist() if r["Latest"] and r["Level"] == "sessions") == 3


def test_a_champion_that_learnt_from_the_holdout_is_told_in_the_comparison_and_is_no_reason_to_refuse(
    lived: Project,
) -> None:
    manifest = lived.settings.models_dir / "manifest.json"
    changed = json.loads(manifest.read_text()) | {
        "training": {"intervals": [GAP, LAST], "validation_intervals": [LAST]}
    }
    manifest.write_text(json.dumps(changed))
    with lived.flywheel() as flywheel:
        found = compare_bundles(flywheel, candidate(lived, "same"), flywheel.models)
        _, compared = promote_candidate(flywheel, found.candidate, "", forced=False)

    assert found.remarks == ("the champion learnt from 1 of the holdout's 1 intervals, so its figures are too good",)
    assert compared == found


def test_without_a_version_the_asset_compares_the_newest_candidate(lived: Project) -> None:
    same = candidate(lived, "same")
    os.utime(same.directory / "manifest.json", (2e9, 2e9))
    said = metadata(materializations(asset(lived, ""))["model_comparison"])
    assert (said["candidate"], said["objections"]) == (same.version, 0)
