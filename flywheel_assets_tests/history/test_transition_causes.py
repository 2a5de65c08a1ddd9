"""What moved users, users or models: of tables made by hand, and across a change of champion."""

import shutil
from collections import Counter

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_assets.cli.report_runs import make_reports
from flywheel_assets.history.transition_causes import transition_causes, users_by_cause, verdicts
from flywheel_assets.orchestration.jobs import HISTORY_JOB, REPORTS_JOB
from flywheel_assets.orchestration.runs import step_failure
from flywheel_assets.registry.shelves import champion
from flywheel_assets.report.pages import Pages
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.users.label_transitions import label_transitions
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import SECOND, frame, records
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import MODELS, Project, checks, materializations, metadata

ANY = st.sampled_from(["Engaged", "Exploring", "Passive"])
LABELS = st.dictionaries(st.sampled_from("abcdefgh"), ANY)
TWICE = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(ANY, ANY))


def labels(of_users: dict[str, str]) -> ir.Table:
    return frame({"user_id": "string", "user_flywheel_label": "string"}, list(of_users.items()))


def rows(
    engine: DuckDBEngine, now: dict[str, str], before: dict[str, str] | None, same: dict[str, str] | None
) -> list[dict[str, object]]:
    tables = [labels(one) if one is not None else None for one in (before, same)]
    return records(engine, transition_causes(labels(now), *tables, SECOND))


def causes(*of: object) -> dict[tuple[object, ...], int]:
    found = rows(*of)  # type: ignore[arg-type]
    return {(r["From_Label"], r["Same_Model_Label"], r["To_Label"], r["Cause"]): r["User_Count"] for r in found}  # type: ignore[misc]


def test_a_move_is_behaviour_where_the_old_model_saw_it_too_and_the_models_where_it_did_not(
    engine: DuckDBEngine,
) -> None:
    before = {"stays": "Engaged", "slows": "Engaged", "judged": "Engaged", "both": "Engaged", "undone": "Engaged"}
    same = {"stays": "Engaged", "slows": "Passive", "judged": "Engaged", "both": "Passive", "undone": "Passive"}
    now = {"stays": "Engaged", "slows": "Passive", "judged": "Passive", "both": "Exploring", "undone": "Engaged"}

    assert causes(engine, now, before, same) == {
        ("Engaged", "Engaged", "Engaged", "none"): 1,
        ("Engaged", "Passive", "Passive", "behaviour"): 1,
        ("Engaged", "Engaged", "Passive", "model"): 1,
        ("Engaged", "Passive", "Exploring", "both"): 1,
        ("Engaged", "Passive", "Engaged", "both"): 1,
    }


def test_who_arrives_or_leaves_does_so_by_behaviour_and_may_be_judged_otherwise_too(engine: DuckDBEngine) -> None:
    before = {"leaves": "Engaged"}
    same = {"arrives": "Passive", "arrives too": "Passive"}
    now = {"arrives": "Passive", "arrives too": "Engaged"}

    assert causes(engine, now, before, same) == {
        ("Engaged", ABSENT, ABSENT, "behaviour"): 1,
        (ABSENT, "Passive", "Passive", "behaviour"): 1,
        (ABSENT, "Passive", "Engaged", "both"): 1,
    }


def test_where_one_model_labelled_both_intervals_nothing_is_the_models(engine: DuckDBEngine) -> None:
    assert causes(engine, {"a": "Passive", "b": "Engaged"}, {"a": "Engaged", "b": "Engaged"}, None) == {
        ("Engaged", "Passive", "Passive", "behaviour"): 1,
        ("Engaged", "Engaged", "Engaged", "none"): 1,
    }


def test_at_the_first_interval_with_data_everyone_arrives(engine: DuckDBEngine) -> None:
    (row,) = rows(engine, {"a": "Engaged", "b": "Engaged"}, None, None)
    assert row == {
        "From_Label": ABSENT,
        "Same_Model_Label": "Engaged",
        "To_Label": "Engaged",
        "User_Count": 2,
        "Cause": "behaviour",
        "First_Day": SECOND.first_day,
        "Interval": 2,
        "Interval_Dates": SECOND.dates,
    }


