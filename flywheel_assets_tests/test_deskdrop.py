"""DeskDrop, a year of real events that the shipped models have never seen, from raw events to the last table: all 26
intervals by one run, against sessions that others cut."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.engagement import engagement_ledger, engagement_scores
from flywheel_assets.engagement import page_file as engagement_page
from flywheel_assets.engagement.score_assets import TABLES as SCORE_TABLES
from flywheel_assets.engagement.score_rows import examples_for, history_at, learning_examples, score_task
from flywheel_assets.engagement.score_targets import TARGETS, folder
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import REPORTS_JOB, SCORES_JOB
from flywheel_assets.orchestration.runs import CheckLine, IntervalRun
from flywheel_assets.ranges import intervals_to_run
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.promotion import promote
from flywheel_assets.training.classifier import candidate, newest_rows
from flywheel_assets.training.classifier.candidate import train_classifier
from flywheel_assets.training.classifier.estimators import GRIDS, LOGISTIC, PLAIN, Kind
from flywheel_assets_tests.projects import MODELS, QUIET, Project, materializations, metadata

TRAINED = datetime(2024, 1, 1, tzinfo=UTC)

DATA = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).parents[2] / "shared" / "data")
EVENTS, SESSIONS = DATA / "deskdrop_events.parquet", DATA / "deskdrop_sessions.parquet"

MAPPING = """
[columns]
user = "user_id"
time = "event_time"
event = "event_name"
[events]
deduplicate = false  # as those who cut the sessions had it: 2,284 rows repeat another
[features]
impressions.count = []
pageviews.count = "VIEW"
detail_pageviews = { distinct = "item_id", events = "VIEW" }
favorites.count = ["LIKE", "BOOKMARK"]
shares.count = []
leads.count = ["COMMENT CREATED", "FOLLOW"]
distinct_categories.count = []
distinct_items.distinct = "item_id"
"""

pytestmark = pytest.mark.skipif(
    not SESSIONS.is_file(), reason=f"{SESSIONS.name} is not in ../shared/data, nor in TEST_DATA_DIR"
)


@dataclass(frozen=True)
class History:
    """A finished run over all intervals."""

    project: Project
    runs: list[IntervalRun]

    def all_of(self, table: str) -> pd.DataFrame:
        return pd.concat([self.of(table, run) for run in self.runs], ignore_index=True)

    def of(self, table: str, run: IntervalRun) -> pd.DataFrame:
        return self.project.table(table, run.interval.key).to_pandas()

    def checks(self, name: str) -> list[CheckLine]:
        return [check for run in self.runs for check in run.checks if check.check == name]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    project = Project(
        tmp_path_factory.mktemp("deskdrop"),
        FLYWHEEL_FIRST_INTERVAL="2016-03-14",
        FLYWHEEL_LAST_INTERVAL="2017-02-27",
    )
    project.settings.events_file.write_text(MAPPING)
    project.settings.events_dir.mkdir(parents=True)
    shutil.copy(EVENTS, project.settings.events_dir)
    with project.flywheel() as flywheel:
        intervals = intervals_to_run(flywheel, None, None, flywheel.now())
    return History(project, project.run(*(interval.key for interval in intervals)))


def test_all_26_intervals_run_to_their_end(history: History) -> None:
    assert [run.interval.number for run in history.runs] == list(range(1, 27))
    assert [run.failure for run in history.runs] == [""] * 26
    assert {len(run.checks) for run in history.runs} == {33}


def test_every_session_and_every_user_lands_once(history: History) -> None:
    source, landed = pd.read_parquet(SESSIONS), history.all_of("landed_sessions")
    made, theirs = (table[source.columns].sort_values("session_id", ignore_index=True) for table in (landed, source))

    assert len(landed) == 38_508
    assert landed.user_id.nunique() == 1_895
    assert landed.events.sum() == 72_312
    pd.testing.assert_frame_equal(made, theirs, check_dtype=False)


def test_sessions_sum_to_the_row_from_table_to_table(history: History) -> None:
    landed, trimmed = (len(history.all_of(table)) for table in ("landed_sessions", "trimmed_sessions"))

    assert landed - trimmed == sum(run.number("trimmed_sessions", "trimmed") or 0 for run in history.runs) > 0
    assert len(history.all_of("session_predictions")) == trimmed
    assert history.all_of("user_distributions").sessions.sum() == trimmed
    assert len(history.all_of("enriched_export")) == trimmed
    assert [run.number("user_labels", "rows") for run in history.runs] == [
        len(history.of("user_labels", run)) for run in history.runs
    ]


def test_transitions_conserve_the_users_of_every_pair_of_intervals(history: History) -> None:
    before: Counter[str] = Counter()
    for run in history.runs:
        moves = history.of("label_transitions", run)
        now = Counter(history.of("user_labels", run).user_flywheel_label)
        to = moves[moves.To_Label != "Absent"].groupby("To_Label").User_Count.sum()
        came = moves[moves.From_Label != "Absent"].groupby("From_Label").User_Count.sum()

        assert Counter(to.to_dict()) == now
        assert Counter(came.to_dict()) == before
        assert (moves.User_Count > 0).all()
        before = now
    assert all(check.state == "passed" for check in history.checks("conservation"))


def test_drift_from_the_baseline_fails_and_says_by_how_much(history: History) -> None:
    drift = history.checks("drift_from_baseline")
    failed = [check for check in drift if check.state == "failed"]
    key = dg.AssetCheckKey(dg.AssetKey("session_predictions"), "drift_from_baseline")
    records = history.project.instance.event_log_storage.get_asset_check_execution_history(key, limit=26)
    numbers = [metadata(record.event.dagster_event.asset_check_evaluation_data) for record in records]

    assert {check.table for check in failed} == {"session_predictions", "user_labels"}
    assert len([check for check in failed if check.table == "session_predictions"]) == 26
    assert all(check.summary.startswith("major against the training baseline: PSI ") for check in failed)
    assert all(number["psi"] > max(0.25, number["noise_limit"]) for number in numbers)
    assert all(0 < number["jensen_shannon_distance"] <= 1 and number["band"] == "major" for number in numbers)
    assert {check.state for check in history.checks("feature_drift")} == {"warned"}


def test_only_drift_and_the_mix_of_labels_fail(history: History) -> None:
    failed = {check.check for run in history.runs for check in run.checks if check.state == "failed"}

    assert failed <= {"drift_from_baseline", "drift_from_previous", "label_distribution"}


def test_growth_of_the_last_interval_is_that_of_sets_of_users_and_the_forecast_says_that_it_is_no_better(
    history: History,
) -> None:
    users = [set(history.of("user_labels", run).user_id) for run in history.runs]
    *earlier, before, now = users
    seen = set().union(*earlier)
    result = (
        definitions(history.project.settings)
        .resolve_job_def("history")
        .execute_in_process(run_config=QUIET, instance=history.project.instance, partition_key="2017-02-27")
    )

    everyone = history.project.rows("growth_accounting", "2017-02-27")[0]
    counts = [everyone[name] for name in ("New_Users", "Retained_Users", "Resurrected_Users", "Churned_Users")]
    assert counts == [len(now - before - seen), len(now & before), len((now & seen) - before), len(before - now)]
    assert counts == [1, 17, 6, 564]
    assert sum(len(now - set().union(*users[:n])) for n, now in enumerate(users)) == 1_895
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"better_than_no_change"}
    said = metadata(materializations(result)["transition_forecast"])
    assert said["headline"].startswith(
        "Not better than assuming no change: over 23 forecasts it was off by 26.3 users per"
    )
    assert said["covered"] == pytest.approx(0.93, abs=0.01)
    assert said["incomplete"] == 1
    assert {row["Forecast_Users"] for row in history.project.rows("transition_forecast", "2017-02-27")} == {None}
    assert (everyone["Retention"], everyone["Quick_Ratio"]) == (None, None)


def test_the_data_end_on_the_second_day_of_the_last_interval_and_every_other_one_is_complete(history: History) -> None:
    coverage = [check for check in history.checks("coverage") if check.table == "landed_sessions"]
    assert [check.state for check in coverage] == ["passed"] * 25 + ["warned"]
    assert coverage[-1].summary == (
        "sessions on 2 of its 14 days; those without (2017-03-01 to 2017-03-12) usually hold 79% of its sessions: it "
        "is incomplete, so nothing is concluded from it"
    )
    # The 2.9% of users who were active in those two days are no sign of other ids.
    assert {check.state for check in history.checks("retention_break")} == {"passed"}


# Engagement by interval

LEARNT, SCORED, JUDGED = "2017-01-16", "2017-01-30", "2017-02-13"
"""The models learn from outcomes of up to SCORED, so they may score that one and what follows."""


@pytest.fixture(scope="module")
def scored(history: History, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with models of engagement in use, and their tables of three intervals."""
    models = tmp_path_factory.mktemp("models") / "models"
    shutil.copytree(MODELS, models)
    project = history.project.with_settings(FLYWHEEL_MODELS_DIR=str(models))
    with project.flywheel() as flywheel, pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest_rows, "MOST_ROWS", 6_000)  # six intervals, to be quick
        patch.setitem(GRIDS, LOGISTIC, {"C": (1.0,)})
        patch.setattr(candidate, "EXPLAINED", 20)
        patch.setattr(candidate, "_jumps", lambda *_: [])  # a model without each input in turn
        for target in TARGETS:
            task, examples = score_task(project.settings, target), examples_for(flywheel, target)
            made = train_classifier(task, examples, "", TRAINED, lambda text: None, tried=[Kind(LOGISTIC, PLAIN)])
            assert made.bundle.classifiers[target.name].learnt_to == SCORED
            promote(task.models_dir, made.bundle.version, TRAINED, None)
    assert project.materialize(LEARNT, "engagement_history", "engagement_scores", job=SCORES_JOB).success
    for key in (SCORED, JUDGED):
        assert project.materialize(key, job=SCORES_JOB).success
    return project


