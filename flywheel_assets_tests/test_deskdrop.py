"""DeskDrop, a year of real events that the shipped models have never seen, from raw events to the last table: all 26
intervals by one run, against sessions that others cut."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.orchestration.runs import CheckLine, IntervalRun
from flywheel_assets.ranges import intervals_to_run
from flywheel_assets_tests.projects import QUIET, Project, materializations, metadata

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