def test_no_users_give_no_rows(engine: DuckDBEngine) -> None:
    assert rows(engine, {}, {}, {}) == []


@settings(max_examples=20)
@given(before=st.none() | LABELS, both=TWICE)
def test_without_the_step_in_between_they_are_the_label_transitions(
    engine: DuckDBEngine, before: dict[str, str] | None, both: dict[str, tuple[str, str]]
) -> None:
    same, now = ({user: pair[i] for user, pair in both.items()} for i in (0, 1))
    expected = records(engine, label_transitions(labels(now), None if before is None else labels(before), SECOND))
    summed: Counter[tuple[object, object]] = Counter()
    for row in rows(engine, now, before, same):
        summed[row["From_Label"], row["To_Label"]] += row["User_Count"]  # type: ignore[assignment]

    assert summed == {(row["From_Label"], row["To_Label"]): row["User_Count"] for row in expected}


@settings(max_examples=20)
@given(before=LABELS, both=TWICE)
def test_causes_are_those_of_a_loop_over_users(
    engine: DuckDBEngine, before: dict[str, str], both: dict[str, tuple[str, str]]
) -> None:
    expected: Counter[str] = Counter()
    for user in {*before, *both}:
        was, (same, now) = before.get(user, ABSENT), both.get(user, (ABSENT, ABSENT))
        expected[
            {(True, True): "none", (False, True): "behaviour", (True, False): "model"}.get(
                (was == same, same == now), "both"
            )
        ] += 1
    same_model, labels_now = ({user: pair[i] for user, pair in both.items()} for i in (0, 1))

    found = users_by_cause(rows(engine, labels_now, before, same_model))
    assert {cause: users for cause, users in found.items() if users} == expected


CAUSES = pd.DataFrame(
    [("Engaged", "Engaged", "Passive", 3), ("Engaged", "Absent", "Absent", 2), ("Absent", "Passive", "Passive", 4)],
    columns=["From_Label", "Same_Model_Label", "To_Label", "User_Count"],
)


def judged(causes: pd.DataFrame, now: dict[str, int], before: dict[str, int]) -> dict[str, tuple[bool, str]]:
    return {v.check: (v.passed, v.summary) for v in verdicts(causes, now, before)}


def test_counts_that_sum_to_both_intervals_users_pass() -> None:
    assert judged(CAUSES, {"Passive": 7}, {"Engaged": 5}) == {
        "conservation": (True, "7 users now and 5 before, all accounted for"),
        "same_users": (True, "7 users, 0 of them with only one of both labels"),
    }


def test_a_label_whose_users_are_not_all_there_fails() -> None:
    assert judged(CAUSES, {"Passive": 8}, {"Engaged": 5})["conservation"] == (False, "To Passive: 7 of 8 users")


def test_a_user_whom_the_old_models_did_not_label_fails() -> None:
    causes = CAUSES.assign(Same_Model_Label=["Absent", "Absent", "Passive"])
    assert judged(causes, {"Passive": 7}, {"Engaged": 5})["same_users"] == (
        False,
        "7 users, 3 of them with only one of both labels",
    )


def test_no_users_pass() -> None:
    assert [passed for passed, _ in judged(CAUSES.iloc[:0], {}, {}).values()] == [True, True]


def test_verdicts_are_plain_values_that_dagster_takes() -> None:
    for verdict in verdicts(CAUSES, {"Passive": 7}, {"Engaged": 5}):
        assert isinstance(verdict.passed, bool)
        assert {type(number) for number in verdict.numbers.values()} == {int}


def told(project: Project, key: str) -> dg.ExecuteInProcessResult:
    return project.materialize(key, "transition_causes", job=HISTORY_JOB)


def by_user(project: Project, key: str) -> dict[str, str]:
    return {row["user_id"]: row["user_flywheel_label"] for row in project.rows("user_labels", key)}