def sessions_of(project: Project, *keys: str) -> pd.DataFrame:
    """The labelled sessions of some intervals, each with how many intervals before the last of them it is."""
    columns = ["user_id", "session_quality_label"]
    parts = [project.table("session_predictions", key).select(columns).to_pandas() for key in keys]
    return pd.concat([part.assign(age=len(keys) - 1 - place) for place, part in enumerate(parts)])


def test_histories_of_users_are_what_pandas_makes_of_their_sessions(history: History, scored: Project) -> None:
    last = next(run.interval.number for run in history.runs if run.interval.key == SCORED)
    keys = [run.interval.key for run in history.runs if last - 7 < run.interval.number <= last]  # 90 days reach into 7
    sessions = sessions_of(scored, *keys)
    sessions["best"] = sessions.session_quality_label == "High Quality"
    users, now = sessions.groupby("user_id"), sessions[sessions.age == 0]
    before = sessions[sessions.age > 0]
    labels = scored.table("user_labels", SCORED).to_pandas().set_index("user_id").user_flywheel_label
    expected = pd.DataFrame({"active_intervals": users.age.nunique(), "intervals_since_active": users.age.min()})
    expected["tenure_intervals"] = users.age.max()
    expected["sessions"] = now.groupby("user_id").size()
    expected["past_sessions"] = before.groupby("user_id").size()
    expected["best_sessions"] = now.groupby("user_id").best.sum()
    expected["past_best_sessions"] = before.groupby("user_id").best.sum()
    expected = expected.fillna(0)
    expected["intervals_since_best"] = sessions[sessions.best].groupby("user_id").age.min()
    expected["past_share_high_quality"] = users.best.mean()
    expected["share_high_quality"] = now.groupby("user_id").best.mean()
    found = scored.table("engagement_history", SCORED).to_pandas().set_index("user_id").sort_index()

    pd.testing.assert_frame_equal(found[list(expected)], expected.sort_index(), check_dtype=False)
    assert found.user_label.to_dict() == labels.reindex(found.index).fillna("Absent").to_dict()
    assert len(found) > len(labels) > 100


