"""The explanation of a user: which interval it is of, and what it holds."""

import pytest

from flywheel_assets.errors import NotMaterializedError, UnknownUserError
from flywheel_assets.users.explanation import Explanation, explain
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project, sessions


def explained(project: Project, user: str, key: str | None = None) -> Explanation:
    with project.flywheel() as flywheel:
        return explain(flywheel, user, flywheel.calendar.key(key) if key else None)


def test_the_latest_interval_in_which_the_user_has_a_label_is_explained(history: Project) -> None:
    assert explained(history, "ann").interval.key == LAST
    assert explained(history, "bob").interval.key == FIRST


def test_an_interval_may_be_asked_for(history: Project) -> None:
    assert explained(history, "ann", FIRST).interval.key == FIRST


def test_the_sessions_are_the_users_by_start_with_shares_that_follow_from_their_labels(history: Project) -> None:
    found = explained(history, "ann", FIRST)
    labels = [row["session_quality_label"] for row in found.sessions]

    assert [row["pageviews"] for row in found.sessions] == [3, 40]
    assert {row["user_id"] for row in (*found.sessions, found.distribution, found.label)} == {"ann"}
    for label in labels:
        column = f"share_{label.lower().replace(' ', '_')}"
        assert found.distribution[column] == labels.count(label) / 2
    assert found.trimmed == 0


def test_sessions_that_were_trimmed_are_counted(project: Project) -> None:
    rows = [("ann", f"2024-01-{15 + day:02} {hour:02}", 1 + hour) for day in range(5) for hour in range(20)]
    project.land("one.parquet", sessions(*rows, ("ann", "2024-01-25 00", 500)))
    project.with_settings(FLYWHEEL_TRIM_QUANTILE="0.99").run(FIRST)

    found = explained(project, "ann")

    assert (len(found.sessions), found.trimmed) == (100, 1)


def test_an_unknown_user_is_told_from_known_ones(history: Project) -> None:
    with pytest.raises(UnknownUserError, match=r"user 'eve' has no label in any of the 4 intervals run; .*: ann, cy"):
        explained(history, "eve")


def test_a_user_without_a_label_in_the_interval_asked_for_is_unknown_there(history: Project) -> None:
    with pytest.raises(UnknownUserError, match=r"user 'bob' has no label in interval 2024-02-12 .*: ann, cy"):
        explained(history, "bob", AFTER_GAP)


def test_in_an_interval_without_users_there_is_none_to_name(history: Project) -> None:
    with pytest.raises(UnknownUserError, match=rf"user 'ann' has no label in interval {GAP} \([^)]*\)$"):
        explained(history, "ann", GAP)


def test_before_any_run_there_is_nothing_to_explain(project: Project) -> None:
    with pytest.raises(NotMaterializedError, match="no interval has been run yet: flywheel run"):
        explained(project, "ann")


def test_an_interval_that_was_not_run_cannot_be_explained(project: Project) -> None:
    with pytest.raises(NotMaterializedError, match=r"user_labels of interval 2024-01-15 .* has not been materialized"):
        explained(project, "ann", FIRST)