def test_across_a_change_of_champion_the_interval_is_scored_by_the_one_before_too(lived: Project) -> None:
    same, before = by_user(lived, LAST), by_user(lived, AFTER_GAP)
    relabelled = lived.materialize(
        LAST, "session_predictions", "user_distributions", "user_labels", "label_transitions"
    )
    now = by_user(lived, LAST)
    result = told(lived, LAST)
    assert result.success

    assert now != same, "the new champion says something else"
    found = {
        (row["From_Label"], row["Same_Model_Label"], row["To_Label"]): row["User_Count"]
        for row in lived.rows("transition_causes", LAST)
    }
    triples = [(before.get(user, "Absent"), same[user], now[user]) for user in now]
    assert found == {triple: triples.count(triple) for triple in triples}
    said = metadata(materializations(result)["transition_causes"])
    assert (said["models_changed"], said["users_model"] + said["users_both"]) == (1, 3)
    assert all(check.passed for check in checks(result, "transition_causes").values())
    warned = checks(relabelled, "label_transitions")["same_model_version"]
    assert "transition_causes tells what users did" in (warned.description or "") or warned.passed
    assert not list((lived.settings.warehouse_dir / "_staging").iterdir())


@pytest.mark.parametrize("key", [FIRST, GAP, AFTER_GAP, LAST])
def test_where_one_champion_labelled_both_intervals_nothing_is_scored_again(lived: Project, key: str) -> None:
    result = told(lived, key)
    said = metadata(materializations(result)["transition_causes"])

    assert (said["models_changed"], said["users_model"], said["users_both"]) == (0, 0, 0)
    assert [(r["From_Label"], r["To_Label"], r["User_Count"]) for r in lived.rows("transition_causes", key)] == [
        (r["From_Label"], r["To_Label"], r["User_Count"]) for r in lived.rows("label_transitions", key)
    ]


def test_an_interval_without_users_needs_no_old_model(lived: Project) -> None:
    shutil.rmtree(lived.settings.models_dir / "archive")
    assert lived.materialize(AFTER_GAP, "session_predictions", "user_distributions", "user_labels").success
    assert told(lived, AFTER_GAP).success, "nobody was there in the interval before"


def test_old_models_that_are_gone_are_an_error_that_names_their_versions(lived: Project) -> None:
    shipped = champion(MODELS)
    assert shipped is not None
    assert lived.materialize(LAST, "session_predictions", "user_distributions", "user_labels").success
    shutil.rmtree(lived.settings.models_dir / "archive")

    failure = step_failure(next(event for event in told(lived, LAST).all_events if event.is_step_failure))

    assert failure.startswith(f"transition_causes: {AFTER_GAP} was labelled by other models than {LAST}, and they are")
    assert f"session model {shipped['session'].version} and user model {shipped['user'].version}" in failure
    assert "flywheel run --rescore" in failure


def test_the_models_of_before_may_be_the_champion_where_the_later_interval_is_the_older_one(lived: Project) -> None:
    assert lived.materialize(AFTER_GAP, "session_predictions", "user_distributions", "user_labels").success
    result = told(lived, LAST)
    assert metadata(materializations(result)["transition_causes"])["models_changed"] == 1


def test_the_report_tells_no_causes_of_the_labels_of_before_and_says_so_in_their_place(lived: Project) -> None:
    assert told(lived, LAST).success
    assert lived.materialize(LAST, "session_predictions", "user_distributions", "user_labels").success
    (interval,) = lived.intervals(LAST)
    archive = lived.settings.models_dir / "archive"
    archive.rename(archive.with_name("away"))
    job = lived.definitions.resolve_job_def(REPORTS_JOB)

    with lived.flywheel() as flywheel:
        (run,) = (one for one in make_reports(flywheel, job, lived.instance, [interval]) if one)
        page = Pages(flywheel.warehouse.folder).path(interval).read_text()
    assert (run.failure.split(":")[0], run.paged) == ("transition_causes", True)
    assert "it rests on other labels than the present ones (" in page
    assert "How much of a change comes from the users and how much from the new models is not known." in page
    assert "Users by the cause of their move" not in page

    archive.with_name("away").rename(archive)
    with lived.flywheel() as flywheel:
        (run,) = (one for one in make_reports(flywheel, job, lived.instance, [interval]) if one)
        page = Pages(flywheel.warehouse.folder).path(interval).read_text()
    assert (list(run.tables), run.failure) == (["transition_causes", "csv_copies"], "")
    assert "Users by the cause of their move" in page