def test_the_chance_of_a_label_is_that_of_the_transitions_so_far(history: History, scored: Project) -> None:
    last = next(run.interval.number for run in history.runs if run.interval.key == SCORED)
    moves = history.all_of("label_transitions")
    passive = moves[(moves.From_Label == "Passive") & moves.Interval.between(last - 5, last)]
    stayed = passive[passive.To_Label != "Absent"].User_Count.sum() / passive.User_Count.sum()
    found = scored.table("engagement_history", SCORED).to_pandas()

    assert set(found[found.user_label == "Passive"].transition_active) == {stayed}


def test_scores_are_of_every_known_user_but_never_of_a_future_that_was_learnt(scored: Project) -> None:
    learnt, now = (scored.table("engagement_scores", key).to_pandas() for key in (LEARNT, SCORED))

    assert (len(learnt), len(now)) == (0, scored.table("engagement_history", SCORED).num_rows)
    assert now.probability_active.between(0, 1).all()
    assert now.probability_best_label.mean() < now.probability_active.mean()


def test_scores_of_before_a_promotion_stay_when_the_new_models_learnt_what_came_next(
    scored: Project, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(scored.settings.models_dir, models)
    project = scored.copied_to(tmp_path / "promoted").with_settings(FLYWHEEL_MODELS_DIR=str(models))
    for target in TARGETS:
        directory = folder(project.settings, target)
        bundle = ModelBundle.open(directory)
        shutil.copytree(directory, tmp_path / target.name)
        shutil.copytree(tmp_path / target.name, directory / "archive" / bundle.version)
        info = replace(bundle.classifiers[target.name], version="new", learnt_to=JUDGED)
        write_manifest(directory, (), libraries={}, classifiers=[info])
    with project.flywheel() as flywheel:
        (interval,), lineage = project.intervals(SCORED), flywheel.lineage
        assert flywheel.score_models.infos["activity"].version == "new"
        assert lineage.stale_because(engagement_scores.TABLE, interval, lineage.generation) == ""
    assert project.materialize(SCORED, "engagement_scores", job=SCORES_JOB).success
    assert project.table("engagement_scores", SCORED).equals(scored.table("engagement_scores", SCORED))


def test_scores_are_exported_to_a_file_of_their_own(scored: Project) -> None:
    path = scored.settings.warehouse_dir / "exports" / "engagement_interval_024_2017-01-30_2017-02-12.parquet"
    exported, scores = pd.read_parquet(path), scored.table("engagement_scores", SCORED).to_pandas()

    assert set(exported.Interval_Dates) == {"2017-01-30 - 2017-02-12"}
    pd.testing.assert_frame_equal(exported[list(scores)], scores)


def test_the_ledger_is_what_scikit_learn_makes_of_scores_and_the_sessions_after(scored: Project) -> None:
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    scores = scored.table("engagement_scores", SCORED).to_pandas().set_index("user_id")
    sessions = sessions_of(scored, JUDGED)
    best = sessions[sessions.session_quality_label == "High Quality"]
    rows = {(row["target"], row["method"]): row for row in scored.rows("engagement_ledger", JUDGED)}
    columns = {"model": "probability", "as in the last interval": "last", "transition chances": "transition"}

    assert len(rows) == 6
    for target, outcome, after in (("activity", "active", sessions), ("best_label", "best_label", best)):
        true = scores.index.isin(after.user_id)
        for method, prefix in columns.items():
            row, said = rows[target, method], scores[f"{prefix}_{outcome}"].astype(float)
            assert (row["users"], row["positives"]) == (len(true), true.sum())
            assert row["brier"] == pytest.approx(brier_score_loss(true, said))
            assert row["roc_auc"] == pytest.approx(roc_auc_score(true, said))
            assert row["pr_auc"] == pytest.approx(average_precision_score(true, said))
            if method != "model":
                assert row["brier_difference"] == pytest.approx(rows[target, "model"]["brier"] - row["brier"])
                assert row["brier_difference_low"] < row["brier_difference"] < row["brier_difference_high"]
                assert target == "best_label" or row["brier_difference_high"] < 0
    bins = [row for row in scored.rows("engagement_reliability", JUDGED) if row["target"] == "activity"]
    assert sum(row["predictions"] for row in bins) == 3 * len(scores)


def test_what_users_do_next_changes_no_history(
    scored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest_rows, "MOST_ROWS", 1)  # the newest pair of intervals
    copy = scored.copied_to(tmp_path / "altered")
    with copy.flywheel() as flywheel:
        interval, later = copy.intervals(SCORED, JUDGED)
        mix = flywheel.engine.collect(flywheel.warehouse.read("user_distributions", later)).slice(0, 5)
        flywheel.warehouse.keep("user_distributions", later, mix)
        rows = flywheel.engine.collect(history_at(flywheel, interval).order_by("user_id"))
        learnt = learning_examples(flywheel).to_pandas()

    assert rows.equals(scored.table("engagement_history", SCORED).sort_by("user_id"))
    assert set(learnt.interval_start) == {JUDGED}
    # So the outcomes, and nothing else, did change.
    assert set(learnt[learnt.active].user_id) == set(learnt.user_id) & set(mix["user_id"].to_pylist())


def test_an_open_interval_is_not_judged_and_is_once_it_closes(
    scored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = scored.copied_to(tmp_path / "open")
    with monkeypatch.context() as patch:
        patch.setattr(Flywheel, "now", lambda self: datetime(2017, 2, 26, tzinfo=UTC))
        assert copy.materialize(JUDGED, "engagement_ledger", job=SCORES_JOB).success
    assert copy.rows("engagement_ledger", JUDGED) == []
    with copy.flywheel() as flywheel:
        why = flywheel.lineage.stale_because(engagement_ledger.TABLE, *copy.intervals(JUDGED))
    assert why == "matured was no: the interval has not closed, is yes"


def test_a_project_without_models_of_engagement_has_none_of_their_tables(history: History) -> None:
    names = {key.to_user_string() for key in history.project.definitions.resolve_asset_graph().get_all_asset_keys()}

    assert not names & {table.name for table in SCORE_TABLES}


def test_the_page_of_engagement_says_how_scores_turned_out_beside_simpler_guesses(scored: Project) -> None:
    assert scored.materialize(JUDGED, "engagement_page", job=REPORTS_JOB).success
    with scored.flywheel() as flywheel:
        (interval,) = scored.intervals(JUDGED)
        assert not engagement_page.is_stale(flywheel, interval)
        pages, contents = engagement_page.PAGES.of(flywheel), engagement_page.content_of(flywheel, interval)
    text, index = pages.path(interval).read_text(), pages.index.read_text()
    assert f'<a href="{pages.path(interval).name}">Who comes back</a>' in index
    ledger = {(row["target"], row["method"]): row for row in scored.rows("engagement_ledger", JUDGED)}
    scores = scored.table("engagement_scores", JUDGED).to_pandas()
    for content, target in zip(contents, TARGETS, strict=True):
        (judgement,) = content.judgements
        assert judgement.row == ledger[target.name, "model"]
        assert f"it predicted {judgement.row['mean_probability']:.1%} on average" in text
        assert {row["method"] for row in judgement.beside} == {"as in the last interval", "transition chances"}
        assert content.highest[0].probability == scores[f"probability_{target.outcome}"].max()
        assert content.highest[0].reasons
    assert "The probabilities are better than the guess “as in the last interval”, beyond chance." in text
